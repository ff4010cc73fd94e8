#include "runtime/keeper/main_loop.hpp"
#include "runtime/keeper/sys.hpp"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace troupe::keeper {

namespace {

constexpr uint64_t patience = 5ULL * 1000000000U;
constexpr int look_again_ms = 10;

/// Reaps all that has ended; false when there are no children left.
bool reap_everything() {
  for (;;) {
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0) {
      return errno != ECHILD;
    }
    if (info.si_pid == 0) {
      return true;
    }
  }
}

} // namespace

int main_loop::end(int code) {
  if (runtime_.pid > 0) {
    send_signal(runtime_.pidfd, runtime_.pid, SIGKILL);
  }
  for (uint32_t i = 0; i < slots_.end(); ++i) {
    const slot* bot = slots_.at(i);
    if (bot == nullptr || bot->pid <= 0) {
      continue;
    }
    if (bot->cgroup >= 0) {
      kill_cgroup(bot->cgroup);
    }
    kill(-bot->pid, SIGKILL);
    kill(bot->pid, SIGKILL); // one that has not come to setsid
  }
  // What these leave becomes our child, and so on: kill, reap and look again.
  const uint64_t deadline = now_ns() + patience;
  while (reap_everything()) {
    if (now_ns() > deadline) {
      children_.read();
      say("%u processes could not be ended in 5 s, the first is %d; leaving them",
          children_.count(), children_.count() > 0 ? children_.pid(0) : 0);
      break;
    }
    children_.read();
    for (uint32_t i = 0; i < children_.count(); ++i) {
      kill(children_.pid(i), SIGKILL);
    }
    pollfd signals{signals_, POLLIN, 0};
    if (poll(&signals, 1, look_again_ms) > 0) {
      read_signals();
    }
  }
  return code;
}

} // namespace troupe::keeper
