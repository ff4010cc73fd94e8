#include "actors/messaging/json_text.hpp"

namespace troupe::messaging {

bool deeper_than(std::string_view text, std::size_t depth) {
  std::size_t open = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++open > depth)
        return true;
    } else if ((c == '}' || c == ']') && open > 0) {
      --open;
    }
  }
  return false;
}

std::string read_object(std::string_view text, std::size_t depth, nlohmann::json& into) {
  if (deeper_than(text, depth))
    return "the JSON is nested deeper than " + std::to_string(depth);
  into = nlohmann::json::parse(text, nullptr, false);
  if (into.is_discarded())
    return "it is no JSON";
  return into.is_object() ? "" : "it is no JSON object";
}

std::string json_string(std::string_view text) {
  using json = nlohmann::json;
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace troupe::messaging
