#pragma once

// Puts a new tree on disk: all of it, or nothing.

#include "config/tree.hpp"

#include <optional>
#include <string>

namespace troupe::importing {

/// What is where a tree is to be.
enum class destination : unsigned char { free, empty, occupied, no_directory };
destination look_at_destination(const std::string& path);

/// Where a tree ended up.
struct placed_tree {
  std::string error;   ///< empty when it is there
  std::string earlier; ///< where what was there is kept; empty when nothing was
};

/// Writes the documents into a new directory beside `path` (files 0600, directories 0700), then
/// renames it there. What is in the way is renamed to `path.1`, `path.2` … with `replace`, else
/// refused.
placed_tree place_tree(const config::tree& tree, const std::string& path, bool replace);

} // namespace troupe::importing
