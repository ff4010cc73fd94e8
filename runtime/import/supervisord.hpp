#pragma once

#include "runtime/import/fleet.hpp"
#include "runtime/import/source.hpp"

#include <optional>

namespace troupe::importing {

/// Adds what a supervisord.conf describes, with the files that it includes.
std::optional<failure> import_supervisord(const source& from, imported_fleet& fleet);

} // namespace troupe::importing
