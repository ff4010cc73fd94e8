#pragma once

// The admin actor: carries out what shells ask. It looks up who asks (the session),
// whether they may (the command table), and calls the command's handler, which
// answers later. It keeps no truth of its own: killed and replaced, it forgets only
// the rests of long answers.

#include "actors/commands/sessions.hpp"
#include "actors/interfaces.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace troupe {

/// What has not been fetched yet of a long answer.
struct pending_rest {
  std::uint64_t session = 0;
  std::string text;
  std::size_t sent = 0;
  std::int32_t exit = 0;
  std::chrono::steady_clock::time_point since;
};

struct admin_state {
  services_ptr all;
  std::shared_ptr<commands::session_registry> sessions;
  std::int64_t started = 0; ///< Unix microseconds

  std::map<std::uint64_t, pending_rest> rests; ///< by cursor, oldest first
  std::uint64_t last_cursor = 0;

  // Resource use, as last sampled; taken only while somebody asks for status.
  std::map<std::string, usage> sampled;
  std::int64_t sampled_at = 0;
  bool sampling = false;

  static inline const char* name = "admin";
};

/// Bounds of what the admin actor keeps.
struct admin_limits {
  static constexpr std::size_t rests = 64;
  static constexpr std::chrono::seconds rest_lifetime{30};
  static constexpr std::size_t argument_bytes = 256 * 1024;
  /// No request of a client waits longer in here for something to happen.
  static constexpr std::uint32_t wait_ms = 5000;
};

/// The behaviour of the admin actor. `sessions` is shared with the listener.
command_actor::behavior_type make_admin(command_actor::stateful_pointer<admin_state> self,
                                        std::shared_ptr<commands::session_registry> sessions);

} // namespace troupe
