#include "runtime/logs/reading/history.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace troupe::log_reading {

namespace {

constexpr std::uint32_t gap = 16;
/// The most rotations that may come between two looks at the names.
constexpr int attempts = 50;
constexpr std::size_t block_size = 64 * 1024;
/// A record is written at least this often while there is output, in microseconds.
constexpr std::int64_t record_gap = 2'000'000;

/// Where the last `count` lines of [low, high) begin; takes the lines that were found off
/// `count`.
std::uint64_t lines_back(const log_file& file, std::uint64_t low, std::uint64_t high,
                         std::uint64_t& count) {
  if (high <= low || count == 0)
    return high;
  std::vector<char> block(std::min<std::uint64_t>(block_size, high - low));
  bool first = true; // the newline that ends the last line separates nothing
  for (auto at = high; at > low;) {
    const auto wanted = std::min<std::uint64_t>(block.size(), at - low);
    const auto got = file.read(at - wanted, block.data(), wanted);
    at -= wanted;
    std::size_t end = got;
    if (first && end > 0 && block[end - 1] == '\n')
      --end;
    first = false;
    while (const void* found = end > 0 ? memrchr(block.data(), '\n', end) : nullptr) {
      end = static_cast<std::size_t>(static_cast<const char*>(found) - block.data());
      if (--count == 0)
        return at + end + 1;
    }
  }
  --count; // the line that begins the range
  return low;
}

} // namespace

std::optional<std::uint32_t> log_history::number_of(const log_file& file) const {
  const auto is = [&](std::uint32_t n) { return identify(place_.log(n)) == file.id(); };
  // A number rises by rotations only, and whoever was slow has missed many of them.
  auto n = file.number;
  for (const bool listed : {false, true}) {
    if (listed)
      highest_ = std::max(highest_, highest_number(place_));
    for (const auto last = std::max(file.number, highest_) + gap; n <= last; ++n)
      if (is(n))
        return n;
  }
  for (n = 0; n < file.number; ++n)
    if (is(n))
      return n;
  return std::nullopt;
}

log_file_ptr log_history::newest() const {
  for (std::uint32_t n = 0; n <= highest_ + gap; ++n)
    if (auto file = log_file::open(place_, n))
      return file;
  return nullptr;
}

log_file_ptr log_history::oldest() const {
  for (auto n = highest_ + gap + 1; n-- > 0;)
    if (auto file = log_file::open(place_, n))
      return file;
  return nullptr;
}

log_file_ptr log_history::older(const log_file& file) const {
  for (int i = 0; i < attempts; ++i) {
    const auto number = number_of(file);
    if (!number)
      return nullptr; // it was the oldest, and was removed with those before it
    log_file_ptr found;
    for (auto n = *number + 1; !found && n <= std::max(*number, highest_) + gap; ++n)
      found = log_file::open(place_, n);
    // Without a rotation in between, it is the right one.
    if (!found || number_of(file) == number)
      return found;
  }
  return nullptr;
}

log_file_ptr log_history::newer(log_file& file) const {
  for (int i = 0; i < attempts; ++i) {
    const auto number = number_of(file);
    if (!number)
      return after_removal(file);
    file.number = *number;
    log_file_ptr found;
    for (auto n = *number; !found && n-- > 0;)
      found = log_file::open(place_, n);
    if (!found || (number_of(file) == number && are_neighbours(*found, *number)))
      return found;
  }
  return nullptr;
}

/// Whether nothing lies between a file and the one with that number. In a rotation each name is
/// free for a moment, and the file that gets it may come there after it was looked for.
bool log_history::are_neighbours(const log_file& file, std::uint32_t older) const {
  for (auto n = file.number + 1; n < older; ++n)
    if (identify(place_.log(n)))
      return false;
  return identify(place_.log(file.number)) == file.id();
}

log_file_ptr log_history::newer(log_file& file, const log_file_ptr& end) const {
  const auto next = newer(file);
  const auto last = number_of(*end);
  return next && last && next->number >= *last ? next : end;
}

/// The oldest of those files that were written after `file`, which has no name any more, or in the
/// same tick of the kernel's clock. What is written now is younger in any case.
log_file_ptr log_history::after_removal(const log_file& file) const {
  const auto changed = file.changed();
  log_file_ptr found;
  for (std::uint32_t n = 0; n <= highest_ + gap; ++n)
    if (auto next = log_file::open(place_, n)) {
      if (n > 0 && next->changed() < changed)
        break;
      found = std::move(next);
    }
  return found;
}

log_range log_history::all() const {
  log_range result;
  result.end.file = newest();
  if (!result.end.file)
    return result;
  result.end.offset = result.end.file->size();
  result.begin.file = oldest();
  if (!result.begin.file || result.begin.file->id() == result.end.file->id())
    result.begin.file = result.end.file;
  return result;
}

log_position log_history::last_lines(const log_range& range, std::uint64_t count) const {
  auto result = range.end;
  for (auto file = range.end.file; file && count > 0;) {
    const bool first = file->id() == range.begin.file->id();
    const auto low = first ? range.begin.offset : 0;
    const auto high = file->id() == range.end.file->id() ? range.end.offset : file->size();
    result = {file, lines_back(*file, low, high, count)};
    file = first ? nullptr : older(*file);
  }
  return result;
}

log_position log_history::since(const log_range& range, std::int64_t time) const {
  auto result = range.end;
  for (auto file = range.end.file; file && file->changed() / 1000 >= time;) {
    const auto& index = file->index();
    const auto place =
        index.first_not([time](const logs::index_record& record) { return record.time < time; });
    const auto last = index.last();
    if (!last) {
      result = {file, 0};
    } else if (place == index.size()) {
      // All is older, unless the index ends before the file does.
      if (file->changed() / 1000 > last->time + record_gap)
        result = {file, std::min(last->offset, file->size())};
      break;
    } else {
      const auto found = index.at(place);
      result = {file, std::min(found ? found->offset : 0, file->size())};
      if (place > 0)
        break;
    }
    if (file->id() == range.begin.file->id())
      break;
    file = older(*file);
  }
  return result;
}

std::optional<log_range> log_history::previous(const log_range& range,
                                               std::uint64_t current) const {
  log_range result{{}, range.end};
  std::optional<std::uint64_t> wanted;
  bool known = false;
  for (auto file = range.end.file; file; file = older(*file)) {
    const auto& index = file->index();
    const auto last = index.last();
    if (!last)
      continue;
    if (!known)
      current = std::max(current, last->incarnation);
    known = true;
    const auto first_of = [&](std::uint64_t incarnation) {
      return index.first_not([incarnation](const logs::index_record& record) {
        return record.incarnation < incarnation;
      });
    };
    const auto position = [&](std::uint64_t place) {
      const auto record = index.at(place);
      return log_position{file, std::min(record ? record->offset : 0, file->size())};
    };
    const auto after = first_of(current);
    if (after < index.size() && !wanted)
      result.end = position(after);
    if (after == 0)
      continue; // all of it is of the current one
    const auto before = index.at(after - 1);
    if (!before || (wanted && before->incarnation != *wanted))
      break;
    wanted = before->incarnation;
    const auto place = first_of(*wanted);
    result.begin = position(place);
    if (place > 0)
      break;
  }
  return wanted ? std::optional{result} : std::nullopt;
}

} // namespace troupe::log_reading
