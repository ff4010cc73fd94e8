#pragma once

#include "runtime/shell/parse.hpp"

namespace troupe::shell {

/// `troupe run`: looks at what it is given and runs the fleet or the one bot. Returns the exit
/// code, or does not return.
int run(const invocation&);

} // namespace troupe::shell
