#include "runtime/keeper/child.hpp"

#include "runtime/keeper/steps.hpp"
#include "runtime/keeper/sys.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace troupe::keeper {

namespace {

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

[[noreturn]] void become_bot(const launch& what, const child_defaults& defaults, int status,
                             bool join, pid_t keeper) {
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
  become_program(what, defaults.open_files, 0, keeper, status);
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
  set_signal_mask(0);
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
