#pragma once

#include "runtime/os/unique_fd.hpp"

#include <chrono>
#include <map>
#include <set>
#include <string>

namespace troupe::log_reading {

/// Tells which logs change in a directory and those below it. Where the system cannot tell
/// (no inotify, too many directories, files on another machine), `pause` says how long to
/// wait before looking everywhere.
class log_watcher {
public:
  explicit log_watcher(std::string logs);

  /// Readable when something changed; -1: look after every `pause`.
  int fd() const { return fd_.get(); }

  /// To look everywhere after so long even when nothing was told.
  std::chrono::milliseconds pause() const;

  struct changes {
    std::set<std::string> instances;
    bool anything = false; ///< more than these may have changed
  };
  /// What was told since the last call; does not wait.
  changes take();

  /// Watches directories that are new.
  void watch();

private:
  void watch(const std::string& directory, int depth);

  std::string logs_;
  os::unique_fd fd_;
  std::map<int, std::string> directories_; ///< below `logs_`, with a trailing '/'
  bool blind_ = false;
};

} // namespace troupe::log_reading
