#pragma once

#include "config/tree.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::config {

enum class severity : std::uint8_t { error, warning };

/// One thing that is wrong with a tree, said so that a person can mend it.
struct problem {
  std::string file;         ///< relative to the tree; empty when it is none of its files
  std::uint32_t line = 0;   ///< from 1; 0 when the problem has no place in the file
  std::uint32_t column = 0; ///< from 1, in characters
  std::string pointer;      ///< RFC 6901, of the value in question
  std::string message;      ///< what is wrong
  std::string expected;     ///< what would be right; may be empty
  std::string hint;         ///< what to do, such as «did you mean "restart"?»; may be empty
  severity level = severity::error;

  bool operator==(const problem&) const = default;
};

/// A problem of a file as a whole.
problem file_problem(std::string file, std::string message, std::string expected = {},
                     std::string hint = {});

/// Sorts by file, line and column, and drops repetitions.
void sort_problems(std::vector<problem>& problems);

/// The problem as text of several lines, each ended by a newline: place and message, an
/// excerpt of the source with a caret when `source` is given and has the file, what was
/// expected, and the hint. Control characters of the source never reach the terminal.
std::string render(const problem& what, const tree* source, bool colour);

/// The object that `check --json` lists.
nlohmann::json to_json(const problem& what);

} // namespace troupe::config
