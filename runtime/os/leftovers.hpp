#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <sys/types.h>

namespace troupe::os {

/// Remembers in the state directory which cgroup its fleet has, for `end_leftovers`.
/// Returns an empty string or what went wrong.
std::string remember_cgroup(const std::string& state_directory, const std::string& cgroup);

/// What was found of an earlier life.
struct leftovers {
  std::size_t ended = 0; ///< processes that were killed
  std::size_t alive = 0; ///< of these still there when the time was up
};

/// Ends every process that an earlier life on this state directory left behind: those in
/// its cgroup, and those with a TROUPE_BOT_DIR beneath the directory in their environment
/// (of other users for root only). The caller holds the lock of the directory. Waits until
/// they are gone, at most `limit`.
leftovers end_leftovers(const std::string& state_directory,
                        std::chrono::milliseconds limit = std::chrono::seconds{5});

} // namespace troupe::os
