#pragma once

// Who is at the other end of each admin connection. The listener enters a session
// when it has checked the peer, and strikes it when the connection ends; the admin
// actor looks it up for every request. Safe to use from any thread.

#include "messages/commands.hpp"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace troupe::commands {

/// The other side of an admin connection.
struct peer {
  std::uint32_t uid = 0;
  std::int32_t pid = 0;
  std::string origin; ///< «admin.sock»
  role may = role::viewer;
};

class session_registry {
public:
  /// At most so many sessions at a time.
  explicit session_registry(std::size_t bound = 64)
      : bound_{bound} {}

  /// Enters a peer. Returns the number of its session, which cannot be guessed, or
  /// nothing when too many are open.
  std::optional<std::uint64_t> open(peer who);

  /// The connection has ended; unknown numbers are ignored.
  void close(std::uint64_t session);

  std::optional<peer> find(std::uint64_t session) const;
  std::size_t size() const;

private:
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, peer> peers_;
  std::size_t bound_;
};

} // namespace troupe::commands
