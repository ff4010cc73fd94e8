#pragma once

#include "runtime/import/json_source.hpp"

#include <map>
#include <string>

namespace troupe::importing {

/// Makes settings of one service in `bot`; false when there is nothing to run. `names` are those
/// of all services here.
bool import_compose_service(const json_source& from, const std::string& pointer,
                            const nlohmann::json& service,
                            const std::map<std::string, std::string>& names, imported_bot& bot);

/// What compose puts for `$NAME`, `${NAME}` and `$$`, as the tree wants it. A default that had to
/// be chosen is remarked on.
std::string interpolated(std::string_view text, imported_bot& bot, const place& from,
                         const std::string& key);

} // namespace troupe::importing
