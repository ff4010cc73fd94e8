#pragma once

// Tells when the config tree was edited and is quiet again. In a thread of its own, because a
// disk may not answer; reads no file. With inotify, and where that cannot be (no instance or no
// more watches to be had, a network's file system) by looking every few seconds. It looks now and
// then with inotify too: what is mounted over a watched directory, or is edited in a lower layer of
// an overlay, raises no event.

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace troupe::watch {

class tree_watch {
public:
  struct options {
    std::filesystem::path tree;
    /// The tree may have changed. Called from the watch's thread; once at the beginning too,
    /// because nobody looked until then.
    std::function<void()> on_change;
    /// Something that a person should know, in one line. From the same thread.
    std::function<void(const std::string& line)> warn;
    std::chrono::milliseconds look{5000};    ///< how often, where inotify cannot
    std::chrono::milliseconds check{60'000}; ///< how often, where it can
    /// Opens what inotify_init1 does, or -1 with errno.
    std::function<int()> open = real_inotify;
  };

  /// Begins at once.
  explicit tree_watch(options);
  /// Nothing is told any more. Leaves a thread behind that hangs on a disk.
  ~tree_watch();
  tree_watch(const tree_watch&) = delete;
  tree_watch& operator=(const tree_watch&) = delete;

  static int real_inotify();

private:
  class watcher;

  std::shared_ptr<watcher> watcher_;
  std::thread thread_;
};

} // namespace troupe::watch
