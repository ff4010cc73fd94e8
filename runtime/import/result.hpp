#pragma once

// From an imported fleet to a tree that passes `check`.

#include "config/loader.hpp"
#include "config/tree.hpp"
#include "runtime/import/fleet.hpp"

#include <string>

namespace troupe::importing {

/// The tree to be, and what the loader says of it.
struct import_result {
  config::tree tree;
  config::load_result loaded; ///< has no errors unless `loaded.spec` is null
};

/// Makes the tree that is to stand at `root` (absolute). What the loader refuses is taken out of
/// `fleet` again and remarked on, so that nothing wrong is written and nothing is dropped
/// silently.
import_result make_tree(imported_fleet& fleet, const std::string& root);

} // namespace troupe::importing
