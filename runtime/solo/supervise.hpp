#pragma once

#include "runtime/solo/plan.hpp"
#include "runtime/solo/restarts.hpp"

namespace troupe::solo {

/// Runs the bot in the foreground until it is over. Its end is ours: returns its exit code, or
/// dies of the signal that it died of. 1 when it could not be started, having said why on
/// stderr. `talks`: what happens is told there too. Blocks all signals for good; to be called
/// once, by a process with one thread.
int supervise(const plan& what, restarts policy, bool talks);

} // namespace troupe::solo
