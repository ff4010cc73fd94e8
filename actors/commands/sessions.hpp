#pragma once

// Who is at the other end of each admin connection, and what of a long answer that
// peer has not fetched yet. The listener enters a session when it has checked the peer,
// and strikes it, with all that is kept for it, when the connection ends; the admin
// actor looks it up for every request. Safe to use from any thread.

#include "messages/commands.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
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

/// What has not been fetched yet of a long answer.
struct pending_rest {
  std::string text;
  std::size_t sent = 0;
  std::int32_t exit = 0;
};

class session_registry {
public:
  /// Bounds of what nobody has fetched yet, of all sessions together.
  static constexpr std::size_t max_rests = 64;
  static constexpr std::size_t max_rest_bytes = 64 << 20;
  static constexpr std::chrono::seconds rest_lifetime{30};

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
  std::size_t bound() const { return bound_; }

  /// Keeps a rest for `next`; the oldest ones make room for it. Returns its cursor, or 0
  /// when the session has ended.
  std::uint64_t keep(std::uint64_t session, pending_rest rest);

  /// Takes out the rest with that cursor, if it is of that session and still kept.
  std::optional<pending_rest> take(std::uint64_t session, std::uint64_t cursor);

  /// Bytes that are kept.
  std::size_t rest_bytes() const;

private:
  struct kept {
    std::uint64_t session = 0;
    pending_rest rest;
    std::chrono::steady_clock::time_point since;
  };
  using kept_rests = std::map<std::uint64_t, kept>;

  void drop(kept_rests::iterator which);
  void drop_old();

  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, peer> peers_;
  std::size_t bound_;
  kept_rests rests_; ///< by cursor, oldest first
  std::size_t rest_bytes_ = 0;
  std::uint64_t last_cursor_ = 0;
};

} // namespace troupe::commands
