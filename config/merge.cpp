#include "config/merge.hpp"

#include "config/document.hpp"

namespace troupe::config {

namespace {

void visit_leaves(const std::string& pointer, const nlohmann::json& value,
                  const std::function<void(const std::string&, const nlohmann::json&)>& visit) {
  if (!value.is_object() || value.empty()) {
    visit(pointer, value);
    return;
  }
  for (const auto& [key, member] : value.items())
    visit_leaves(pointer_to(pointer, key), member, visit);
}

/// Whether a layer decides about what the tokens name. A value that is no object, above or
/// at the end of the path, decides about all below it, `null` included.
bool decides(const nlohmann::json& value, const std::vector<std::string>& tokens) {
  const auto* at = &value;
  for (const auto& token : tokens) {
    if (!at->is_object())
      return true;
    auto member = at->find(token);
    if (member == at->end())
      return false;
    at = &*member;
  }
  return true;
}

} // namespace

std::string_view to_string(scope which) {
  switch (which) {
  case scope::built_in:
    return "built-in";
  case scope::root:
    return "root defaults";
  case scope::profile:
    return "profile";
  case scope::tenant:
    return "tenant";
  case scope::group:
    return "group defaults";
  case scope::mixin:
    return "mixin";
  case scope::bot:
    return "bot";
  case scope::instance:
    return "instance";
  case scope::operator_override:
    return "override";
  }
  return "unknown";
}

void merge_patch(nlohmann::json& target, const nlohmann::json& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object())
    target = nlohmann::json::object();
  for (auto member = patch.begin(); member != patch.end(); ++member) {
    if (member->is_null())
      target.erase(member.key());
    else if (member->is_object())
      merge_patch(target[member.key()], *member);
    else
      target[member.key()] = *member;
  }
}

void merge_settings(nlohmann::json& target, const nlohmann::json& patch) {
  for (auto member = patch.begin(); member != patch.end(); ++member) {
    if (member.key() == "instances" || member.key() == "$schema")
      continue;
    if (member->is_null())
      target.erase(member.key());
    else
      merge_patch(target[member.key()], *member);
  }
}

std::optional<std::size_t> locate(std::span<const layer> layers, std::string_view pointer) {
  auto tokens = pointer_tokens(pointer);
  for (auto at = layers.size(); at-- > 0;)
    if (layers[at].value && decides(*layers[at].value, tokens))
      return at;
  return std::nullopt;
}

void for_each_leaf(const nlohmann::json& value,
                   const std::function<void(const std::string&, const nlohmann::json&)>& visit) {
  visit_leaves("", value, visit);
}

} // namespace troupe::config
