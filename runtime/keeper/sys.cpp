#include "runtime/keeper/sys.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace troupe::keeper {

uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000U + static_cast<uint64_t>(now.tv_nsec);
}

namespace {

int log_fd = STDERR_FILENO;
bool log_is_socket = false;
uint32_t dropped_lines = 0;

/// Never waits: what is not taken at once is dropped.
bool write_once(const char* line, size_t length) {
  // Where there is no log of our own that does not block: a pipe that polls writable takes
  // PIPE_BUF bytes, and a line is shorter.
  pollfd ready{log_fd, POLLOUT, 0};
  if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
    return false;
  }
  return (log_is_socket ? send(log_fd, line, length, MSG_DONTWAIT | MSG_NOSIGNAL)
                        : write(log_fd, line, length))
         > 0;
}

void write_log(const char* line, size_t length) {
  if (dropped_lines > 0) {
    char note[96];
    const int size = snprintf(note, sizeof note,
                              "troupe-keeper: %u lines were dropped: nobody read"
                              " them\n",
                              dropped_lines);
    if (write_once(note, static_cast<size_t>(size))) {
      dropped_lines = 0;
    }
  }
  if (!write_once(line, length)) {
    ++dropped_lines;
  }
}

} // namespace

void open_log() {
  struct stat info {};
  if (fstat(STDERR_FILENO, &info) != 0) {
    return;
  }
  log_is_socket = S_ISSOCK(info.st_mode);
  if (!S_ISFIFO(info.st_mode) && !S_ISCHR(info.st_mode)) {
    return;
  }
  // Opened anew: the mode of the one that we were given is shared with whoever gave it.
  const int own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (own >= 0) {
    log_fd = own;
  }
}

void say(const char* format, ...) {
  char line[1024] = "troupe-keeper: ";
  const size_t prefix = strlen(line);
  va_list arguments;
  va_start(arguments, format);
  const int wanted = vsnprintf(line + prefix, sizeof line - prefix - 1, format, arguments);
  va_end(arguments);
  if (wanted < 0) {
    return;
  }
  size_t length = strlen(line);
  line[length++] = '\n';
  write_log(line, length);
}

pid_t new_process(int cgroup_fd, int* pidfd, bool* join) {
  static bool clone3_missing = false;
  *pidfd = -1;
  *join = false;
  if (!clone3_missing) {
    clone_args args{};
    args.flags = CLONE_PIDFD | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0);
    args.pidfd = reinterpret_cast<uint64_t>(pidfd);
    args.exit_signal = SIGCHLD;
    args.cgroup = cgroup_fd >= 0 ? static_cast<uint64_t>(cgroup_fd) : 0;
    const long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid >= 0) {
      return static_cast<pid_t>(pid);
    }
    if (errno == EAGAIN || errno == ENOMEM || errno == EMFILE || errno == ENFILE) {
      return -1;
    }
    clone3_missing = errno == ENOSYS;
    *pidfd = -1;
  }
  // An old kernel, a seccomp filter, or a cgroup that cannot be cloned into: entering it from
  // inside either works or names the error at its own step.
  const pid_t pid = fork();
  if (pid == 0) {
    *join = cgroup_fd >= 0;
  } else if (pid > 0) {
    *pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  }
  return pid;
}

wait_outcome look_at(pid_t pid, bool pin, exit_status* status) {
  siginfo_t info{};
  rusage usage{};
  // The system call fills in the rusage, also with WNOWAIT; libc's waitid() has no such argument.
  const int options = WEXITED | WNOHANG | (pin ? WNOWAIT : 0);
  if (syscall(SYS_waitid, P_PID, pid, &info, options, &usage) != 0) {
    return wait_outcome::no_child;
  }
  if (info.si_pid == 0) {
    return wait_outcome::running;
  }
  const bool exited = info.si_code == CLD_EXITED;
  status->code = exited ? info.si_status : -1;
  status->signal = exited ? 0 : info.si_status;
  status->core = info.si_code == CLD_DUMPED ? 1 : 0;
  const auto micros = [](const timeval& time) {
    return static_cast<uint64_t>(time.tv_sec) * 1000000U + static_cast<uint64_t>(time.tv_usec);
  };
  status->user_us = micros(usage.ru_utime);
  status->system_us = micros(usage.ru_stime);
  status->max_rss_kib = static_cast<uint64_t>(usage.ru_maxrss);
  return wait_outcome::ended;
}

void close_on_exec_from(int first) {
  if (close_range(static_cast<unsigned>(first), ~0U, CLOSE_RANGE_CLOEXEC) == 0) {
    return;
  }
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  constexpr rlim_t enough = 1U << 20;
  const int end = static_cast<int>(limit.rlim_max < enough ? limit.rlim_max : enough);
  for (int fd = first; fd < end; ++fd) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
}

uint64_t cpu_time_ns(pid_t pid) {
  clockid_t clock = 0;
  timespec used{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
    return 0;
  }
  return static_cast<uint64_t>(used.tv_sec) * 1000000000U + static_cast<uint64_t>(used.tv_nsec);
}

bool wants_cpu(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR* tasks = opendir(path);
  if (tasks == nullptr) {
    return false;
  }
  bool found = false;
  for (const dirent* task = readdir(tasks); task != nullptr && !found; task = readdir(tasks)) {
    snprintf(path, sizeof path, "%.24s/stat", task->d_name);
    int file = openat(dirfd(tasks), path, O_RDONLY | O_CLOEXEC);
    char text[256];
    const ssize_t size = file < 0 ? 0 : read(file, text, sizeof text - 1);
    close_fd(file);
    text[size > 0 ? size : 0] = '\0';
    // 12 (a name) R …: the name may hold anything, so from the last bracket on.
    const char* after = strrchr(text, ')');
    found = after != nullptr && after[1] == ' ' && after[2] == 'R';
  }
  closedir(tasks);
  return found;
}

int send_signal(int pidfd, pid_t pid, int signal) {
  if (pidfd >= 0) {
    if (syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0) {
      return 0;
    }
    if (errno != ENOSYS) {
      return errno;
    }
  }
  return kill(pid, signal) == 0 ? 0 : errno;
}

bool kill_cgroup(int cgroup_fd) {
  int file = openat(cgroup_fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
  if (file < 0) {
    return false;
  }
  const bool done = write(file, "1", 1) == 1;
  close_fd(file);
  return done;
}

void close_fd(int& fd) {
  if (fd >= 0) {
    const int before = errno;
    close(fd);
    errno = before;
    fd = -1;
  }
}

} // namespace troupe::keeper
