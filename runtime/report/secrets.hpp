#pragma once

// Finds the values that a fleet's bots are given and that must not be seen.

#include "config/tree.hpp"
#include "runtime/report/blotter.hpp"

#include <set>
#include <string>
#include <sys/types.h>

namespace troupe::report {

/// Teaches the blotter what is in `secrets/` of the tree, in every environment_file, in every
/// `environment`, in the credentials of the keeper, and which variables of the keeper's
/// environment reach bots. `keeper`: 0 when nothing runs. Returns what could not be read:
/// then what bots have printed must not leave the machine.
std::set<std::string> learn_secrets(blotter& into, const config::tree& tree, pid_t keeper);

} // namespace troupe::report
