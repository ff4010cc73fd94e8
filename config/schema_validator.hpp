#pragma once

#include "config/schema.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace troupe::config {

/// Whether `value` fits the schema. When it does not and `places` is given, adds the
/// reference tokens of every value that was refused, outer ones included, in no order.
bool fits_schema(schema_kind which, const nlohmann::json& value,
                 std::vector<std::vector<std::string>>* places);

} // namespace troupe::config
