#include "runtime/keeper/main_loop.hpp"

#include "runtime/keeper/sys.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace troupe::keeper {

namespace {

constexpr uint64_t millisecond = 1000000U;
constexpr uint64_t stop_patience = 10000 * millisecond;

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  constexpr int handled[] = {SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};
  for (const int signal : handled) {
    sigaddset(&set, signal);
  }
  return set;
}

} // namespace

bool main_loop::open(const options& given) {
  options_ = given;
  now_ = now_ns();
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) < 0) {
      break;
    }
  }
  close_on_exec_from(3);
  open_log();
  defaults_.dev_null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (defaults_.dev_null < 0) {
    say("cannot open /dev/null: %s; every bot needs it as its input", strerror(errno));
    return false;
  }
  getrlimit(RLIMIT_NOFILE, &defaults_.open_files);
  const rlimit raised{defaults_.open_files.rlim_max, defaults_.open_files.rlim_max};
  setrlimit(RLIMIT_NOFILE, &raised);
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
    say("cannot adopt what bots leave behind: %s", strerror(errno));
    return false;
  }
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0 || !take_signals() || !slots_.open(options_.max_slots)) {
    say("cannot start: %s", strerror(errno));
    return false;
  }
  for (uint32_t i = 0; i < options_.fd_count; ++i) {
    const options::inherited& it = options_.fds[i];
    if (const int error = fds_.put(it.name, it.length, it.fd); error != 0) {
      say("cannot keep fd %d: %s", it.fd, strerror(error));
      return false;
    }
  }
  return true;
}

bool main_loop::take_signals() {
  // An inherited SIG_IGN would make the kernel reap children behind our back.
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
  const sigset_t set = handled_signals();
  sigprocmask(SIG_SETMASK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return signals_ >= 0 && watch(signals_, EPOLLIN, event_source::signals);
}

uint64_t main_loop::make_tag(event_source what, const slot* bot) {
  const uint64_t kind = static_cast<uint64_t>(what) << 56;
  return bot == nullptr ? kind : kind | uint64_t{bot->generation & 0xffffffU} << 32 | bot->index;
}

bool main_loop::watch(int fd, uint32_t events, event_source what, const slot* bot) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = make_tag(what, bot);
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

/// Also closes it. Closing alone would not end the events: a child that has not come to its exec
/// holds a copy.
void main_loop::unwatch(int& fd) {
  if (fd >= 0) {
    epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    close_fd(fd);
  }
}

void main_loop::paced::done(uint64_t started) {
  constexpr uint64_t shortest_pause = 5 * millisecond;
  const uint64_t now = now_ns();
  const uint64_t pause = 9 * (now - started);
  at = 0;
  after = now + (pause > shortest_pause ? pause : shortest_pause);
}

int main_loop::run() {
  launch_runtime();
  while (exit_code_ < 0) {
    epoll_event events[64];
    const int count = epoll_wait(epoll_, events, 64, wait_time());
    now_ = now_ns();
    for (int i = 0; i < count && exit_code_ < 0; ++i) {
      dispatch(events[i].data.u64, events[i].events);
    }
    if (exit_code_ < 0) {
      tick();
      send_reports();
    }
  }
  return end(exit_code_);
}

void main_loop::dispatch(uint64_t tag, uint32_t events) {
  const auto what = static_cast<event_source>(tag >> 56);
  switch (what) {
  case event_source::signals:
    read_signals();
    return;
  case event_source::channel:
    if ((events & EPOLLOUT) != 0) {
      runtime_.clogged = false;
      send_reports();
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
      read_requests(requests_a_turn);
    }
    return;
  case event_source::runtime:
    runtime_ended();
    return;
  case event_source::bot:
  case event_source::status:
    break;
  }
  slot* bot = slots_.at(static_cast<uint32_t>(tag));
  // An event of this same round may have removed the slot, and the next one reused it.
  if (bot == nullptr || make_tag(what, bot) != tag) {
    return;
  }
  if (what == event_source::status) {
    status_readable(*bot);
  } else {
    look_for_exit(*bot);
  }
}

void main_loop::read_signals() {
  signalfd_siginfo info;
  while (read(signals_, &info, sizeof info) == sizeof info) {
    switch (info.ssi_signo) {
    case SIGCHLD:
      child_ended_ = true;
      strays_.ask(now_);
      stop_states_.ask(now_);
      if (without_pidfd_ > 0 || (runtime_.pid > 0 && runtime_.pidfd < 0)) {
        exits_.ask(now_);
      }
      break;
    case SIGTERM:
    case SIGINT:
    case SIGQUIT: // in the foreground a key sends it
      stop_asked(static_cast<int>(info.ssi_signo));
      break;
    case SIGHUP:
      runtime_.reload_due = true;
      break;
    default:
      break;
    }
  }
}

void main_loop::stop_asked(int signal) {
  stop_signal_ = signal;
  runtime_.stop_due = true;
  if (runtime_.pid <= 0) {
    restart_at_ = now_; // whoever stops does not want to sit out a delay
  }
  if (++stops_asked_ == 2) {
    force_end_at_ = now_ + stop_patience;
  } else if (stops_asked_ == 3) {
    force_end_at_ = now_;
  }
}

int main_loop::wait_time() const {
  uint64_t next = ~0ULL;
  const auto consider = [&next](uint64_t at) {
    if (at != 0 && at < next) {
      next = at;
    }
  };
  consider(restart_at_);
  consider(force_end_at_);
  consider(strays_.at);
  consider(stop_states_.at);
  consider(exits_.at);
  if (runtime_.pid > 0) {
    consider(runtime_.silent_since_ns + ping_period());
  }
  if (next == ~0ULL) {
    return -1;
  }
  const uint64_t now = now_ns();
  return next <= now ? 0 : static_cast<int>((next - now) / millisecond + 1);
}

void main_loop::tick() {
  if (exits_.due(now_)) {
    look_at_all();
  }
  if (stop_states_.due(now_)) {
    find_stopped();
  }
  if (strays_.due(now_)) {
    reap_strays();
  }
  if (force_end_at_ != 0 && now_ >= force_end_at_) {
    say("ending by force: the runtime did not end the fleet in time");
    exit_code_ = 1;
    return;
  }
  if (runtime_.pid > 0) {
    check_silence();
  } else if (restart_at_ != 0 && now_ >= restart_at_) {
    launch_runtime();
  }
}

} // namespace troupe::keeper
