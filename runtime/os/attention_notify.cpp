// The notify protocol: what a bot says, and what is made of it.

#include "runtime/os/attention_bot.hpp"
#include "runtime/os/notify.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace troupe::os {

namespace {

using namespace std::chrono_literals;

// Datagrams of one bot before the others get their turn, and how long one that has used that
// up is not listened to. Who talks faster waits, as with a full pipe.
constexpr int datagrams_at_once = 64;
constexpr auto time_for_others = 10ms;

// What is told at most so often.
constexpr std::chrono::milliseconds hung_every = 1s;
constexpr std::chrono::milliseconds extend_every = 100ms;

// Remarks that are made once.
enum : std::uint32_t {
  about_stranger = 1U << 0,
  about_size = 1U << 1,
  about_pid = 1U << 2,
  about_watchdog = 1U << 3,
};

bool long_ago(std::optional<std::chrono::steady_clock::time_point>& last,
              std::chrono::nanoseconds least) {
  const auto now = std::chrono::steady_clock::now();
  if (last && now - *last < least)
    return false;
  last = now;
  return true;
}

} // namespace

void attention::watch_socket(const slot_key& of, const bot_ptr& x) {
  x->socket.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [this, of, weak = std::weak_ptr{x}](boost::system::error_code error) {
                         const auto still = weak.lock();
                         if (!still || error)
                           return;
                         const auto next = read_socket(of, *still, datagrams_at_once);
                         if (next == reading::done)
                           return watch_socket(of, still);
                         if (next == reading::fds)
                           return drop_fds(of, still);
                         still->pause.expires_after(time_for_others);
                         still->pause.async_wait(
                             [this, of, weak](boost::system::error_code stopped) {
                               if (const auto again = weak.lock(); again && !stopped)
                                 watch_socket(of, again);
                             });
                       });
}

attention::reading attention::read_socket(const slot_key& of, bot& x, int most) {
  for (int i = 0; i < most; ++i) {
    const auto message = look_at_notification(x.socket.native_handle());
    if (!message)
      return reading::done;
    if (!message->with_fds)
      drop_notification(x.socket.native_handle());
    if (!may_say(of, x, message->sender, message->uid)) {
      // nop
    } else if (message->cut)
      remark(of, x.remarked, about_size, "a notification of more than 4096 bytes was not heard");
    else
      hear(of, x, message->text);
    if (message->with_fds)
      return reading::fds;
  }
  return reading::more;
}

// What a bot has sent along may hang when it is closed: a thread does it, and meanwhile that
// bot is not listened to.
void attention::drop_fds(const slot_key& of, const bot_ptr& x) {
  const auto socket =
      std::make_shared<unique_fd>(::fcntl(x->socket.native_handle(), F_DUPFD_CLOEXEC, 3));
  x->dropping = true;
  const auto then = [this, of, weak = std::weak_ptr{x}] {
    const auto still = weak.lock();
    if (!still || !still->socket.is_open())
      return;
    still->dropping = false;
    watch_socket(of, still);
  };
  if (*socket && closers_.run([socket, then]() -> workers::done {
        drop_notification(socket->get());
        return then;
      }))
    return;
  drop_notification(x->socket.native_handle()); // no means for more
  then();
}

// Only its user can open the socket, but a user may have many bots.
bool attention::may_say(const slot_key& of, bot& x, pid_t sender, uid_t uid) {
  const auto known = sender > 0 ? around_.look_at(of, sender) : kinship::gone;
  if (known == kinship::yes)
    return true;
  if (known == kinship::gone) {
    // systemd-notify has ended before anybody can look at it: its user vouches for it.
    if (!x.owner) {
      struct stat info {};
      const auto path = notify_path(around_.state, of.instance, of.incarnation);
      x.owner = ::stat(path.c_str(), &info) == 0 ? info.st_uid : ::geteuid();
    }
    if (uid == *x.owner || uid == 0)
      return true;
  }
  remark(of, x.remarked, about_stranger,
         "a notification of process " + std::to_string(sender) + " (uid " + std::to_string(uid)
             + ") was not heard: it is not of this bot");
  return false;
}

void attention::hear(const slot_key& of, bot& x, const std::string& text) {
  for (const auto& [name, value] : assignments(text)) {
    if (name == "READY" && value == "1") {
      if (x.spec->ready.how != config::ready_spec::kind::notify)
        continue;
      note_ready(x.socket.native_handle());
      ready(of, x, "it said READY=1");
    } else if (name == "STATUS") {
      auto status = fit_line(value);
      const std::lock_guard lock{mutex_};
      says_[of] = std::move(status);
    } else if (name == "WATCHDOG") {
      hear_watchdog(of, x, value);
    } else if (name == "STOPPING" && value == "1") {
      if (!std::exchange(x.stopping, true))
        tell(of, notice::kind::stopping);
    } else if (name == "EXTEND_TIMEOUT_USEC") {
      if (const auto time = microseconds(value))
        extend(of, x, std::chrono::microseconds{*time});
    } else if (name == "MAINPID") {
      if (value != std::to_string(x.pid))
        remark(of, x.remarked, about_pid,
               "MAINPID=" + fit_line(value, 20) + " is not followed: process "
                   + std::to_string(x.pid) + " is the bot; run the program in the foreground");
    } else if (name == "WATCHDOG_USEC") {
      remark(of, x.remarked, about_watchdog,
             "WATCHDOG_USEC=" + fit_line(value, 20)
                 + " changes nothing: the time is what \"watchdog\" says");
    }
  }
}

void attention::hear_watchdog(const slot_key& of, bot& x, std::string_view value) {
  if (value == "trigger") {
    if (long_ago(x.hung_told, hung_every))
      tell(of, notice::kind::hung);
  } else if (value == "1" && x.spec->watchdog) {
    if (long_ago(x.alive_told, *x.spec->watchdog / 4))
      tell(of, notice::kind::alive);
  }
}

// The last one always counts, be it told a little later.
void attention::extend(const slot_key& of, bot& x, std::chrono::microseconds by) {
  const bool waits = x.extend_until.has_value();
  x.extend_until = bot::clock::now() + by;
  if (!waits && long_ago(x.extended, extend_every)) {
    x.extend_until.reset();
    return tell(of, notice::kind::extend, {}, by);
  }
  if (waits)
    return;
  x.later.expires_at(*x.extended + extend_every);
  x.later.async_wait([this, of, weak = std::weak_ptr{find(of)}](boost::system::error_code error) {
    const auto still = weak.lock();
    if (!still || error || !still->extend_until)
      return;
    const auto left = *std::exchange(still->extend_until, std::nullopt) - bot::clock::now();
    still->extended = bot::clock::now();
    if (left > 0s)
      tell(of, notice::kind::extend, {},
           std::chrono::duration_cast<std::chrono::microseconds>(left));
  });
}

void attention::remark(const slot_key& of, std::uint32_t& done, std::uint32_t which,
                       std::string text) {
  if ((done & which) == 0)
    tell(of, notice::kind::remark, std::move(text));
  done |= which;
}

} // namespace troupe::os
