#include "runtime/logs/reader.hpp"

#include "runtime/logs/collector.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace troupe::logs {

namespace {

constexpr int look_every_ms = 1000;
constexpr int events_at_once = 4096;

constexpr std::size_t pipe_size = 64 * 1024;
constexpr std::size_t large_pipe = 1024 * 1024;
constexpr std::size_t most_large_pipes = 16;         // enlarged at a time
constexpr std::size_t most_drained = 2 * large_pipe; // of a pipe that somebody goes on filling
constexpr std::size_t most_pending = 4 * large_pipe; // read for tails, and not taken yet
constexpr int most_put_off = 100;                    // rounds
constexpr std::chrono::seconds prompt_for{10};       // after a pipe was full
constexpr int quiet_looks = 10;                      // until a pipe gets its size back
constexpr std::int64_t minute = 60'000'000;

std::int64_t wall_clock() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Above the kernel's soft limit for all pipes of a user, new ones get two pages, and a bot
// would be held back by each line: a quarter of it is ours.
std::size_t allowed_large_pipes() {
  std::size_t pages = 0;
  std::ifstream file{"/proc/sys/fs/pipe-user-pages-soft"};
  if (!(file >> pages) || pages == 0 || ::geteuid() == 0)
    return most_large_pipes;
  const auto of_one = large_pipe / static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return std::min(most_large_pipes, pages / 4 / of_one);
}

std::string reason_text(int why) {
  if (why == loss::over_rate)
    return "it writes more than log.rate";
  if (why == loss::slow_disk || why == loss::none)
    return "the disk does not keep up";
  return std::strerror(why);
}

bool add_to(int epoll, source& x) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &x;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, x.pipe.get(), &event) == 0;
}

} // namespace

reader::reader(hand_over& blocks, std::function<void(const remark&)> on_remark)
    : blocks_(blocks)
    , on_remark_(std::move(on_remark))
    , prompt_{os::unique_fd{::epoll_create1(EPOLL_CLOEXEC)}}
    , calm_{os::unique_fd{::epoll_create1(EPOLL_CLOEXEC)}}
    , wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
    , scratch_(new char[pipe_size])
    , most_large_(allowed_large_pipes()) {
  // nop
}

// -- from any thread ---------------------------------------------------------------------------

void reader::post(std::function<void()> f) {
  {
    const std::lock_guard lock{mutex_};
    posted_.push_back(std::move(f));
  }
  const std::uint64_t one = 1;
  static_cast<void>(::write(wake_.get(), &one, sizeof one) > 0);
}

void reader::stop() {
  stop_asked_ = true;
  post([this] { stopping_ = true; });
}

std::string reader::read_tail(const source_ptr& x) {
  bool news = false;
  std::string result;
  {
    const std::lock_guard lock{x->mutex};
    std::array<char, pipe_size> buffer;
    while (x->pipe && !x->ended && x->pending.size() < most_pending) {
      const auto count = ::read(x->pipe.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR)
        continue;
      if (count < 0)
        break;
      news = true;
      x->ended = count == 0;
      const std::string_view text{buffer.data(), static_cast<std::size_t>(count)};
      x->pending.append(text);
      x->tail.append(text);
    }
    result = last_lines(x->tail.text());
  }
  if (news)
    post([this, x] { read_once(*x); });
  return result;
}

// -- the thread --------------------------------------------------------------------------------

void reader::run() {
  auto looked = clock::now();
  int put_off = 0;
  for (;;) {
    // Sources go away here only: no event of a round is of one that is no more.
    if (run_posted()) {
      submit();
      unsettled_ = true;
    }
    if (stopping_)
      break;
    // What was posted comes before what was written later, unless there is no end to it.
    if (wait() && ++put_off < most_put_off)
      continue;
    put_off = 0;
    read_prompt();
    read_calm();
    submit();
    if (std::exchange(hurried_, false))
      prompt_.due = {};
    if (const auto now = clock::now();
        unsettled_ && now - looked >= std::chrono::milliseconds{look_every_ms}) {
      looked = now;
      look();
    }
  }
  for (const auto& [x, owner] : sources_) {
    of_ = x;
    time_ = wall_clock();
    take_pending(*x);
    x->shape.end(*this);
  }
  submit();
  blocks_.close();
}

