#pragma once

// Tab on the command line of bash, zsh and fish. The scripts know nothing of the commands:
// they ask `troupe __complete WORDS…`, which answers from the table, and so are never stale.

#include "runtime/shell/parse.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace troupe::shell {

/// The script for a shell of the table's choices.
std::string completion_script(std::string_view shell);

/// The state directory that is typed among these words; empty: none is.
std::string typed_state(const std::vector<std::string>& words);

/// `troupe completion`. Prints; returns the exit code.
int print_completion(const invocation&);

/// `troupe __complete WORDS…`: a line «word TAB summary» for each candidate of the last
/// word; a last line «:files» or «:directories» when the shell knows more. Names of bots
/// come from the runtime, if it answers within a second; nothing is ever an error.
int answer_completion(const std::vector<std::string>& words);

} // namespace troupe::shell
