#pragma once

// Commands that are carried out where they were typed.

#include "config/problem.hpp"
#include "config/result.hpp"
#include "config/tree.hpp"
#include "messages/admin.hpp"
#include "runtime/os/state_directory.hpp"
#include "runtime/os/unique_fd.hpp"
#include "runtime/shell/parse.hpp"
#include "runtime/shell/text.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace troupe::shell {

/// `troupe check`. Prints; returns the exit code.
int check_tree(const invocation&, const terminal&);

/// `troupe run` of the fleet in this directory: becomes the keeper. Returns only when that
/// is not to be, with the exit code, having said why.
int run_fleet(const invocation&, const std::string& directory);

/// The text of an argument; empty without it.
std::string text_argument(const invocation&, const char* key);

/// Problems of a config as they are shown on stderr.
std::string rendered(const std::vector<config::problem>& problems, const config::tree& source,
                     bool colour);

/// Whether stderr takes colour.
bool stderr_colour();

/// The lock of the state directory, for a process that is to hold it.
config::expected<os::unique_fd, refusal> lock_state(const os::state_directory& state);

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
