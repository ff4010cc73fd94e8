#pragma once

// What bots of a group share: keys with JSON values, behind `runtime/state`. In memory; what is
// durable is handed out to be written. Knows nothing of JSON and permissions (state_service.cpp
// does). Plain code, for one thread. Times are Unix microseconds.

#include "actors/messaging/stored.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace troupe::messaging {

struct state_bounds {
  std::size_t key = 200;        ///< bytes
  std::size_t value = 64 << 10; ///< bytes of JSON text
  std::size_t entries = 10'000; ///< of one group
  std::size_t bytes = 64 << 20; ///< of everything: keys, values and 64 for each entry
  std::size_t watches = 64;     ///< of one watcher
};

struct state_value {
  std::string value;
  std::uint64_t version = 0;
  std::int64_t expires = 0; ///< 0: never
  bool durable = false;
};

struct state_options {
  std::optional<std::uint64_t> if_version; ///< only if it has this one; 0: only if there is none
  std::int64_t ttl = 0;                    ///< microseconds, 0: for ever
  bool durable = false;
};

/// What became of a change.
struct state_result {
  std::string code;              ///< empty: done; `too_big`, `conflict` or `full`
  std::string text;              ///< for people
  std::uint64_t version = 0;     ///< of the change; of a conflict, the one that is there (0: none)
  std::vector<state_entry> keep; ///< to be written to disk
};

class state_store {
public:
  using watcher = std::uint64_t;
  using keys = std::map<std::string, state_value, std::less<>>;

  explicit state_store(state_bounds bounds = {});

  /// Called within a change for each watcher of its key. Set once, before anything else.
  std::function<void(watcher, const state_entry&)> on_change;

  /// What the disk held. Versions are above all of these and above `epoch` << 32, so that one
  /// that somebody remembers from an earlier runtime never fits another value.
  void restore(const std::vector<state_entry>&, std::uint64_t last_version, std::uint64_t epoch);

  /// Null when there is none; good until the next change.
  const state_value* get(std::string_view group, std::string_view key, std::int64_t now) const;
  state_result set(const std::string& group, const std::string& key, std::string value,
                   const state_options&, std::int64_t now);
  /// Version 0 when there was none.
  state_result erase(const std::string& group, const std::string& key,
                     std::optional<std::uint64_t> if_version, std::int64_t now);
  /// The keys of a group, in order; null when it has none. Some may have expired.
  const keys* of(std::string_view group) const;

  /// Ends what has expired by now; returns what is to be written.
  std::vector<state_entry> expire(std::int64_t now);
  std::optional<std::int64_t> next_expiry() const;

  /// Keys that begin so. Returns an empty string, or why not.
  std::string watch(watcher, const std::string& group, const std::string& prefix);
  /// Whether there was such a watch.
  bool unwatch(watcher, const std::string& group, const std::string& prefix);
  /// Its link has ended.
  void drop(watcher);

  std::size_t entries() const { return entries_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t watches() const;
  const state_bounds& bounds() const { return bounds_; }
  std::uint64_t last_version() const { return version_; }

private:
  struct watch_entry {
    watcher who;
    std::string prefix;
  };

  static std::size_t cost(std::string_view key, std::string_view value);
  void put(const std::string& group, const std::string& key, state_value value);
  state_entry remove(const std::string& group, keys::iterator at);
  void tell(const state_entry& change);

  state_bounds bounds_;
  std::map<std::string, keys, std::less<>> groups_;
  std::map<std::string, std::vector<watch_entry>, std::less<>> watches_;
  std::set<std::tuple<std::int64_t, std::string, std::string>> expiries_;
  std::unordered_map<watcher, std::size_t> watching_; ///< how many watches each has
  std::uint64_t version_ = 0;
  std::size_t entries_ = 0;
  std::size_t bytes_ = 0;
};

} // namespace troupe::messaging
