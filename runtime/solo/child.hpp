#pragma once

// One process of the bot: a child in our process group with our stdin, stdout, stderr and
// terminal.

#include "config/result.hpp"
#include "runtime/os/keeper_client.hpp"
#include "runtime/os/unique_fd.hpp"
#include "runtime/solo/signals.hpp"

#include <string>
#include <sys/types.h>

namespace troupe::solo {

/// A step of a start that failed.
struct start_failure {
  os::spawn_step step{};
  int error = 0;
};

/// A process on its way to its program.
struct child {
  pid_t pid = -1;
  os::unique_fd status; ///< see `outcome_of`; readable when the outcome is known
  os::unique_fd held;   ///< until this is closed it goes no further, with all signals blocked
};

/// Forks. Nothing is waited for.
config::expected<child, start_failure> start(const os::spawn_request& request,
                                             const signal_line& signals);

/// What became of the start: `step` is 0 when the program runs.
start_failure outcome_of(const os::unique_fd& status);

} // namespace troupe::solo
