#include "config/problem.hpp"
#include "config/tree.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace troupe::config {

std::string to_json(const tree& what) {
  auto documents = nlohmann::json::array();
  for (const auto& item : what.documents)
    documents.push_back({{"path", item.path}, {"text", item.text}});
  nlohmann::json result{{"root", what.root}, {"profile", what.profile}, {"documents", documents}};
  return result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

expected<tree, std::vector<problem>> tree_from_json(std::string_view text) {
  auto refuse = [](std::string message) {
    return unexpected{std::vector{file_problem("", std::move(message), "a stored config tree")}};
  };
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object())
    return refuse("this is no stored config tree");
  auto text_of = [](const nlohmann::json& object, const char* key) -> const std::string* {
    auto member = object.find(key);
    return member == object.end() ? nullptr : member->get_ptr<const std::string*>();
  };
  const auto* root = text_of(json, "root");
  const auto* profile = text_of(json, "profile");
  auto documents = json.find("documents");
  if (!root || !profile || documents == json.end() || !documents->is_array())
    return refuse("the stored config tree lacks root, profile or documents");
  tree result{*root, *profile, {}};
  for (const auto& item : *documents) {
    const auto* path = item.is_object() ? text_of(item, "path") : nullptr;
    const auto* body = item.is_object() ? text_of(item, "text") : nullptr;
    if (!path || !body)
      return refuse("a document of the stored config tree lacks path or text");
    result.documents.push_back({*path, *body});
  }
  std::sort(result.documents.begin(), result.documents.end(),
            [](const document& a, const document& b) { return a.path < b.path; });
  return result;
}

} // namespace troupe::config
