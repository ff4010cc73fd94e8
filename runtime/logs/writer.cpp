#include "runtime/logs/writer.hpp"

#include "runtime/logs/index.hpp"
#include "runtime/logs/lines.hpp"
#include "runtime/logs/names.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace troupe::logs {

namespace {

using namespace std::chrono_literals;

constexpr auto check_every = 800ms;            // whether a file is still where it was
constexpr auto retry_after = 1s;               // what could not be written
constexpr auto sure_after = 3s;                // without a failure: the disk is well again
constexpr auto idle_after = 5s;                // then a file is closed
constexpr auto rescan_after = 10s;             // before files are removed for want of space
constexpr std::int64_t note_every = 1'000'000; // microseconds
constexpr std::size_t most_gathered = 16 * 1024;
constexpr std::uint64_t least_size = 4096; // of a file

std::string describe(int error) {
  if (error == EINVAL || error == EISDIR)
    return "it is no regular file";
  return error == ELOOP ? "it is a symbolic link" : std::strerror(error);
}

bool of_the_disk(int error) {
  return error == ENOSPC || error == EDQUOT || error == EIO || error == EROFS;
}

} // namespace

writer::writer(writer_options options, hand_over& blocks,
               std::function<void(const std::string&)> trouble)
    : options_(std::move(options))
    , blocks_(blocks)
    , trouble_(std::move(trouble)) {
  if (!options_.write)
    options_.write = ::write;
  // Two descriptors a log: a quarter of what we may have is for them.
  if (rlimit limit{}; ::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    options_.most_open = std::min(options_.most_open, std::max<std::size_t>(limit.rlim_cur / 8, 8));
}

void writer::run() {
  if (make_directories(options_.folder, options_.folder + "/x") == 0)
    static_cast<void>(::chmod(options_.folder.c_str(), 0700) == 0);
  look_again();
  swept_ = clock::now();
  while (!blocks_.closed()) {
    auto x = blocks_.take(files_.empty() ? 1h : std::chrono::milliseconds{idle_after});
    now_ = clock::now();
    if (x) {
      put(x->pieces);
      blocks_.recycle(std::move(x));
    }
    if (now_ - swept_ >= idle_after)
      close_idle();
  }
}

void writer::look_again() {
  inventory_.scan(options_.folder);
  scanned_ = clock::now();
  blocks_.progress();
}

// -- one piece -----------------------------------------------------------------------------

// Log by log, so that the lines of each need one write.
void writer::put(std::vector<piece>& pieces) {
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const piece& a, const piece& b) { return a.to->log < b.to->log; });
  for (std::size_t i = 0; i < pieces.size();) {
    auto x = pieces[i++];
    const auto joins = [&](const piece& next) {
      return next.to == x.to && next.shaped == x.shaped && !next.after_loss
             && next.time - x.time < note_every
             && x.bytes.size() + next.bytes.size() <= most_gathered;
    };
    if (i < pieces.size() && joins(pieces[i])) {
      gathered_ = x.bytes;
      for (; i < pieces.size() && joins(pieces[i]); ++i) {
        gathered_ += pieces[i].bytes;
        x.raw += pieces[i].raw;
        x.bytes = gathered_;
      }
    }
    put(x);
  }
}

void writer::put(const piece& x) {
  auto& file = file_of(x);
  auto bytes = x.bytes;
  if (x.after_loss)
    file.lossy = true;
  // After a loss the log goes on with a whole line.
  if (file.lossy && !x.line_start) {
    const auto end = first_newline(bytes);
    const auto skipped = end == std::string_view::npos ? bytes.size() : end + 1;
    drop(x, skipped, x.to->why.load(std::memory_order_relaxed));
    bytes.remove_prefix(skipped);
  }
  if (!bytes.empty())
    store(file, x, bytes);
}

void writer::store(log_file& file, const piece& x, std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t done = 0;
    const int error = ready(file, x) ? write_some(file, x, bytes, done) : reason_;
    bytes.remove_prefix(done);
    if (error != 0) {
      drop(x, bytes.size(), error);
      file.lossy = true;
      if (disk_troubled_)
        lost_ += bytes.size();
      return;
    }
    blocks_.progress();
  }
}

// Of a piece that stands in another form, the same share of what the bot wrote.
void writer::drop(const piece& x, std::size_t bytes, int reason) {
  if (bytes > 0 && x.raw > 0)
    x.to->drop(x.raw == x.bytes.size() ? bytes : x.raw * bytes / x.bytes.size(), reason);
}

