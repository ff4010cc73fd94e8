#pragma once

// What came from elsewhere, made fit to be shown: file names, config text, words that
// were typed, what a bot wrote.

#include <cstddef>
#include <string>
#include <string_view>

namespace troupe::config {

/// Length of the valid UTF-8 sequence at the start of `text`; 0 when there is none.
std::size_t utf8_length(std::string_view text);

/// Whether all of the text is UTF-8.
bool is_utf8(std::string_view text);

/// The text without anything that steers a terminal: control characters, those that turn
/// the direction of writing, and bytes that are no UTF-8 become \x1b or \u202e.
std::string escape(std::string_view text);

} // namespace troupe::config
