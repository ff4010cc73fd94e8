#include "runtime/keeper/children.hpp"

#include "runtime/keeper/sys.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

namespace troupe::keeper {

bool child_list::read() {
  count_ = 0;
  if (read_from_proc()) {
    return true;
  }
  count_ = 0;
  return try_some_pids();
}

bool child_list::append(pid_t pid) {
  if (count_ == capacity_) {
    const uint32_t wanted = capacity_ == 0 ? 256 : capacity_ * 2;
    auto* more = static_cast<pid_t*>(realloc(pids_, wanted * sizeof(pid_t)));
    if (more == nullptr) {
      return false;
    }
    pids_ = more;
    capacity_ = wanted;
  }
  pids_[count_++] = pid;
  return true;
}

bool child_list::read_from_proc() {
  // A /proc of another pid namespace would speak of other processes by the same numbers.
  char self[16];
  const ssize_t length = readlink("/proc/self", self, sizeof self - 1);
  if (length <= 0) {
    return false;
  }
  self[length] = '\0';
  if (atoi(self) != getpid()) {
    return false;
  }
  int file = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return false;
  }
  char text[4096];
  pid_t pid = 0;
  bool complete = true;
  ssize_t size = 0;
  while (complete && (size = ::read(file, text, sizeof text)) > 0) {
    for (ssize_t i = 0; i < size && complete; ++i) {
      if (text[i] >= '0' && text[i] <= '9') {
        pid = pid * 10 + (text[i] - '0');
      } else if (pid > 0) {
        complete = append(pid);
        pid = 0;
      }
    }
  }
  close_fd(file);
  return size >= 0;
}

bool child_list::try_some_pids() {
  // Some ten milliseconds of system calls. Pids are given out in a circle, so what a bot has
  // left is not far above what we have met, or below.
  constexpr pid_t tried_at_once = 32768;
  constexpr pid_t not_far = 65536;
  met(getpid());
  for (pid_t i = 0; i < tried_at_once; ++i) {
    const pid_t pid = next_to_try_++;
    siginfo_t info{};
    if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
      met(pid);
      append(pid);
    }
    if (pid >= highest_met_ + not_far) {
      next_to_try_ = first_pid;
      return true;
    }
  }
  return false;
}

} // namespace troupe::keeper
