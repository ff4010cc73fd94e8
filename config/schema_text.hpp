#pragma once

#include "config/schema.hpp"

#include <string_view>

namespace troupe::config {

/// The text of config/schema/NAME.json, put into the program when it is built.
std::string_view schema_text(schema_kind which);

} // namespace troupe::config
