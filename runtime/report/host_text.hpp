#pragma once

// Facts of the host and of the fleet's own processes as text. Nothing of a bot, no
// environment and no command line is in it.

#include <string>
#include <sys/types.h>

namespace troupe::report {

/// System, limits, memory, mounts of control groups, and what /proc says of the two.
std::string host_text(pid_t keeper, pid_t runtime);

/// The end of the log of `troupe run`: of the file that the keeper's stderr goes to, else of
/// systemd's journal for its unit. Empty: `why` says what there is instead.
std::string log_tail(pid_t keeper, std::string& why);

} // namespace troupe::report
