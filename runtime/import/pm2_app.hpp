#pragma once

#include "runtime/import/json_source.hpp"

#include <string>

namespace troupe::importing {

/// Makes a bot of one app; `pointer` is where it stands in the file, `group` its directory here.
void import_pm2_app(const json_source& from, const std::string& pointer, const nlohmann::json& app,
                    const std::string& group, imported_fleet& fleet);

} // namespace troupe::importing
