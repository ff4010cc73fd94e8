#include "runtime/keeper/child.hpp"

#include "runtime/keeper/sys.hpp"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace troupe::keeper {

namespace {

[[noreturn]] void fail(int status_pipe, spawn_step step, int error) {
  const step_record record{step, error};
  [[maybe_unused]] const ssize_t written = write(status_pipe, &record, sizeof record);
  _exit(127);
}

/// Every signal back to its default. The system call, because libc hides two of the signals.
void reset_dispositions() {
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    uint64_t mask;
  } const by_default{};
  for (int signal = 1; signal <= 64; ++signal) {
    syscall(SYS_rt_sigaction, signal, &by_default, nullptr, sizeof(uint64_t));
  }
}

void unblock_signals() {
  const uint64_t none = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

bool write_file(int directory, const char* path, const char* text) {
  int file = openat(directory, path, O_WRONLY | O_CLOEXEC);
  if (file < 0) {
    return false;
  }
  const bool done = write(file, text, strlen(text)) >= 0;
  close_fd(file);
  return done;
}

/// execvp's search, but in the PATH of the new environment, and a file that is no program is an
/// error (ENOEXEC) instead of a script for some shell. Returns the errno.
int execute(char** arguments, char** environment) {
  const char* name = arguments[0];
  if (*name == '\0') {
    return ENOENT;
  }
  if (strchr(name, '/') != nullptr) {
    execve(name, arguments, environment);
    return errno;
  }
  const char* search = "/bin:/usr/bin";
  for (char** it = environment; *it != nullptr; ++it) {
    if (strncmp(*it, "PATH=", 5) == 0) {
      search = *it + 5;
      break;
    }
  }
  bool denied = false;
  int error = ENOENT;
  char path[PATH_MAX];
  for (const char* part = search;; ++part) {
    const char* end = strchrnul(part, ':');
    const int length = static_cast<int>(end - part);
    const int size =
        snprintf(path, sizeof path, "%.*s%s%s", length, part, length > 0 ? "/" : "", name);
    if (size > 0 && static_cast<size_t>(size) < sizeof path) {
      execve(path, arguments, environment);
      switch (errno) {
      case EACCES:
        denied = true;
        break;
      case ENOENT:
      case ENOTDIR:
      case ESTALE:
      case ENODEV:
      case ETIMEDOUT:
        error = errno;
        break;
      default:
        return errno;
      }
    }
    if (*end == '\0') {
      return denied ? EACCES : error;
    }
    part = end;
  }
}

void set_identity(const launch& what, int status) {
  const spawn_message& asked = *what.request;
  if ((asked.flags & spawn_flag::groups) != 0 && setgroups(asked.group_count, what.groups) != 0) {
    fail(status, spawn_step::groups, errno);
  }
  if ((asked.flags & spawn_flag::gid) != 0 && setresgid(asked.gid, asked.gid, asked.gid) != 0) {
    fail(status, spawn_step::gid, errno);
  }
  if ((asked.flags & spawn_flag::uid) != 0 && setresuid(asked.uid, asked.uid, asked.uid) != 0) {
    fail(status, spawn_step::uid, errno);
  }
  if ((asked.flags & spawn_flag::no_new_privs) != 0
      && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    fail(status, spawn_step::no_new_privs, errno);
  }
}

void set_limits(const launch& what, const child_defaults& defaults, int status) {
  const spawn_message& asked = *what.request;
  // A lower hard limit is allowed to everyone, so this gives back what the keeper has raised.
  setrlimit(RLIMIT_NOFILE, &defaults.open_files);
  for (uint32_t i = 0; i < asked.limit_count; ++i) {
    const limit_entry& entry = what.limits[i];
    const rlimit wanted{entry.soft, entry.hard};
    if (setrlimit(static_cast<__rlimit_resource>(entry.resource), &wanted) != 0) {
      fail(status, spawn_step::limits, errno);
    }
  }
}

[[noreturn]] void become_bot(const launch& what, const child_defaults& defaults, int status,
                             bool join, pid_t keeper) {
  const spawn_message& asked = *what.request;
  if (setsid() < 0) {
    fail(status, spawn_step::session, errno);
  }
  if (join && !write_file(what.cgroup, "cgroup.procs", "0")) {
    fail(status, spawn_step::cgroup, errno);
  }
  reset_dispositions();
  const int sources[3] = {what.in, what.out, what.err};
  for (int fd = 0; fd < 3; ++fd) {
    if (dup2(sources[fd] >= 0 ? sources[fd] : defaults.dev_null, fd) < 0) {
      fail(status, spawn_step::stdio, errno);
    }
  }
  // All our fds are close-on-exec already; this is for one that a library might open.
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  if ((asked.flags & spawn_flag::oom_score_adj) != 0) {
    char text[16];
    snprintf(text, sizeof text, "%d", asked.oom_score_adj);
    if (!write_file(AT_FDCWD, "/proc/self/oom_score_adj", text)) {
      fail(status, spawn_step::oom_score, errno);
    }
  }
  if ((asked.flags & spawn_flag::nice) != 0 && setpriority(PRIO_PROCESS, 0, asked.nice) != 0) {
    fail(status, spawn_step::nice, errno);
  }
  umask(asked.umask);
  set_limits(what, defaults, status);
  set_identity(what, status);
  // After the change of user, which clears it; then see whether the keeper died before it was set.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
    fail(status, spawn_step::parent, errno);
  }
  if (getppid() != keeper) {
    fail(status, spawn_step::parent, ESRCH);
  }
  if ((asked.flags & spawn_flag::directory) != 0 && chdir(what.directory) != 0) {
    fail(status, spawn_step::directory, errno);
  }
  unblock_signals();
  fail(status, spawn_step::exec, execute(what.arguments, what.environment));
}

