#pragma once

// `troupe shell`: at a terminal a prompt with history and completion, else a script.

#include "runtime/shell/parse.hpp"

namespace troupe::shell {

/// Returns the exit code: 0 after a prompt, of a script that of the line that failed.
int run_shell(const invocation&);

} // namespace troupe::shell
