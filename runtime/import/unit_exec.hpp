#pragma once

// Command lines of unit files.

#include "config/result.hpp"
#include "runtime/import/fleet.hpp"
#include "runtime/import/unit_words.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::importing {

/// One command of an Exec line.
struct exec_line {
  bool ignores_failure = false; ///< `-`
  bool privileged = false;      ///< `+`, `!`, `!!`
  bool named = false;           ///< `@`: what follows the program is only its name
  bool literal_dollars = false; ///< `:`
  std::vector<std::string> words;
};

/// Takes one line apart: its commands, which ` ; ` separates. The error says what is wrong.
config::expected<std::vector<exec_line>, std::string> parse_exec(std::string_view value,
                                                                 const specifiers& known);

/// Lines that run one after the other, as a command of the tree. Variables that `env` has are
/// replaced as systemd does; others are left to a shell.
json exec_command(const std::vector<exec_line>& lines,
                  const std::map<std::string, std::string>& env);

/// Variables that the shell of `exec_command` splits into words, which it does without quotes.
std::set<std::string> split_by_shell(const std::vector<exec_line>& lines,
                                     const std::map<std::string, std::string>& env);

} // namespace troupe::importing