[[noreturn]] void become_runtime(char** command, int channel, uint64_t epoch, pid_t keeper,
                                 const child_defaults& defaults, int status) {
  if (setsid() < 0) {
    fail(status, spawn_step::session, errno);
  }
  reset_dispositions();
  signal(SIGHUP, SIG_IGN); // whoever means us may hit both
  // The status pipe and /dev/null may stand where the channel has to go.
  if (dup2(defaults.dev_null, STDIN_FILENO) < 0) {
    fail(status, spawn_step::stdio, errno);
  }
  status = fcntl(status, F_DUPFD_CLOEXEC, runtime_fd + 1);
  if (channel == runtime_fd) {
    fcntl(channel, F_SETFD, 0);
  } else if (dup2(channel, runtime_fd) < 0) {
    fail(status, spawn_step::stdio, errno);
  }
  close_range(runtime_fd + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  char number[24];
  const auto set = [&number](const char* name, unsigned long long value) {
    snprintf(number, sizeof number, "%llu", value);
    setenv(name, number, 1);
  };
  set("TROUPE_KEEPER_FD", runtime_fd);
  set("TROUPE_EPOCH", epoch);
  set("TROUPE_KEEPER_PID", static_cast<unsigned long long>(keeper));
  unblock_signals();
  fail(status, spawn_step::exec, execute(command, environ));
}

bool open_status(int ends[2], started_child& made) {
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    made.failed = {spawn_step::pipe, errno};
    return false;
  }
  return true;
}

void finish_start(started_child& made, pid_t pid, int ends[2]) {
  if (pid < 0) {
    made.failed = {spawn_step::fork, errno};
    close_fd(ends[0]);
  } else {
    made.pid = pid;
    made.status_pipe = ends[0];
  }
  close_fd(ends[1]);
}

} // namespace

started_child start_bot(const launch& what, const child_defaults& defaults) {
  started_child made;
  int ends[2];
  if (!open_status(ends, made)) {
    return made;
  }
  const pid_t keeper = getpid();
  bool join = false;
  const pid_t pid = new_process(what.cgroup, &made.pidfd, &join);
  if (pid == 0) {
    become_bot(what, defaults, ends[1], join, keeper);
  }
  finish_start(made, pid, ends);
  return made;
}

started_child start_runtime(char** command, int channel, uint64_t epoch,
                            const child_defaults& defaults) {
  started_child made;
  int ends[2];
  if (!open_status(ends, made)) {
    return made;
  }
  const pid_t keeper = getpid();
  bool join = false;
  const pid_t pid = new_process(-1, &made.pidfd, &join);
  if (pid == 0) {
    become_runtime(command, channel, epoch, keeper, defaults, ends[1]);
  }
  finish_start(made, pid, ends);
  return made;
}

int read_status(int status_pipe, step_record& record) {
  const ssize_t size = read(status_pipe, &record, sizeof record);
  if (size == sizeof record) {
    return 1;
  }
  return size == 0 ? 0 : -1;
}

} // namespace troupe::keeper
