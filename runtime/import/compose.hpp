#pragma once

#include "runtime/import/fleet.hpp"
#include "runtime/import/source.hpp"

#include <optional>

namespace troupe::importing {

/// Adds the services of a compose file in JSON, such as `docker compose config --format json`
/// prints it, or the processes of a file of process-compose.
std::optional<failure> import_compose(const source& from, imported_fleet& fleet);

} // namespace troupe::importing
