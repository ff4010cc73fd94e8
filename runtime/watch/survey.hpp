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

/// Whether on a file system of this type (statfs) the edits of other machines raise no event here.
bool is_remote(std::uint32_t type);

/// Watches every directory of the tree at `root`, an absolute path; where its symlinks lead; and
/// the way to the root, which may come later. Within `config::tree_limits`. `inotify` may be
/// negative: nothing is watched. May take long, on a disk that does not answer; of 1,000 bots in
/// 50 groups it takes 2 ms. `silent` says of which file systems there is trouble.
findings survey(const std::string& root, int inotify, bool (*silent)(std::uint32_t) = is_remote);

} // namespace troupe::watch
