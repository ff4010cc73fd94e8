#pragma once

#include <string>
#include <vector>

namespace troupe::shell {

/// Names of bots, instances and groups (with '/') in the document of `status`, sorted.
std::vector<std::string> fleet_names(const std::string& status);

} // namespace troupe::shell
