#include "config/key_reference.hpp"

#include "config/explain.hpp"

namespace troupe::config {

namespace {

using nlohmann::json;

std::string default_text(const json& property) {
  auto value = property.find("default");
  if (value == property.end())
    return "";
  if (value->is_object() && property.contains("properties"))
    return "see below";
  return "`" + value->dump() + "`";
}

/// What may stand there, as short as it goes.
std::string kind_text(const json& property) {
  if (property.contains("x-unit"))
    return property["x-unit"];
  if (property.contains("enum")) {
    std::string words;
    for (const auto& word : property["enum"])
      if (word.is_string())
        words += (words.empty() ? "`" : ", `") + word.get<std::string>() + "`";
    return words;
  }
  if (property.contains("minimum") && property.contains("maximum")) {
    auto text = expectation(property);
    if (!property.contains("x-expected"))
      return text;
  }
  std::string words;
  for (const auto& type :
       property["type"].is_string() ? json::array({property["type"]}) : property["type"])
    if (type != "null")
      words += (words.empty() ? "" : " or ") + type.get<std::string>();
  return words;
}

void add_rows(std::vector<key_row>& to, const json& properties, const std::string& prefix) {
  for (const auto& [key, property] : properties.items()) {
    auto text = property.value("title", "") + ". " + property.value("description", "");
    if (property.value("title", "") == key)
      text = property.value("description", "");
    if (property.contains("x-pending"))
      text += " *Accepted; this version does not act on it yet.*";
    to.push_back({prefix + key, kind_text(property), default_text(property), text});
    if (auto inner = property.find("properties"); inner != property.end())
      add_rows(to, *inner, prefix + key + ".");
    if (auto inner = property.find("additionalProperties");
        inner != property.end() && inner->is_object() && inner->contains("properties"))
      add_rows(to, (*inner)["properties"], prefix + key + ".NAME.");
  }
}

} // namespace

std::vector<key_row> key_reference(schema_kind which) {
  std::vector<key_row> result;
  add_rows(result, plain_schema(which)["properties"], "");
  return result;
}

} // namespace troupe::config
