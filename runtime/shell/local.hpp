#pragma once

// Commands that are carried out where they were typed.

#include "config/result.hpp"
#include "messages/admin.hpp"
#include "runtime/shell/parse.hpp"
#include "runtime/shell/text.hpp"

#include <string>

namespace troupe::shell {

/// `troupe check`. Prints; returns the exit code.
int check_tree(const invocation&, const terminal&);

/// `troupe run`: becomes the keeper. Returns only when that is not to be, with the
/// exit code, having said why.
int run_fleet(const invocation&);

/// The state directory that is meant; the error says what is wrong with it.
config::expected<std::string, refusal> state_of(const global_settings&);

/// Says why a command failed: on stdout as JSON, or on stderr. Returns the exit code.
int complain(const refusal&, bool as_json);

} // namespace troupe::shell
