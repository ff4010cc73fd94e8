#include "runtime/solo/signals.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace troupe::solo {

namespace {

/// The system call, because libc hides two of the signals.
std::uint64_t change_mask(int how, std::uint64_t mask) {
  std::uint64_t before = 0;
  syscall(SYS_rt_sigprocmask, how, &mask, &before, sizeof mask);
  return before;
}

} // namespace

os::unique_fd above_stdio(os::unique_fd fd) {
  if (!fd || fd.get() > STDERR_FILENO)
    return fd;
  return os::unique_fd{fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
}

signal_line::signal_line()
    : original_{change_mask(SIG_SETMASK, ~std::uint64_t{0})} {
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &by_default, &child_);
  sigset_t all;
  std::memset(&all, 0xff, sizeof all);
  fd_ = above_stdio(os::unique_fd{signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK)});
}

void signal_line::restore_child_handler() const {
  sigaction(SIGCHLD, &child_, nullptr);
}

std::uint64_t signal_line::waiting() const {
  std::uint64_t result = 0;
  syscall(SYS_rt_sigpending, &result, sizeof result);
  return result;
}

std::optional<siginfo_t> signal_line::take(int signal) const {
  const std::uint64_t one = bit(signal);
  const timespec at_once{0, 0};
  siginfo_t result{};
  if (syscall(SYS_rt_sigtimedwait, &one, &result, &at_once, sizeof one) != signal)
    return std::nullopt;
  return result;
}

std::optional<signalfd_siginfo> signal_line::next() const {
  signalfd_siginfo result{};
  while (true) {
    const auto size = read(fd_.get(), &result, sizeof result);
    if (size == sizeof result)
      return result;
    if (size >= 0 || errno != EINTR)
      return std::nullopt;
  }
}

void let_senders_finish() {
  setpgid(0, getpgrp());
}

bool waits_in(pid_t pid, int signal) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/status"};
  std::uint64_t found = 0;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("SigPnd:") || line.starts_with("ShdPnd:"))
      found |= std::strtoull(line.c_str() + 7, nullptr, 16);
  return (found & bit(signal)) != 0;
}

bool stop_self(int signal, const std::function<bool()>& went_on) {
  sigset_t pending;
  // A stop would take back the order to go on.
  if (sigpending(&pending) == 0 && sigismember(&pending, SIGCONT) == 1)
    return true;
  kill(getpid(), signal);
  if (signal == SIGSTOP)
    return true;
  if (went_on()) { // the order came between these two
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal);
    const timespec at_once{0, 0};
    sigtimedwait(&one, nullptr, &at_once);
    return false;
  }
  change_mask(SIG_UNBLOCK, bit(signal)); // here it stops
  change_mask(SIG_BLOCK, bit(signal));
  return true;
}

void die_of(int signal) {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); // a core that is piped to a program knows no limit
  std::signal(signal, SIG_DFL);
  kill(getpid(), signal);
  change_mask(SIG_UNBLOCK, bit(signal));
}

} // namespace troupe::solo
