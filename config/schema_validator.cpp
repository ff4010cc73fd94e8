// The only file that includes valijson: it takes seconds to compile.
#include "config/schema_validator.hpp"

#include <array>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace troupe::config {

namespace {

/// Drops `pattern`: it is for editors. The typed pass checks the same with better words, and
/// std::regex overflows the stack on long strings.
void drop_patterns(nlohmann::json& schema) {
  for (auto member = schema.begin(); member != schema.end();) {
    if (schema.is_object() && member.key() == "pattern" && member->is_string()) {
      member = schema.erase(member);
      continue;
    }
    if (member->is_structured())
      drop_patterns(*member);
    ++member;
  }
}

/// The compiled schemas, by kind; they can be neither copied nor moved.
struct schema_set {
  std::array<valijson::Schema, all_schema_kinds.size()> by_kind;

  schema_set() {
    for (const auto which : all_schema_kinds) {
      auto text = plain_schema(which);
      drop_patterns(text);
      valijson::SchemaParser parser;
      parser.populateSchema(valijson::adapters::NlohmannJsonAdapter{text},
                            by_kind[static_cast<std::size_t>(which)]);
    }
  }
};

} // namespace

bool fits_schema(schema_kind which, const nlohmann::json& value,
                 std::vector<std::vector<std::string>>* places) {
  static const schema_set schemas;
  const auto& schema = schemas.by_kind[static_cast<std::size_t>(which)];
  valijson::adapters::NlohmannJsonAdapter target{value};
  valijson::Validator validator;
  if (validator.validate(schema, target, nullptr))
    return true;
  if (places) {
    valijson::ValidationResults results;
    validator.validate(schema, target, &results);
    valijson::ValidationResults::Error error;
    while (results.popError(error)) {
      auto& place = places->emplace_back();
      // The first is "<root>", the others stand in brackets.
      for (std::size_t at = 1; at < error.context.size(); ++at)
        place.push_back(error.context[at].substr(1, error.context[at].size() - 2));
    }
  }
  return false;
}

} // namespace troupe::config
