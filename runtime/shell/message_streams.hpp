#pragma once

// `troupe tap` and `troupe state watch`: until a signal comes, also over a new runtime.

#include "runtime/shell/executor.hpp"

namespace troupe::shell {

/// Prints messages as they pass; returns the exit code.
int show_tap(const invocation&, client&, const executor::options&);

/// Prints the entries of the shared state that there are, then what changes; returns the exit
/// code.
int watch_state(const invocation&, client&, const executor::options&);

} // namespace troupe::shell
