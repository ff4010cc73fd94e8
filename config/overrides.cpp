#include "config/overrides.hpp"

#include "config/document.hpp"

namespace troupe::config {

namespace {

nlohmann::json parsed(const std::string& patch) {
  return patch.empty() ? nlohmann::json::object() : nlohmann::json::parse(patch);
}

/// Takes away what the tokens name, and every object that becomes empty by that.
void remove(nlohmann::json& from, const std::vector<std::string>& tokens, std::size_t at) {
  if (!from.is_object() || !from.contains(tokens[at]))
    return;
  auto& member = from[tokens[at]];
  if (at + 1 == tokens.size()) {
    from.erase(tokens[at]);
    return;
  }
  remove(member, tokens, at + 1);
  if (member.is_object() && member.empty())
    from.erase(tokens[at]);
}

} // namespace

std::string with_override(const std::string& patch, std::string_view pointer,
                          const nlohmann::json& value) {
  auto result = parsed(patch);
  auto* at = &result;
  for (const auto& token : pointer_tokens(pointer)) {
    if (!at->is_object())
      *at = nlohmann::json::object();
    at = &(*at)[token];
  }
  *at = value;
  return result.dump();
}

std::string without_override(const std::string& patch, std::string_view pointer) {
  auto result = parsed(patch);
  if (const auto tokens = pointer_tokens(pointer); tokens.empty())
    result.clear();
  else
    remove(result, tokens, 0);
  return result.empty() ? std::string{} : result.dump();
}

} // namespace troupe::config
