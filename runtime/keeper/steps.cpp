#include "runtime/keeper/steps.hpp"

#include "runtime/keeper/child.hpp"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace troupe::keeper {

namespace {

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

void set_limits(const launch& what, const rlimit& open_files, int status) {
  const spawn_message& asked = *what.request;
  // A lower hard limit is allowed to everyone, so this gives back what its parent has raised.
  setrlimit(RLIMIT_NOFILE, &open_files);
  for (uint32_t i = 0; i < asked.limit_count; ++i) {
    const limit_entry& entry = what.limits[i];
    const rlimit wanted{entry.soft, entry.hard};
    if (setrlimit(static_cast<__rlimit_resource>(entry.resource), &wanted) != 0) {
      fail(status, spawn_step::limits, errno);
    }
  }
}

} // namespace

[[noreturn]] void fail(int status_pipe, spawn_step step, int error) {
  const step_record record{step, error};
  [[maybe_unused]] const ssize_t written = write(status_pipe, &record, sizeof record);
  _exit(127);
}

bool write_file(int directory, const char* path, const char* text) {
  int file = openat(directory, path, O_WRONLY | O_CLOEXEC);
  if (file < 0) {
    return false;
  }
  const bool done = write(file, text, strlen(text)) >= 0;
  close(file);
  return done;
}

void set_signal_mask(uint64_t mask) {
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, nullptr, sizeof mask);
}

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

[[noreturn]] void become_program(const launch& what, const rlimit& open_files, uint64_t mask,
                                 pid_t parent, int status) {
  const spawn_message& asked = *what.request;
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
  set_limits(what, open_files, status);
  set_identity(what, status);
  // After the change of user, which clears it; then see whether the parent died before it was set.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
    fail(status, spawn_step::parent, errno);
  }
  if (getppid() != parent) {
    fail(status, spawn_step::parent, ESRCH);
  }
  if ((asked.flags & spawn_flag::directory) != 0 && chdir(what.directory) != 0) {
    fail(status, spawn_step::directory, errno);
  }
  set_signal_mask(mask);
  fail(status, spawn_step::exec, execute(what.arguments, what.environment));
}

} // namespace troupe::keeper