// Until there is something to read in a circle that is due, or to look at. Returns whether
// something was posted.
bool reader::wait() {
  const auto now = clock::now();
  std::array<pollfd, 3> fds{{{wake_.get(), POLLIN, 0}, {-1, POLLIN, 0}, {-1, POLLIN, 0}}};
  auto limit = std::chrono::milliseconds{unsettled_ ? look_every_ms : -1};
  std::size_t i = 1;
  for (const auto* x : {&prompt_, &calm_}) {
    if (now >= x->due) {
      fds[i++].fd = x->epoll.get();
      continue;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(x->due - now);
    limit = limit.count() < 0 ? left : std::min(limit, left);
  }
  // Cleared even when what was posted is done already: a post may wake us after that.
  std::uint64_t ignored = 0;
  return ::poll(fds.data(), fds.size(), static_cast<int>(limit.count())) > 0 && fds[0].revents != 0
         && ::read(wake_.get(), &ignored, sizeof ignored) > 0;
}

void reader::read_prompt() {
  if (clock::now() < prompt_.due)
    return;
  const auto count = read_round(prompt_);
  if (count > 0 && count < events_at_once)
    prompt_.due = clock::now() + pace::shortest;
}

void reader::read_calm() {
  if (clock::now() < calm_.due)
    return;
  const auto count = read_round(calm_);
  if (count > 0 && count < events_at_once)
    calm_.due = clock::now() + pace_.end_round(clock::now());
}

std::size_t reader::read_round(circle& x) {
  std::array<epoll_event, events_at_once> events;
  const int count = ::epoll_wait(x.epoll.get(), events.data(), events_at_once, 0);
  for (int i = 0; i < count && !stop_asked_; ++i)
    read_once(*static_cast<source*>(events[static_cast<std::size_t>(i)].data.ptr));
  unsettled_ = unsettled_ || count > 0;
  return static_cast<std::size_t>(std::max(count, 0));
}

bool reader::run_posted() {
  std::vector<std::function<void()>> now;
  {
    const std::lock_guard lock{mutex_};
    now.swap(posted_);
  }
  if (now.empty())
    return false;
  for (auto& f : now)
    f();
  return true;
}

// -- sources ---------------------------------------------------------------------------------

void reader::attach(const source_ptr& x) {
  sources_.emplace(x.get(), x);
  // Small when all pipes of this user are too many.
  const int room = ::fcntl(x->pipe.get(), F_GETPIPE_SZ);
  x->room = room > 0 ? std::min(static_cast<std::size_t>(room), pipe_size) : pipe_size;
  x->prompt = x->patterns.waits() || !x->shape.in_place();
  x->attached = add_to(circle_of(*x).epoll.get(), *x);
  // What is there counts from the first moment.
  read_once(*x);
}

// Others may hold this pipe as well: closing our end of it is not enough for epoll.
void reader::detach(source& x) {
  if (!std::exchange(x.attached, false))
    return;
  ::epoll_ctl(circle_of(x).epoll.get(), EPOLL_CTL_DEL, x.pipe.get(), nullptr);
  if (std::exchange(x.large, false))
    --large_;
  const std::lock_guard lock{x.mutex};
  x.pipe.reset();
}

void reader::finish(const source_ptr& x) {
  auto drained = take_pending(*x);
  while (x->attached && drained < most_drained) {
    const auto count = read_once(*x);
    if (count == 0)
      break;
    drained += count;
  }
  detach(*x);
  of_ = x.get();
  x->shape.end(*this);
  x->patterns.end();
  tell_dropped(*x, wall_clock());
  sources_.erase(x.get());
}

void reader::change(const source_ptr& x, const config::log_spec& spec) {
  of_ = x.get();
  time_ = wall_clock();
  x->shape.settings(spec, *this);
  place(*x);
}

void reader::watch(const source_ptr& x, const std::vector<std::string>& patterns,
                   pattern_found found) {
  x->patterns.set(patterns, std::move(found));
  place(*x);
}

// Somebody waits for a line, or is told when it was read, or the bot was held back by its pipe.
void reader::place(source& x) {
  const bool prompt = x.patterns.waits() || !x.shape.in_place() || clock::now() < x.prompt_until;
  if (!x.attached || prompt == x.prompt)
    return;
  auto& to = prompt ? prompt_ : calm_;
  if (!add_to(to.epoll.get(), x))
    return; // it stays where it is
  ::epoll_ctl(circle_of(x).epoll.get(), EPOLL_CTL_DEL, x.pipe.get(), nullptr);
  x.prompt = prompt;
}

// Returns how much came. Into the block directly when it can stay as it is.
std::size_t reader::read_once(source& x) {
  if (!x.attached)
    return take_pending(x);
  const bool direct = x.shape.in_place() && need(pipe_size);
  char* const memory = direct ? block_->memory.get() + block_->used : scratch_.get();
  const auto size = direct ? block_->room() : pipe_size;
  ssize_t count = 0;
  bool ended = false;
  bool older = false; // was read for a tail, and comes first
  {
    const std::lock_guard lock{x.mutex};
    older = !x.pending.empty();
    if (older)
      count = -1;
    else if (!x.ended)
      count = ::read(x.pipe.get(), memory, size);
    if (count > 0)
      x.tail.append({memory, static_cast<std::size_t>(count)});
    else if (count == 0)
      x.ended = true;
    else if (!older && errno != EAGAIN && errno != EINTR)
      x.ended = true;
    ended = x.ended && !older;
  }
  if (older)
    return take_pending(x);
  if (count > 0) {
    if (direct)
      block_->used += static_cast<std::size_t>(count);
    take(x, {memory, static_cast<std::size_t>(count)});
    resize_pipe(x, static_cast<std::size_t>(count));
    const auto size_read = static_cast<std::size_t>(count);
    // Short writes do not fill the pages of a pipe: half of what it holds may be all it takes.
    if (size_read >= x.room / 2)
      x.prompt_until = clock::now() + prompt_for;
    else if (!x.prompt)
      pace_.brought(size_read, x.room);
    place(x);
    // Who writes more than it may can wait.
    hurried_ = hurried_ || (x.prompt && size_read >= x.room / 4 && x.over_rate == 0);
  }
  if (ended)
    end_of(x);
  return static_cast<std::size_t>(std::max<ssize_t>(count, 0));
}

std::size_t reader::take_pending(source& x) {
  std::string text;
  {
    const std::lock_guard lock{x.mutex};
    text.swap(x.pending);
  }
  if (!text.empty())
    take(x, text);
  return text.size();
}

void reader::take(source& x, std::string_view text) {
  of_ = &x;
  time_ = wall_clock();
  x.moved = true;
  x.out->read.fetch_add(text.size(), std::memory_order_relaxed);
  x.over_rate = x.shape.feed(text, time_, *this);
  if (x.over_rate > 0)
    x.out->drop(x.over_rate, loss::over_rate);
  x.patterns.feed(text);
}

// All writers are gone. An open descriptor would wake us for ever.
void reader::end_of(source& x) {
  const bool first_look = x.out->read.load(std::memory_order_relaxed) == 0;
  detach(x);
  of_ = &x;
  time_ = wall_clock();
  x.shape.end(*this);
  x.patterns.end();
  // Told a little later: most that close it are about to end. One that an earlier runtime read
  // from may have closed it long ago.
  if (!(x.adopted && first_look))
    x.end_told_in = 2;
  unsettled_ = true;
}

// -- blocks ----------------------------------------------------------------------------------

// Whether there is a block with so much room.
bool reader::need(std::size_t least) {
  if (block_ && block_->room() >= least)
    return true;
  submit();
  if (!block_)
    block_ = blocks_.reclaim(least);
  if (!block_)
    block_ = blocks_.acquire();
  return block_ != nullptr;
}

void reader::submit() {
  if (!block_)
    return;
  if (block_->pieces.empty()) {
    block_->used = 0;
    return;
  }
  blocks_.submit(std::move(block_));
}

void reader::put(std::string_view bytes, std::size_t raw, bool line_start) {
  auto& x = *of_;
  const bool lasting = bytes.data() == lasting_newline.data() && x.shape.in_place();
  const bool stays = block_ && (block_->holds(bytes) || lasting);
  while (!bytes.empty()) {
    auto part = bytes;
    if (!stays) {
      if (!need(std::min<std::size_t>(bytes.size(), 4096))) {
        x.out->drop(raw, loss::slow_disk);
        x.lost = true;
        return;
      }
      part = {block_->memory.get() + block_->used, std::min(bytes.size(), block_->room())};
      std::memcpy(block_->memory.get() + block_->used, bytes.data(), part.size());
      block_->used += part.size();
    }
    bytes.remove_prefix(part.size());
    const auto share = bytes.empty() ? raw : std::min(raw, part.size());
    raw -= share;
    auto* last = block_->pieces.empty() ? nullptr : &block_->pieces.back();
    if (last && last->to == x.out && last->bytes.data() + last->bytes.size() == part.data()
        && last->shaped == !x.shape.in_place() && !x.lost) {
      last->bytes = {last->bytes.data(), last->bytes.size() + part.size()};
      last->raw += share;
    } else {
      block_->pieces.push_back(
          {x.out, part, share, time_, line_start, x.lost, !x.shape.in_place()});
      x.lost = false;
    }
    line_start = false;
  }
}

// -- looks, each second ----------------------------------------------------------------------

// A flood gets a large pipe, so that its writer is woken less often; it is given back after.
void reader::resize_pipe(source& x, std::size_t count) {
  x.full_reads = count >= pipe_size ? x.full_reads + 1 : 0;
  if (x.large || x.full_reads < 2 || large_ >= most_large_)
    return;
  if (::fcntl(x.pipe.get(), F_SETPIPE_SZ, static_cast<int>(large_pipe)) < 0) {
    most_large_ = large_; // no more of them
    return;
  }
  x.large = true;
  ++large_;
}

void reader::look() {
  const auto now = wall_clock();
  bool moved = false;
  unsettled_ = false;
  for (const auto& [x, owner] : sources_) {
    moved = moved || x->moved;
    look_at(*x, now);
  }
  std::erase_if(told_at_, [&](const auto& x) { return now - x.second >= minute; });
  // What the writer drops may be known only by the next look.
  unsettled_ = unsettled_ || moved;
}

void reader::look_at(source& x, std::int64_t now) {
  x.quiet = std::exchange(x.moved, false) ? 0 : x.quiet + 1;
  if (x.large) {
    unsettled_ = true;
    if (x.quiet >= quiet_looks
        && ::fcntl(x.pipe.get(), F_SETPIPE_SZ, static_cast<int>(pipe_size)) >= 0) {
      x.large = false;
      --large_;
    }
  }
  if (x.end_told_in >= 0) {
    unsettled_ = true;
    if (x.end_told_in-- == 0)
      on_remark_({x.out->instance, x.incarnation, "closed its output", true});
  }
  if (tell_dropped(x, now))
    unsettled_ = true;
}

// Returns whether there is something left to tell, or was.
bool reader::tell_dropped(source& x, std::int64_t now) {
  const auto dropped = x.out->dropped.load(std::memory_order_relaxed);
  if (dropped == x.told)
    return false;
  const auto at = told_at_.find(x.out->instance);
  if (at != told_at_.end() && now >= at->second && now - at->second < minute)
    return true;
  told_at_[x.out->instance] = now;
  on_remark_({x.out->instance, x.incarnation,
              std::to_string(dropped - x.told) + " bytes of output were dropped: "
                  + reason_text(x.out->why.load(std::memory_order_relaxed)),
              false});
  x.told = dropped;
  return true;
}

} // namespace troupe::logs