int writer::write_some(log_file& file, const piece& x, std::string_view bytes, std::size_t& done) {
  const bool begins = bytes.data() == x.bytes.data() ? x.line_start : file.lossy;
  const auto& to = *x.to;
  const bool other =
      file.incarnation != to.incarnation || (file.source != 0 && file.source != to.number);
  const bool break_line =
      file.ends_in_line() && file.size() > 0 && (other || file.lossy || (x.shaped && begins));
  const bool note = !file.noted() || file.incarnation != to.incarnation
                    || x.time - file.noted_time >= note_every || x.time < file.noted_time;
  const auto overhead = (break_line ? 1u : 0u) + (note ? index_record_size : 0u);
  const auto space = space_.load(std::memory_order_relaxed);
  const auto limit = std::max(
      std::min(to.max_size.load(std::memory_order_relaxed), space == 0 ? ~std::uint64_t{0} : space),
      least_size);
  const auto used = file.size() + file.index_size() + overhead;
  auto size = std::min<std::uint64_t>(bytes.size(), used < limit ? limit - used : 0);
  if (size < bytes.size()) {
    // Whole lines, if the file has any.
    const auto end = last_newline(bytes.substr(0, size));
    if (end != std::string_view::npos)
      size = end + 1;
    else if (file.size() > 0)
      size = 0;
  }
  int error = 0;
  if (size == 0) {
    if ((error = rotate(file, to.keep.load(std::memory_order_relaxed))) != 0)
      failed(file, error);
    return error;
  }
  error = make_room(file, size + overhead);
  if (error == 0 && !file.is_open())
    return 0; // it had to go itself: once more, from its beginning
  std::size_t none = 0;
  if (error == 0 && break_line)
    error = file.append("\n", options_.write, none);
  if (error == 0 && note)
    error = file.note(x.time, to.incarnation, options_.write);
  if (error == 0) {
    file.source = to.number;
    file.lossy = false;
    error = file.append(bytes.substr(0, size), options_.write, done);
  }
  inventory_.resize(file.stem(), file.size() + file.index_size(), std::time(nullptr));
  if (error != 0)
    failed(file, error);
  else
    worked(file);
  return error;
}

int writer::rotate(log_file& file, std::uint32_t keep) {
  // Somebody else may have put one there: it counts, and is not overwritten.
  if (file.has(static_cast<std::uint32_t>(inventory_.at(file.stem()).old.size()) + 1))
    look_again();
  const auto known = static_cast<std::uint32_t>(inventory_.at(file.stem()).old.size());
  const int error = file.rotate(keep, known);
  if (error == 0)
    inventory_.rotated(file.stem(), keep);
  return error;
}

// Removes what is oldest until there is space. The last of all is the file itself.
int writer::make_room(log_file& file, std::uint64_t bytes) {
  const auto space = space_.load(std::memory_order_relaxed);
  if (space == 0 || inventory_.total() + bytes <= space)
    return 0;
  if (now_ - scanned_ >= rescan_after)
    look_again();
  while (inventory_.total() + bytes > space) {
    const auto victim = inventory_.oldest(file.stem());
    if (!victim) {
      file.remove(0);
      inventory_.resize(file.stem(), 0, 0);
      return inventory_.total() + bytes > space ? EFBIG : 0;
    }
    const auto open = files_.find(victim->stem);
    log_file closed{options_.folder, victim->stem};
    (open == files_.end() ? closed : open->second).remove(victim->number);
    inventory_.removed(*victim);
  }
  return 0;
}

// -- files -------------------------------------------------------------------------------

log_file& writer::file_of(const piece& x) {
  if (last_ && last_->stem() == x.to->stem)
    return *last_;
  auto found = files_.find(x.to->stem);
  if (found == files_.end()) {
    if (files_.size() >= options_.most_open)
      close_oldest();
    found = files_.try_emplace(x.to->stem, options_.folder, x.to->stem).first;
  }
  last_ = &found->second;
  return *last_;
}

// Open, and where it belongs.
bool writer::ready(log_file& file, const piece&) {
  if (disk_troubled_ && now_ < disk_retry_)
    return false;
  if (file.troubled && now_ < file.retry)
    return false;
  file.used = now_;
  if (file.is_open()) {
    if (now_ - file.checked < check_every)
      return true;
    file.checked = now_;
    if (file.in_place())
      return true;
  }
  file.checked = now_;
  if (const int error = file.open()) {
    failed(file, error);
    return false;
  }
  inventory_.resize(file.stem(), file.size() + file.index_size(), std::time(nullptr));
  return true;
}

void writer::failed(log_file& file, int error) {
  reason_ = error;
  const auto text = std::string{"logs: "} + options_.folder + '/' + log_name(file.stem(), 0) + ": "
                    + describe(error);
  file.close();
  if (of_the_disk(error)) {
    disk_retry_ = now_ + retry_after;
    if (!std::exchange(disk_troubled_, true))
      trouble_(text + "; bots run on, and what they write is dropped until there is room");
    return;
  }
  file.retry = now_ + retry_after;
  if (!std::exchange(file.troubled, true))
    trouble_(text + "; what this bot writes is dropped until that is mended");
}

void writer::worked(log_file& file) {
  // A full disk takes a few bytes now and then.
  if (disk_troubled_ && now_ - disk_retry_ >= sure_after) {
    disk_troubled_ = false;
    trouble_("logs: they can be written again; " + std::to_string(std::exchange(lost_, 0))
             + " bytes were dropped");
  }
  if (std::exchange(file.troubled, false))
    trouble_("logs: " + log_name(file.stem(), 0) + " can be written again");
}

void writer::close_idle() {
  swept_ = now_;
  last_ = nullptr;
  blocks_.trim();
  std::erase_if(files_, [&](const auto& x) { return now_ - x.second.used >= idle_after; });
}

void writer::close_oldest() {
  last_ = nullptr;
  const auto oldest =
      std::min_element(files_.begin(), files_.end(),
                       [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
  if (oldest != files_.end())
    files_.erase(oldest);
}

} // namespace troupe::logs
