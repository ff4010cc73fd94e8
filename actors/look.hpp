#pragma once

// Looks that may hang: on a dead mount, on the name service. Each is an actor of its own,
// detached where the launcher is, that answers once and is gone; so the fleet goes on.

#include "actors/interfaces.hpp"

#include <atomic>
#include <memory>

namespace troupe {

struct look_state {
  std::shared_ptr<std::atomic<int>> looking; ///< how many there are

  ~look_state() {
    if (looking)
      --*looking;
  }

  static inline const char* name = "look";
};

/// So many at a time; what comes on top is answered with a `trouble`.
inline constexpr int most_looks = 8;

look_actor::behavior_type look(look_actor::stateful_pointer<look_state> self,
                               std::shared_ptr<process_host> host,
                               std::shared_ptr<std::atomic<int>> looking);

} // namespace troupe
