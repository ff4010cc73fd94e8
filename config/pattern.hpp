#pragma once

#include <cstddef>
#include <string>

namespace troupe::config {

/// Longest pattern; std::regex needs time and stack by its length.
inline constexpr std::size_t max_pattern = 1000;

/// Whether the text, of at most `max_pattern` bytes, is an ECMAScript regular expression.
bool valid_pattern(const std::string& text);

} // namespace troupe::config
