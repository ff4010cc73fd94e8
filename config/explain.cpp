#include "config/explain.hpp"

#include "config/document.hpp"
#include "config/masking.hpp"
#include "config/names.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

namespace troupe::config {

namespace {

using nlohmann::json;

/// What other tools call our keys.
struct other_word {
  std::string_view theirs;
  std::string_view ours;
};
constexpr std::array<other_word, 27> other_words{{{"cmd", "command"},
                                                  {"exec", "command"},
                                                  {"script", "command"},
                                                  {"args", "command"},
                                                  {"program", "command"},
                                                  {"cwd", "directory"},
                                                  {"dir", "directory"},
                                                  {"working_directory", "directory"},
                                                  {"env", "environment"},
                                                  {"env_file", "environment_file"},
                                                  {"numprocs", "replicas"},
                                                  {"count", "replicas"},
                                                  {"autorestart", "restart"},
                                                  {"exitcodes", "success_codes"},
                                                  {"startretries", "failed_starts"},
                                                  {"max_retries", "failed_starts"},
                                                  {"startsecs", "start_grace"},
                                                  {"stopsignal", "stop_signal"},
                                                  {"kill_signal", "stop_signal"},
                                                  {"stopwaitsecs", "stop_timeout"},
                                                  {"kill_timeout", "stop_timeout"},
                                                  {"uid", "user"},
                                                  {"gid", "group"},
                                                  {"after", "depends_on"},
                                                  {"requires", "depends_on"},
                                                  {"priority", "nice"},
                                                  {"healthcheck", "ready"}}};

bool has_type(const json& value, std::string_view type) {
  if (type == "object")
    return value.is_object();
  if (type == "array")
    return value.is_array();
  if (type == "string")
    return value.is_string();
  if (type == "integer")
    return value.is_number_integer();
  if (type == "number")
    return value.is_number();
  if (type == "boolean")
    return value.is_boolean();
  return type == "null" && value.is_null();
}

bool type_fits(const json& schema, const json& value) {
  auto type = schema.find("type");
  if (type == schema.end())
    return true;
  if (type->is_string())
    return has_type(value, type->get_ref<const std::string&>());
  return std::any_of(type->begin(), type->end(), [&](const json& one) {
    return has_type(value, one.get_ref<const std::string&>());
  });
}

std::string number_text(const json& value) {
  auto text = value.dump();
  if (text.ends_with(".0"))
    text.resize(text.size() - 2);
  return text;
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  std::string result;
  for (const auto& word : words) {
    if (!result.empty())
      result += separator;
    result += word;
  }
  return result;
}

std::vector<std::string> enum_words(const json& schema) {
  std::vector<std::string> words;
  for (const auto& word : schema.at("enum"))
    if (word.is_string())
      words.push_back(word.get<std::string>());
  return words;
}

/// The part of the schema for one member or element; null when there is none.
const json* step(const json& schema, const std::string& token, const json& value) {
  auto member = [&](const char* key) { return schema.find(key); };
  if (value.is_array()) {
    auto items = member("items");
    return items != schema.end() && items->is_object() ? &*items : nullptr;
  }
  if (auto properties = member("properties"); properties != schema.end())
    if (auto property = properties->find(token); property != properties->end())
      return &*property;
  auto additional = member("additionalProperties");
  return additional != schema.end() && additional->is_object() ? &*additional : nullptr;
}

const json* child(const json& value, const std::string& token) {
  if (value.is_object()) {
    auto found = value.find(token);
    return found == value.end() ? nullptr : &*found;
  }
  std::size_t index = 0;
  auto result = std::from_chars(token.data(), token.data() + token.size(), index);
  bool fine = value.is_array() && result.ec == std::errc{} && index < value.size();
  return fine ? &value[index] : nullptr;
}

std::string unknown_key_hint(schema_kind which, const std::string& key,
                             const std::vector<std::string>& known, bool top_level) {
  auto hint = did_you_mean(key, known);
  if (!hint.empty() || !top_level)
    return hint;
  for (auto [theirs, ours] : other_words)
    if (key == theirs && std::find(known.begin(), known.end(), ours) != known.end())
      return "did you mean " + in_quotes(ours) + "?";
  auto is_key_of = [&](schema_kind kind) {
    const auto& keys = keys_of(kind);
    return kind != which && std::find(keys.begin(), keys.end(), key) != keys.end();
  };
  if (is_key_of(schema_kind::bot))
    return which == schema_kind::runtime
               ? "it is a key of a bot: set it in a bot's file, or in \"defaults\" of group.json"
               : "it is a key of a bot: for all bots below, put it into \"defaults\"";
  if (is_key_of(schema_kind::group))
    return "it is a key of a group: set it in group.json";
  if (is_key_of(schema_kind::runtime))
    return "it is a key of the runtime: set it in runtime.json of the root";
  return "docs/config.md lists all keys";
}

void explain_keys(schema_kind which, const json& schema, const parsed_document& source,
                  const json& value, const std::string& pointer, bool top_level,
                  std::vector<problem>& out) {
  auto additional = schema.find("additionalProperties");
  if (!value.is_object() || additional == schema.end() || *additional != json(false))
    return;
  std::vector<std::string> known;
  const auto properties = schema.value("properties", json::object());
  for (const auto& [key, property] : properties.items())
    known.push_back(key);
  for (const auto& [key, member] : value.items()) {
    if (properties.contains(key))
      continue;
    if (out.size() >= max_schema_problems)
      return;
    std::string wanted;
    if (known.size() <= 12)
      wanted = "one of " + join(known, ", ");
    out.push_back(source.at(pointer_to(pointer, key), parsed_document::part::key,
                            in_quotes(key) + " is no key of "
                                + (schema.contains("title") && top_level ? "a " : "")
                                + (top_level ? schema.value("title", std::string{"this"})
                                             : in_quotes(pointer_tokens(pointer).back())),
                            wanted, unknown_key_hint(which, key, known, top_level)));
  }
}

/// `secret`: the value is not repeated.
std::string type_hint(const json& schema, const json& value, bool secret) {
  if (secret)
    return value.is_number() && type_fits(schema, "") ? "put it into quotes" : "";
  auto unit = schema.value("x-unit", std::string{});
  if (value.is_number() && unit == "duration")
    return "add a unit: \"" + number_text(value) + "s\" or \"" + number_text(value) + "ms\"?";
  if (value.is_number() && unit == "size")
    return "add a unit: \"" + number_text(value) + "B\" or \"" + number_text(value) + "MiB\"?";
  if (value.is_number() && type_fits(schema, ""))
    return "put it into quotes: \"" + number_text(value) + "\"";
  // Among alternatives a string is seldom what was meant.
  if (value.is_boolean() && schema.value("type", json()) == json({"string", "null"})
      && !schema.contains("enum"))
    return std::string{"put it into quotes: \""} + (value.get<bool>() ? "true" : "false") + "\"";
  if (value.is_string() && type_fits(schema, true)
      && (value == json("true") || value == json("false")))
    return "remove the quotes";
  if (value.is_string() && !type_fits(schema, "")) {
    const auto& text = value.get_ref<const std::string&>();
    if (!text.empty() && text.find_first_not_of("0123456789.-") == std::string::npos
        && type_fits(schema, 1))
      return "remove the quotes";
    if (type_fits(schema, json::array()))
      return "put it into brackets, each word a string of its own";
  }
  return {};
}

/// «a number», «the string "x"», …
std::string describe(const json& value, bool secret) {
  if (secret)
    return value.is_string() ? "a string" : "a number";
  switch (value.type()) {
  case json::value_t::null:
    return "null";
  case json::value_t::boolean:
    return value.get<bool>() ? "true" : "false";
  case json::value_t::string:
    return "the string " + in_quotes(value.get_ref<const std::string&>());
  case json::value_t::array:
    return value.empty() ? "an empty array" : "an array";
  case json::value_t::object:
    return value.empty() ? "an empty object" : "an object";
  default:
    return "the number " + number_text(value);
  }
}

} // namespace

std::string expectation(const json& schema) {
  if (auto text = schema.find("x-expected"); text != schema.end())
    return text->get<std::string>();
  if (schema.contains("enum")) {
    std::vector<std::string> words;
    for (const auto& word : enum_words(schema))
      words.push_back(in_quotes(word));
    return "one of " + join(words, ", ");
  }
  if (type_fits(schema, 1) && schema.contains("minimum") && schema.contains("maximum"))
    return (type_fits(schema, 0.5) ? "a number from " : "a whole number from ")
           + number_text(schema["minimum"]) + " to " + number_text(schema["maximum"]);
  std::vector<std::string> words;
  for (auto [type, sample, word] :
       {std::tuple{"string", json(""), "a string"}, std::tuple{"number", json(1), "a number"},
        std::tuple{"boolean", json(true), "true or false"},
        std::tuple{"array", json::array(), "an array"},
        std::tuple{"object", json::object(), "an object"}})
    if (type_fits(schema, sample))
      words.emplace_back(word);
  return join(words, " or ");
}

void explain_mismatch(schema_kind which, const json& schema, const parsed_document& source,
                      const json& value, const std::string& base,
                      const std::vector<std::string>& pointer, std::vector<problem>& out) {
  const auto* part = &schema;
  const auto* at = &value;
  std::string where = base;
  std::string name = "the file";
  for (const auto& token : pointer) {
    const auto* next = child(*at, token);
    part = next ? step(*part, token, *at) : nullptr;
    if (!part)
      return;
    bool element = at->is_array();
    name = element ? "element " + std::to_string(std::stoul(token) + 1) + " of " + name
                   : in_quotes(token);
    where = pointer_to(where, token);
    at = next;
  }
  if (pointer.empty() && !base.empty())
    name = in_quotes(pointer_tokens(base).back());
  auto add = [&](std::string message, std::string hint = {}) {
    out.push_back(
        source.at(where, parsed_document::part::value, std::move(message),
                  pointer.empty() && base.empty() ? "an object in braces" : expectation(*part),
                  std::move(hint)));
  };

  const bool secret = !at->is_structured() && !may_be_shown(*at, where);
  const auto is_so = name + " is " + describe(*at, secret);
  if (!type_fits(*part, *at)) {
    add(is_so, type_hint(*part, *at, secret));
    return;
  }
  explain_keys(which, *part, source, *at, where, pointer.empty(), out);
  if (auto words = part->find("enum");
      words != part->end() && !at->is_null()
      && std::find(words->begin(), words->end(), *at) == words->end()) {
    add(is_so,
        at->is_string() ? did_you_mean(at->get_ref<const std::string&>(), enum_words(*part)) : "");
    return;
  }
  if (at->is_number()) {
    auto number = at->get<double>();
    bool low = part->contains("minimum") && number < (*part)["minimum"].get<double>();
    bool high = part->contains("maximum") && number > (*part)["maximum"].get<double>();
    if (low || high) {
      bool needs_unit = part->contains("x-unit") && (*part)["maximum"] == json(0);
      add(is_so
              + (needs_unit ? ", without a unit"
                 : low      ? ", which is too small"
                            : ", which is too large"),
          needs_unit && !low ? type_hint(*part, *at, secret) : "");
    }
  } else if (at->is_array()) {
    if (part->contains("minItems") && at->size() < (*part)["minItems"].get<std::size_t>())
      add(is_so);
    if (part->contains("maxItems") && at->size() > (*part)["maxItems"].get<std::size_t>())
      add(name + " has " + std::to_string(at->size()) + " elements",
          "at most " + number_text((*part)["maxItems"]));
  }
}

} // namespace troupe::config
