#pragma once

#include "config/result.hpp"
#include "runtime/os/unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace troupe::os {

/// One line of /proc/PID/stat.
struct process {
  pid_t pid = 0;
  char state = '?'; ///< 'Z' is a zombie
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  std::uint64_t cpu_ticks = 0;
  std::uint64_t start_ticks = 0; ///< with the pid, it names a process for ever
  std::uint64_t resident = 0;    ///< bytes

  bool dead() const { return state == 'Z' || state == 'X'; }
};

/// Takes the text of /proc/PID/stat apart; the name in it may hold anything.
std::optional<process> parse_stat(std::string_view text);

/// One process, or nothing when there is none or, see `short_of_means`, it cannot be read now.
std::optional<process> read_process(pid_t pid);

/// Whether this errno says that we lack fds or memory, and nothing about what was looked for.
bool short_of_means(int error);

/// Every process that can be seen; nothing when we cannot look now.
std::optional<std::vector<process>> all_processes();

/// The children of a process, zombies too, or nothing when this kernel does not tell.
std::optional<std::vector<pid_t>> children_of(pid_t pid);

/// stat() of a file as the process sees it, beneath /proc/PID; false with errno.
bool stat_of(pid_t pid, const std::string& file, struct stat& info);

/// A living process that has this file open, but `self`; 0 when none can be seen.
pid_t process_that_has_open(const struct stat& file, pid_t self);

/// The value of a variable in the environment that a process was started with; nothing
/// when it has none or it may not be read. Root reads that of any user, also where it may
/// not trace others.
std::optional<std::string> variable_of(pid_t pid, std::string_view name);

/// The environment that a process was started with, in its order; empty when it may not be read.
std::vector<std::pair<std::string, std::string>> variables_of(pid_t pid);

/// A small file beneath /proc/PID, also of another user's process; nothing when it may not be read.
std::optional<std::string> look_at(pid_t pid, const char* file);

/// How many files a process has open, at most a million; nothing when that may not be seen.
std::optional<std::size_t> open_files_of(pid_t pid);

/// Microseconds of CPU time for clock ticks.
std::uint64_t ticks_to_us(std::uint64_t ticks);

/// Kills exactly this process, never another that got its pid since. Returns 0, or
/// errno; ESRCH when it has gone.
int kill_exactly(const process& x, int signal);

/// All of `from` and everything that descends from them.
std::vector<process> with_descendants(const std::vector<process>& all,
                                      const std::function<bool(const process&)>& from);

} // namespace troupe::os
