#pragma once

#include "config/spec.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace troupe::config {

/// The patch with one value set; `null` takes away what the tree says. `patch` may be empty.
std::string with_override(const std::string& patch, std::string_view pointer,
                          const nlohmann::json& value);

/// The patch without what it says at `pointer` and below; empty when nothing is left.
std::string without_override(const std::string& patch, std::string_view pointer);

} // namespace troupe::config
