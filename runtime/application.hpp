#pragma once

// The runtime: puts the actor system, the keeper's line, the store and the admin
// socket together, and takes them apart again.
//
// Threads: CAF's scheduler workers and its middleman, in which the hub lives; one that runs the
// io_context (keeper, accepting); the two of the log collector; the detached actors (journal,
// launcher, queue and its spilling); one that prepares starts and one that writes the runtime's own
// log. The main thread starts all that, and waits for the end.

#include "actors/guardian.hpp"
#include "messages/admin.hpp"
#include "runtime/blackbox/event_ring.hpp"

#include <functional>
#include <string>

namespace troupe {

struct runtime_options {
  std::string state;   ///< the state directory, whose lock the keeper holds
  std::string tree;    ///< the config tree of a fresh run
  std::string profile; ///< of that tree
  bool verbose = false;
};

/// What to end with for this reason. In a later life of the runtime it is never one of those
/// with which the keeper ends itself and all bots.
int failure_code(exit_code code);

/// Runs until the fleet is down. Returns the exit code, which tells the keeper
/// whether to start the runtime again (design of `troupe-keeper`: 0, 2, 6 and 7 end).
/// The ring is what blackbox::open was given.
int run_runtime(const runtime_options& options, blackbox::event_ring& ring);

} // namespace troupe
