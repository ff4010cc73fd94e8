#pragma once

// `troupe report`.

#include "messages/admin.hpp"
#include "runtime/shell/client.hpp"
#include "runtime/shell/parse.hpp"

#include <optional>

namespace troupe::shell {

/// Collects, blots out and writes the bundle. `no_state` says why there is no state
/// directory, if there is none. Prints; returns the exit code.
int write_report(client& runtime, const invocation&, const std::optional<refusal>& no_state);

} // namespace troupe::shell
