#pragma once

// JSON that came from a bot: read without trust.

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace troupe::messaging {

/// Whether brackets are nested deeper than that, by counting them; for texts that are no JSON
/// the answer means nothing. A deep one must not be read: writing it again recurses.
bool deeper_than(std::string_view text, std::size_t depth);

/// Reads an object of that depth at most. Returns an empty string, or what is wrong with it.
std::string read_object(std::string_view text, std::size_t depth, nlohmann::json& into);

/// As a JSON string, with its quotes.
std::string json_string(std::string_view text);

} // namespace troupe::messaging
