#pragma once

#include "runtime/import/unit_file.hpp"

#include <string>

namespace troupe::importing {

/// Makes a bot of one service; null when there is nothing to run. Does not look at what stands in
/// [Unit] about other units.
imported_bot* import_service(const unit_file& unit, const std::string& path, imported_fleet& fleet);

/// Says of every key that has no counterpart here why, and what to do.
void remark_on_lost_keys(const unit_file& unit, imported_bot& bot);

} // namespace troupe::importing
