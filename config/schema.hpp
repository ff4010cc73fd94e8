#pragma once

#include "config/problem.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::config {

class parsed_document;

/// What a file, or a part of one, is checked against.
enum class schema_kind : std::uint8_t { bot, group, profile, runtime, tenant };

inline constexpr std::array all_schema_kinds{schema_kind::bot, schema_kind::group,
                                             schema_kind::profile, schema_kind::runtime,
                                             schema_kind::tenant};

/// The schema as it is published in config/schema/.
const nlohmann::json& published_schema(schema_kind which);

/// The schema with its `$ref`s to own definitions replaced by what they name, and those to
/// whole schemas by «an object», because such parts are checked on their own.
const nlohmann::json& plain_schema(schema_kind which);

/// The names of all keys that the schema has at its top level.
const std::vector<std::string>& keys_of(schema_kind which);

/// The defaults of all keys of a bot as one object: the built-in scope.
const nlohmann::json& built_in_settings();

/// The same of another kind of file.
const nlohmann::json& built_in_settings(schema_kind which);

/// Finding the place of a problem takes a scan of the file, so this many are enough.
inline constexpr std::size_t max_schema_problems = 100;

/// Checks `value`, which stands at `base` in `source`, and adds one problem for each place
/// that does not fit, until `out` holds `max_schema_problems`.
void check_schema(schema_kind which, const parsed_document& source, const nlohmann::json& value,
                  const std::string& base, std::vector<problem>& out);

/// Pointers of the values in `value` that are accepted but not acted on yet.
std::vector<std::string> pending_keys(schema_kind which, const nlohmann::json& value);

} // namespace troupe::config
