#pragma once

// Drop-ins of units, where systemd.unit(5) says that they are.

#include <string>
#include <vector>

namespace troupe::importing {

/// Directories with what concerns a unit, the weakest first. A unit in a directory of systemd has
/// them in all of its directories, another one beside it.
std::vector<std::string> drop_in_directories(const std::string& path);

/// Drop-ins of a unit, sorted as they are applied.
std::vector<std::string> drop_ins_of(const std::string& path);

} // namespace troupe::importing
