#pragma once

#include "config/object_reader.hpp"

namespace troupe::config {

/// Bounds of `settings`: they travel in one frame with the labels (docs/link-protocol.md).
inline constexpr std::size_t max_settings = 48 << 10;
inline constexpr std::size_t max_settings_depth = 12;

/// Reads what a bot says of its link and its messages.
void read_messaging(const object_reader& in, bot_spec& out);

/// What is wrong with `settings` as a whole, or "".
std::string settings_problem(const nlohmann::json& settings);

} // namespace troupe::config
