#pragma once

#include "runtime/import/fleet.hpp"
#include "runtime/import/source.hpp"

#include <optional>

namespace troupe::importing {

/// Adds the apps of a PM2 ecosystem file in JSON.
std::optional<failure> import_pm2(const source& from, imported_fleet& fleet);

} // namespace troupe::importing
