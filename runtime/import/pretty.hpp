#pragma once

#include "runtime/import/fleet.hpp"

#include <string>

namespace troupe::importing {

/// JSON as a person would write it: what fits into a line stays in one.
std::string pretty(const json& value);

} // namespace troupe::importing
