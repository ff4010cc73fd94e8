#pragma once

// The admin actor: carries out what shells ask. It looks up who asks (the session),
// whether they may (the command table), and calls the command's handler, which
// answers later. It keeps no truth of its own: killed and replaced, it forgets nothing
// that matters.

#include "actors/commands/sessions.hpp"
#include "actors/interfaces.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace troupe {

struct admin_state {
  services_ptr all;
  std::shared_ptr<commands::session_registry> sessions;
  std::int64_t started = 0; ///< Unix microseconds

  // Resource use, as last sampled; taken only while somebody asks for status.
  std::map<std::string, usage> sampled;
  std::int64_t sampled_at = 0;
  bool sampling = false;

  static inline const char* name = "admin";
};

/// Bounds of what the admin actor takes.
struct admin_limits {
  static constexpr std::size_t argument_bytes = 256 * 1024;
  /// Of a request that may bring a config tree.
  static constexpr std::size_t tree_bytes = 1000 * 1024;
  /// No request of a client waits longer in here for something to happen.
  static constexpr std::uint32_t wait_ms = 5000;
};

/// The behaviour of the admin actor. `sessions` is shared with the listener.
command_actor::behavior_type make_admin(command_actor::stateful_pointer<admin_state> self,
                                        std::shared_ptr<commands::session_registry> sessions);

} // namespace troupe
