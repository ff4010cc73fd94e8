#include "actors/bot/core.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

namespace troupe::bot::detail {

namespace {

using namespace std::chrono_literals;

/// How long what is sent in a burst may wait for more of it.
constexpr instant gather = 100us;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

options completed(options from) {
  if (from.link.empty())
    from.link = variable("TROUPE_LINK");
  if (from.token.empty())
    from.token = variable("TROUPE_TOKEN");
  if (from.instance.empty() && !variable("TROUPE_BOT").empty())
    from.instance = variable("TROUPE_BOT") + "#" + variable("TROUPE_INSTANCE");
  if (from.incarnation == 0) {
    const auto text = variable("TROUPE_INCARNATION");
    std::from_chars(text.data(), text.data() + text.size(), from.incarnation);
  }
  from.window_messages = std::clamp(from.window_messages, 1u, 65'536u);
  from.window_bytes = std::clamp(from.window_bytes, 4u << 10, 16u << 20);
  return from;
}

} // namespace

trace_context& current_trace() {
  static thread_local trace_context current;
  return current;
}

core::core(options from, std::unique_ptr<host> machine)
    : who_{completed(std::move(from))}
    , machine_{std::move(machine)}
    , managed_{!who_.link.empty()}
    , inbox_{who_.window_messages, who_.window_bytes} {
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0)
    throw std::system_error{errno, std::generic_category(), "troupe: eventfd"};
}

core::~core() {
  {
    lock guard{mutex_};
    // What was sent goes out, over a link that may still have to come.
    if (managed_)
      await(guard, after(1s), [&] { return stage_ == stage::closed || outbox_.written(); });
    if (stage_ == stage::up) {
      wire::append_frame(outbox_.control(), wire::frame_type::bye, farewell_body("done", ""));
      write();
    }
  }
  for (const int fd : {fd_, epoll_fd_, wake_fd_})
    if (fd >= 0)
      ::close(fd);
}

bool core::linked() const {
  const std::lock_guard guard{mutex_};
  return stage_ == stage::up;
}

std::string core::why_closed() const {
  const std::lock_guard guard{mutex_};
  if (closed_.reason.empty() || closed_.text.empty())
    return closed_.reason;
  return closed_.reason + ": " + closed_.text;
}

std::string core::fleet() const {
  const std::lock_guard guard{mutex_};
  return fleet_;
}

settings core::config() const {
  const std::lock_guard guard{mutex_};
  return config_;
}

code core::subscribe(std::string_view pattern, message_handler handler, bool durable) {
  if (pattern.empty() || pattern.size() > 200)
    return code::bad_address;
  const std::lock_guard guard{mutex_};
  if (!subscriptions_.set(pattern,
                          {std::make_shared<const message_handler>(std::move(handler)), durable}))
    return code::too_many;
  if (stage_ == stage::up) {
    call_subscribe(std::string{pattern}, durable);
    push();
  }
  return code::accepted;
}

void core::unsubscribe(std::string_view pattern) {
  const std::lock_guard guard{mutex_};
  if (!subscriptions_.erase(pattern) || stage_ != stage::up)
    return;
  wire::append_frame(outbox_.control(), wire::frame_type::call, unsubscribe_body(++call_, pattern));
  push();
}

void core::add_actor(std::string_view name, message_handler handler) {
  const std::lock_guard guard{mutex_};
  actors_.insert_or_assign(std::string{name},
                           std::make_shared<const message_handler>(std::move(handler)));
}

void core::remove_actor(std::string_view name) {
  const std::lock_guard guard{mutex_};
  if (const auto found = actors_.find(name); found != actors_.end())
    actors_.erase(found);
}

void core::ready() {
  const std::lock_guard guard{mutex_};
  ready_ = true;
  if (managed_ && stage_ == stage::down)
    service(); // whoever says so wants it to be heard, with or without a loop
  else
    tell(tell_body("ready"));
}

void core::status(std::string_view text) {
  const std::lock_guard guard{mutex_};
  status_ = text.substr(0, 256);
  tell(status_body(status_));
}

void core::stopping() {
  const std::lock_guard guard{mutex_};
  tell(tell_body("stopping"));
}

// -- waiting -----------------------------------------------------------------------------

instant core::after(milliseconds time) const {
  const auto at = now();
  return time >= std::chrono::hours{24 * 365} ? instant::max() : at + std::max(time, 0ms);
}

bool core::await(lock& guard, instant until, const std::function<bool()>& enough) {
  for (;;) {
    if (enough())
      return true;
    service();
    if (enough())
      return true;
    if (now() >= until)
      return false;
    poll(guard, until);
  }
}

void core::poll(lock& guard, instant until) {
  if (polling_) { // whoever does tells us; should it forget, no more than this is lost
    changed_.wait_for(guard, std::min<instant>(until - now(), 100ms));
    return;
  }
  polling_ = true;
  polling_out_ = outbox_.unsent() > 0;
  const auto due = std::min(until, next_due());
  const auto timeout = std::clamp<instant>(due - now(), 0s, 1h);
  pollfd fds[2] = {{wake_fd_, POLLIN, 0},
                   {fd_, static_cast<short>(POLLIN | (polling_out_ ? POLLOUT : 0)), 0}};
  const auto count = fd_ < 0 ? 1u : 2u;
  guard.unlock();
  machine_->wait(fds, count, timeout);
  guard.lock();
  if (woken_ && fd_ >= 0 && outbox_.unsent() > 0 && outbox_.unsent() < outbox::batch) {
    // Somebody sends in a burst: what comes in the next moment goes out in the same call.
    pollfd socket{fd_, POLLIN, 0};
    guard.unlock();
    machine_->wait(&socket, 1, gather);
    guard.lock();
  }
  polling_ = polling_out_ = false;
  if (woken_ || fds[0].revents != 0) {
    woken_ = false;
    std::uint64_t count_of_wakes = 0;
    [[maybe_unused]] const auto got = ::read(wake_fd_, &count_of_wakes, sizeof count_of_wakes);
  }
  service();
  changed_.notify_all();
}

void core::wake() {
  if (woken_.exchange(true))
    return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto put = ::write(wake_fd_, &one, sizeof one);
}

void core::stop() noexcept {
  stop_ = true;
  const int kept = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto put = ::write(wake_fd_, &one, sizeof one);
  errno = kept;
}

int core::handle() {
  const std::lock_guard guard{mutex_};
  if (epoll_fd_ < 0) {
    epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{EPOLLIN, {}};
    ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event);
    service();
    interest();
  }
  return epoll_fd_;
}

/// What `handle` waits for.
void core::interest() {
  if (epoll_fd_ < 0 || fd_ < 0)
    return;
  epoll_event event{EPOLLIN | (outbox_.unsent() > 0 ? EPOLLOUT : 0u), {}};
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd_, &event) != 0)
    ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd_, &event);
}

} // namespace troupe::bot::detail
