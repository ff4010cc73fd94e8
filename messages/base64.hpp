#pragma once

// Base 64 of RFC 4648, with padding: how bytes that are no text travel in JSON.

#include <optional>
#include <string>
#include <string_view>

namespace troupe {

std::string to_base64(std::string_view bytes);

/// Nothing when it is none; blanks and line ends are none.
std::optional<std::string> from_base64(std::string_view text);

} // namespace troupe
