#pragma once

#include "runtime/import/fleet.hpp"
#include "runtime/import/source.hpp"

#include <optional>

namespace troupe::importing {

/// Adds the processes of a Procfile; a `.env` beside it becomes their environment_file.
std::optional<failure> import_procfile(const source& from, imported_fleet& fleet);

} // namespace troupe::importing
