#pragma once

#include <cstddef>
#include <string>

namespace troupe::config {

/// Longest pattern, in bytes.
inline constexpr std::size_t max_pattern = 1000;

/// Empty when the text is a regular expression of RE2's syntax, else what is wrong with it.
/// RE2 takes time linear in the text it looks at, whatever the pattern: a bot's output
/// cannot hang or crash who looks for it (docs/decisions/0010-patterns.md).
std::string pattern_problem(const std::string& text);

} // namespace troupe::config
