#include "config/schema.hpp"

#include "config/document.hpp"
#include "config/explain.hpp"
#include "config/schema_text.hpp"
#include "config/schema_validator.hpp"

#include <array>
#include <set>

namespace troupe::config {

namespace {

using nlohmann::json;

json resolve(const json& schema, const json& definitions) {
  if (schema.is_array()) {
    auto result = json::array();
    for (const auto& item : schema)
      result.push_back(resolve(item, definitions));
    return result;
  }
  if (!schema.is_object())
    return schema;
  auto result = json::object();
  if (auto ref = schema.find("$ref"); ref != schema.end()) {
    auto target = ref->get<std::string>();
    constexpr std::string_view own = "#/definitions/";
    if (target.starts_with(own))
      result = resolve(definitions.at(target.substr(own.size())), definitions);
    else
      result = {{"type", {"object", "null"}}};
  }
  // Draft 7 ignores what stands beside a $ref; for us it adds titles and defaults.
  for (const auto& [key, value] : schema.items())
    if (key != "$ref" && key != "definitions")
      result[key] = resolve(value, definitions);
  return result;
}

/// Builds the object of all defaults of a `properties` block.
json defaults_of(const json& schema) {
  auto result = json::object();
  for (const auto& [key, property] : schema.at("properties").items()) {
    if (property.contains("properties") && !property.contains("default"))
      continue;
    if (property.contains("properties") && property["default"].is_object())
      result[key] = defaults_of(property);
    else if (property.contains("default"))
      result[key] = property["default"];
  }
  return result;
}

template <class F>
auto for_kinds(F make) {
  std::array<decltype(make(schema_kind::bot)), all_schema_kinds.size()> result;
  for (const auto kind : all_schema_kinds)
    result[static_cast<std::size_t>(kind)] = make(kind);
  return result;
}

void collect_pending(const json& schema, const json& value, const std::string& pointer,
                     std::vector<std::string>& out) {
  auto properties = schema.find("properties");
  if (properties == schema.end() || !value.is_object())
    return;
  for (const auto& [key, member] : value.items()) {
    auto property = properties->find(key);
    if (property != properties->end() && property->contains("x-pending") && !member.is_null())
      out.push_back(pointer_to(pointer, key));
  }
}

} // namespace

const json& published_schema(schema_kind which) {
  static const auto all =
      for_kinds([](schema_kind kind) { return json::parse(schema_text(kind)); });
  return all[static_cast<std::size_t>(which)];
}

const json& plain_schema(schema_kind which) {
  static const auto all = for_kinds([](schema_kind kind) {
    const auto& published = published_schema(kind);
    return resolve(published, published.value("definitions", json::object()));
  });
  return all[static_cast<std::size_t>(which)];
}

const std::vector<std::string>& keys_of(schema_kind which) {
  static const auto all = for_kinds([](schema_kind kind) {
    std::vector<std::string> keys;
    for (const auto& [key, property] : plain_schema(kind).at("properties").items())
      keys.push_back(key);
    return keys;
  });
  return all[static_cast<std::size_t>(which)];
}

const json& built_in_settings(schema_kind which) {
  static const auto all = for_kinds([](schema_kind kind) {
    auto defaults = defaults_of(plain_schema(kind));
    defaults.erase("instances");
    return defaults;
  });
  return all[static_cast<std::size_t>(which)];
}

const json& built_in_settings() {
  return built_in_settings(schema_kind::bot);
}

void check_schema(schema_kind which, const parsed_document& source, const json& value,
                  const std::string& base, std::vector<problem>& out) {
  std::vector<std::vector<std::string>> places;
  if (fits_schema(which, value, &places))
    return;
  // valijson names the values that it refused, and all those around them; the sentence for
  // each is ours. Sorted, the innermost of a branch comes last, so all have to be looked at.
  std::set<std::vector<std::string>> unique{places.begin(), places.end()};
  auto before = out.size();
  for (const auto& place : unique) {
    if (out.size() >= max_schema_problems)
      break;
    explain_mismatch(which, plain_schema(which), source, value, base, place, out);
  }
  if (out.size() == before)
    out.push_back(source.at(base, parsed_document::part::value,
                            "this does not fit the schema of a "
                                + plain_schema(which).at("title").get<std::string>(),
                            expectation(plain_schema(which)), "see docs/config.md"));
}

std::vector<std::string> pending_keys(schema_kind which, const json& value) {
  std::vector<std::string> result;
  collect_pending(plain_schema(which), value, "", result);
  return result;
}

} // namespace troupe::config
