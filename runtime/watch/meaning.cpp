#include "runtime/watch/meaning.hpp"

#include <sys/inotify.h>

namespace troupe::watch {

const std::uint32_t way_mask =
    IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
// Not IN_MODIFY: bots run in these directories, and each write to a log there would wake us. A file
// that its writer never closes is seen by the look of each minute.
const std::uint32_t whole_mask = way_mask | IN_CLOSE_WRITE | IN_EXCL_UNLINK;

meaning meaning_of(std::uint32_t mask, std::string_view name, const place* where) {
  if ((mask & IN_Q_OVERFLOW) != 0)
    return {haste::writing, true, false}; // of a burst, which may go on
  if (!where)
    return {};
  if (name.empty()) {
    // Of a directory on the way, its modes are nothing to the tree, but may let us through.
    if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED | IN_ATTRIB)) != 0)
      return {haste::writing, true, false};
    return {};
  }
  const auto how = (mask & IN_MOVED_TO) != 0 ? haste::settled : haste::writing;
  const bool appeared = (mask & (IN_CREATE | IN_MOVED_TO)) != 0;
  if (where->names.contains(name))
    // What is written into the file at the end of a symlink moves nothing.
    return {how, (mask & IN_CLOSE_WRITE) == 0, false};
  if (!where->in_tree || name.front() == '.' || name.front() == '_'
      || (where->root && name == "secrets"))
    return {};
  if ((mask & IN_ISDIR) != 0)
    return {how, true, false};
  if (name.ends_with(".json"))
    return {how, appeared, false};
  if (appeared)
    return {how, true, true};
  return {};
}

} // namespace troupe::watch
