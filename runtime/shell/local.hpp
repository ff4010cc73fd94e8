#pragma once

// Commands that are carried out where they were typed.

#include "config/result.hpp"
#include "messages/admin.hpp"
#include "runtime/shell/parse.hpp"
#include "runtime/shell/text.hpp"

#include <string>
#include <string_view>

namespace troupe::shell {

/// `troupe check`. Prints; returns the exit code.
int check_tree(const invocation&, const terminal&);

/// `troupe run`: becomes the keeper. Returns only when that is not to be, with the
/// exit code, having said why.
int run_fleet(const invocation&);

/// A program that is installed with this one: beside it, or in libexec. Empty: there is none.
std::string find_program(const char* name);

/// The state directory that is meant; the error says what is wrong with it.
config::expected<std::string, refusal> state_of(const global_settings&);

/// Prints and flushes. False: it could not, and what could be said of that was said.
bool print(std::string_view text);

/// Prints; returns the exit code, or that of a failure to print.
int printed(std::string_view text, int exit = 0);

/// Says why a command failed: on stdout as JSON, or on stderr. Returns the exit code.
int complain(const refusal&, bool as_json);

} // namespace troupe::shell
