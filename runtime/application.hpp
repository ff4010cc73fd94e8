#pragma once

// The runtime: puts the actor system, the keeper's line, the store and the admin
// socket together, and takes them apart again.
//
// Threads: CAF's scheduler workers and its middleman; one that runs the io_context
// (pipes, keeper, accepting); the two detached actors (journal, launcher). The main
// thread only waits for the end.

#include "actors/guardian.hpp"

#include <functional>
#include <string>

namespace troupe {

struct runtime_options {
  std::string state;   ///< the state directory, whose lock the keeper holds
  std::string tree;    ///< the config tree of a fresh run
  std::string profile; ///< of that tree
  bool verbose = false;
};

/// Runs until the fleet is down. Returns the exit code, which tells the keeper
/// whether to start the runtime again (design of `troupe-keeper`: 0, 2, 6 and 7 end).
int run_runtime(const runtime_options& options);

} // namespace troupe
