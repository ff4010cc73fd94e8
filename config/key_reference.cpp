#include "config/key_reference.hpp"

#include "config/document.hpp"
#include "config/explain.hpp"
#include "config/names.hpp"

#include <algorithm>

namespace troupe::config {

namespace {

using nlohmann::json;

std::vector<std::string> choices_of(const json& property) {
  std::vector<std::string> words;
  if (const auto choices = property.find("enum"); choices != property.end())
    for (const auto& word : *choices)
      if (word.is_string())
        words.push_back(word.get<std::string>());
  return words;
}

/// What may stand there, as short as it goes.
std::string type_text(const json& property) {
  if (property.contains("x-unit"))
    return property["x-unit"];
  if (property.contains("minimum") && property.contains("maximum")
      && !property.contains("x-expected"))
    return expectation(property);
  std::string words;
  for (const auto& type :
       property["type"].is_string() ? json::array({property["type"]}) : property["type"])
    if (type != "null")
      words += (words.empty() ? "" : " or ") + type.get<std::string>();
  return words;
}

/// Adds the keys of an object; what is not said of one holds as for the key around it.
void add_keys(std::vector<key_doc>& to, const json& properties, const key_doc& around) {
  for (const auto& [key, property] : properties.items()) {
    if (key == "$schema")
      continue; // is for editors
    key_doc one;
    one.file = around.file;
    one.pointer = pointer_to(around.pointer, key);
    one.type = type_text(property);
    one.otherwise = property.value("default", json(json::value_t::discarded));
    one.since = property.value("x-since", around.since);
    one.change = property.value("x-change", around.change);
    one.summary = property.value("title", "");
    one.description = property.value("description", "");
    one.choices = choices_of(property);
    one.pending = property.contains("x-pending");
    to.push_back(one);
    if (const auto inner = property.find("properties"); inner != property.end())
      add_keys(to, *inner, one);
    if (const auto inner = property.find("additionalProperties");
        inner != property.end() && inner->is_object() && inner->contains("properties")) {
      one.pointer += "/NAME";
      add_keys(to, (*inner)["properties"], one);
    }
  }
}

const std::vector<key_doc>& all_keys() {
  static const std::vector<key_doc> keys = [] {
    std::vector<key_doc> result;
    for (const auto kind : all_schema_kinds) {
      key_doc around;
      around.file = kind;
      add_keys(result, plain_schema(kind)["properties"], around);
    }
    return result;
  }();
  return keys;
}

/// Whether a key is what the tokens name or in it.
bool is_in(const key_doc& key, const std::vector<std::string>& tokens) {
  const auto own = pointer_tokens(key.pointer);
  return own.size() >= tokens.size()
         && std::equal(tokens.begin(), tokens.end(), own.begin(),
                       [](const std::string& wanted, const std::string& name) {
                         return wanted == name || name == "NAME";
                       });
}

std::string dotted(const std::string& pointer) {
  std::string result;
  for (const auto& token : pointer_tokens(pointer))
    result += (result.empty() ? "" : ".") + token;
  return result;
}

std::string value_text(const key_doc& key) {
  if (key.choices.empty())
    return key.type;
  std::string words;
  for (const auto& word : key.choices)
    words += (words.empty() ? "`" : ", `") + word + "`";
  return words;
}

std::string default_text(const key_doc& key, bool has_keys) {
  if (key.otherwise.is_discarded())
    return "";
  if (key.otherwise.is_object() && has_keys)
    return "see below";
  return "`" + key.otherwise.dump() + "`";
}

} // namespace

std::vector<key_doc> config_keys(std::string_view path) {
  const auto tokens = pointer_tokens(pointer_of_path(path));
  std::vector<key_doc> result;
  std::copy_if(all_keys().begin(), all_keys().end(), std::back_inserter(result),
               [&](const key_doc& key) { return is_in(key, tokens); });
  return result;
}

std::string config_key_hint(std::string_view path) {
  std::vector<std::string> known;
  for (const auto& key : all_keys())
    known.push_back(dotted(key.pointer));
  const auto wanted = dotted(pointer_of_path(path));
  if (auto hint = did_you_mean(wanted, known); !hint.empty())
    return hint;
  // «memory» is a key of «limits».
  for (const auto& key : known)
    if (key.ends_with('.' + wanted))
      return "did you mean " + in_quotes(key) + "?";
  return {};
}

std::string_view change_words(schema_kind file, std::string_view change) {
  if (change == "now")
    return "at once";
  if (change == "next_start")
    return "next start";
  if (change == "restart")
    return file == schema_kind::runtime ? "next `troupe run`" : "restart";
  return "as each key";
}

std::vector<key_row> key_reference(schema_kind which) {
  std::vector<key_row> result;
  const auto& keys = all_keys();
  for (auto key = keys.begin(); key != keys.end(); ++key) {
    if (key->file != which)
      continue;
    const auto next = std::next(key);
    const bool has_keys = next != keys.end() && next->pointer.starts_with(key->pointer + '/');
    const auto name = dotted(key->pointer);
    auto text = key->summary == name ? key->description : key->summary + ". " + key->description;
    if (key->pending)
      text += " *Accepted; this version does not act on it yet.*";
    result.push_back({name, value_text(*key), default_text(*key, has_keys),
                      std::string{change_words(which, key->change)}, std::move(text)});
  }
  return result;
}

} // namespace troupe::config
