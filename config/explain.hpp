#pragma once

#include "config/problem.hpp"
#include "config/schema.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace troupe::config {

/// Says in words why the value at `pointer` (relative to `value`) does not fit its part of
/// the schema; adds nothing when it does. Only that value is judged, and the keys of an
/// object, not what is in it. No secret is repeated.
void explain_mismatch(schema_kind which, const nlohmann::json& schema,
                      const parsed_document& source, const nlohmann::json& value,
                      const std::string& base, const std::vector<std::string>& pointer,
                      std::vector<problem>& out);

/// What a part of a schema wants, in words.
std::string expectation(const nlohmann::json& schema);

} // namespace troupe::config
