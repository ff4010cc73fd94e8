#pragma once

// How fast the fleet may start processes. First starts wait only for a slot: a slot is
// held from the order to the keeper until exec is confirmed, or until a bot's explicit
// ready check has passed. Restarts also
// take a token from a bucket, so that a fleet that falls over does not come back
// as a fork storm. Pure; the launcher asks it what may go now.

#include "actors/seams.hpp"

#include <chrono>
#include <deque>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace troupe {

class admission {
public:
  using time_point = std::chrono::nanoseconds; ///< of the monotonic clock

  /// New limits, effective at once; what waits keeps its place.
  void limits(const config::runtime_spec& spec);

  /// Queues a start; the same (instance, incarnation) is queued once.
  void add(launch what, bool restart);

  /// Takes back a start that is still queued. False: it is not there, or has gone.
  bool withdraw(const std::string& instance, std::uint64_t incarnation);

  /// The incarnation of `instance` that is queued or under way, or 0.
  std::uint64_t pending(const std::string& instance) const;

  /// What may go now, first starts first, each in order of arrival.
  std::vector<launch> take(time_point now);

  /// A start that was ordered before this queue was there: it holds a slot too.
  void note_under_way(const std::string& instance, std::uint64_t incarnation, time_point now) {
    under_way_.emplace(key{instance, incarnation}, start{now, false});
  }

  /// Exec was confirmed: the slot is free, unless a ready check is still to be passed. Then
  /// it stays taken until `settled`, which start_timeout brings about at the latest.
  void confirmed(const std::string& instance, std::uint64_t incarnation);

  /// The start succeeded or failed: the slot is free.
  void settled(const std::string& instance, std::uint64_t incarnation);

  /// When `take` is worth asking again though nothing else happens.
  std::optional<time_point> wake_at(time_point now) const;

  std::size_t queued() const { return firsts_.size() + restarts_.size(); }
  std::size_t under_way() const { return under_way_.size(); }

  /// For so long a start holds its slot. One whose exec hangs (a dead mount) is still
  /// `pending` then, but keeps nobody else from starting.
  static constexpr time_point patience = std::chrono::seconds{30};

private:
  using key = std::pair<std::string, std::uint64_t>;

  void refill(time_point now);
  std::size_t slots_held(time_point now) const;

  std::size_t parallelism_ = 256;
  double rate_ = 50;
  double burst_ = 50;
  double tokens_ = 50;
  std::optional<time_point> filled_;
  std::deque<launch> firsts_;
  std::deque<launch> restarts_;
  std::set<key> queued_;
  struct start {
    time_point since;
    bool checked; ///< its bot has a ready check
  };
  std::map<key, start> under_way_;
  std::set<key> checked_; ///< exec is confirmed, the ready check is pending
};

} // namespace troupe
