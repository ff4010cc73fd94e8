#pragma once

#include "runtime/import/json_source.hpp"

#include <map>
#include <string>

namespace troupe::importing {

/// Makes settings of one process of process-compose in `bot`; false when there is nothing to run.
/// `names` are those of all processes here.
bool import_process(const json_source& from, const std::string& pointer,
                    const nlohmann::json& process, const std::map<std::string, std::string>& names,
                    imported_bot& bot);

} // namespace troupe::importing
