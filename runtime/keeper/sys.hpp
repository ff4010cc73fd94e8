#pragma once

#include "runtime/keeper/protocol.hpp"

#include <sys/types.h>

namespace troupe::keeper {

/// CLOCK_MONOTONIC in nanoseconds.
uint64_t now_ns();

/// From now on say() cannot block, also when somebody else writes to the same pipe or terminal.
void open_log();

/// Writes one line to stderr, prefixed with the program's name; drops it rather than wait for a
/// reader that has stopped reading, and says later how many it dropped.
[[gnu::format(printf, 1, 2)]] void say(const char* format, ...);

/// A new process, as fork, but with a pidfd (-1 where the kernel has none) and inside the cgroup
/// behind `cgroup_fd` (-1: none). `join` becomes true where the child still has to enter that
/// cgroup by itself. Returns the pid, 0 in the child, or -1 with errno.
pid_t new_process(int cgroup_fd, int* pidfd, bool* join);

enum class wait_outcome { running, ended, no_child };

/// Asks how the child `pid` ended, without waiting; reaps it unless `pin`.
wait_outcome look_at(pid_t pid, bool pin, exit_status* status);

/// Marks every fd from `first` on close-on-exec.
void close_on_exec_from(int first);

/// CPU time that a process has used, in nanoseconds; 0 when that cannot be known.
uint64_t cpu_time_ns(pid_t pid);

/// Whether a thread of it would run if it was given a CPU; false when that cannot be known.
bool wants_cpu(pid_t pid);

/// Sends to the process itself; the pid alone is safe too while its zombie is pinned.
int send_signal(int pidfd, pid_t pid, int signal);

/// Kills everything in the cgroup behind this fd; false where the kernel cannot.
bool kill_cgroup(int cgroup_fd);

/// close() that leaves errno alone and forgets the number.
void close_fd(int& fd);

} // namespace troupe::keeper
