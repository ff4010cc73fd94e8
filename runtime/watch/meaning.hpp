#pragma once

// What an event of inotify means for the config tree. Pure.

#include "runtime/watch/quiet_time.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace troupe::watch {

/// A watched directory.
struct place {
  std::string path;
  bool in_tree = false; ///< all config in it counts; else only `names`
  bool root = false;    ///< of the tree
  /// What leads on from here: symlinks of the tree, where they lead, the way to the root.
  std::set<std::string, std::less<>> names;
};

struct meaning {
  std::optional<haste> told; ///< the tree may have changed
  bool survey = false;       ///< what is to be watched may have changed
  /// Both only if what has that name now is a symlink, which inotify does not tell, and not to a
  /// file: that would be none of config.
  bool if_link = false;

  bool operator==(const meaning&) const = default;
};

/// Events of a directory in the tree, or where a file of it is.
extern const std::uint32_t whole_mask;

/// Events of a directory on the way to one.
extern const std::uint32_t way_mask;

/// `where` is null for a directory that is not watched any more. `name` is empty when the
/// event is about the directory itself.
meaning meaning_of(std::uint32_t mask, std::string_view name, const place* where);

} // namespace troupe::watch
