#pragma once

#include "config/tree.hpp"

#include <string>

namespace troupe::importing {

/// A small tree with comments, for a fleet of that name that is to stand in `root` (absolute). It
/// passes `check`, and its one bot runs.
config::tree new_tree(const std::string& root, const std::string& name);

} // namespace troupe::importing
