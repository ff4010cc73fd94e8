#pragma once

// Walks a config tree as config::read_tree does, and watches what there is.

#include "runtime/watch/meaning.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace troupe::watch {

struct findings {
  std::map<int, place> places; ///< by watch
  /// Of path, inode, size, modes and times of all config: another one, another tree.
  std::uint64_t fingerprint = 0;
  /// Why an edit may go unnoticed; empty: none will.
  std::string trouble;
  /// The system refuses more watches: those that there are may be missing elsewhere.
  bool refused = false;
};

/// Watches every directory of the tree at `root`, an absolute path; where its symlinks lead; and
/// the way to the root, which may come later. Within `config::tree_limits`. `inotify` may be
/// negative: nothing is watched. May take long, on a disk that does not answer.
findings survey(const std::string& root, int inotify);

} // namespace troupe::watch
