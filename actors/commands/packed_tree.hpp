#pragma once

// A config tree on its way from who has read it to the runtime: the document of
// config::to_json, as one zstd frame in base 64, so that a large fleet fits into one request.

#include "config/result.hpp"

#include <string>
#include <string_view>

namespace troupe::commands {

/// Of a whole request. Config text becomes a tenth of itself or less.
inline constexpr std::size_t max_packed_tree = 960 * 1024;

std::string pack_tree(std::string_view document);

/// Reverses it; takes no more memory than a tree may have. The error is a sentence.
config::expected<std::string, std::string> unpack_tree(std::string_view packed);

} // namespace troupe::commands
