#pragma once

// What makes the config look at its tree again: edits on disk, and SIGHUP.

#include "actors/interfaces.hpp"
#include "runtime/os/service_manager.hpp"
#include "runtime/watch/tree_watch.hpp"

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace troupe {

class reloading {
public:
  using current_services = std::shared_ptr<std::atomic<std::shared_ptr<const services>>>;

  /// SIGHUP; from any thread. Before `start` it waits.
  void hang_up();

  /// The config can be asked from now on. `manager` hears when a reload by HUP begins and when it
  /// is decided: that is all that systemd's Type=notify-reload wants.
  void start(caf::actor_system& system, const current_services& current,
             std::shared_ptr<const os::service_manager> manager, std::filesystem::path tree);

  /// Nothing is asked any more; to be called before the actor system ends.
  void stop();

private:
  std::mutex mutex_;
  std::function<void()> ask_;
  bool early_ = false;
  std::optional<watch::tree_watch> watch_;
};

} // namespace troupe
