#pragma once

// Who waits for whom. A bot may start when everything it waits for has come far
// enough: its own `depends_on`, and, for each group on its way from the root, the
// sibling before it in `order`. On the way down the same arrows are followed
// backwards, among the children of one group at a time: whoever depends on a
// sibling ends before it.

#include "config/spec.hpp"
#include "messages/lifecycle.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// Something a bot waits for.
struct start_condition {
  config::dependency on;
  /// From `order`: one that nobody wants up does not hold up its successors.
  bool from_order = false;

  bool operator==(const start_condition&) const = default;
};

/// Everything that `bot` waits for, nearest first.
std::vector<start_condition> start_conditions(const config::fleet_spec& fleet,
                                              const std::string& bot);

/// The instances behind a dependency's target: of one bot, or of all bots of a
/// group that start by themselves.
std::vector<std::string> instances_of(const config::fleet_spec& fleet, const std::string& target);

/// For each child of the group (bots and groups, by full name), the siblings that
/// it depends on, directly or through something inside it. Arrows that would close
/// a circle are left out: two groups may well depend on parts of each other.
std::map<std::string, std::set<std::string>> sibling_order(const config::fleet_spec& fleet,
                                                           const config::group_entry& group);

/// For so long beyond the time of a drain or flatten its answer is waited for.
inline constexpr std::chrono::milliseconds answer_slack{500};

/// How long the end of an instance may take: each step of its stop ladder that its spec does
/// not leave out, and its on_crash. Whether it will be linked then is not known.
std::chrono::nanoseconds longest_stop(const config::bot_spec& bot);

/// How long the end of a group may take: the longest way through its order.
std::chrono::nanoseconds longest_stop(const config::fleet_spec& fleet,
                                      const config::group_entry& group);

/// How far a set of instances has come.
class progress {
public:
  /// `printed`: the patterns that it has written so far, of those that others wait for.
  void note(const std::string& instance, state now, std::vector<std::string> printed = {}) {
    seen_[instance] = {now, std::move(printed)};
  }
  void forget(const std::string& instance) { seen_.erase(instance); }

  /// `defined` when nothing was noted.
  state of(const std::string& instance) const;

  /// Empty when the condition holds, else what it waits for, for people:
  /// «market/feed#0 (starting)».
  std::string missing(const config::fleet_spec& fleet, const start_condition& condition) const;

private:
  struct sight {
    state now = state::defined;
    std::vector<std::string> printed;
  };
  bool holds(const config::dependency& on, const std::string& instance) const;

  std::map<std::string, sight> seen_;
};

/// `market/trader#2` → `market/trader`.
std::string_view bot_of(std::string_view instance);

/// `market/eu/trader` → `market/eu`; empty for what stands in the root.
std::string_view group_of(std::string_view name);

/// `market/trader`, 2 → `market/trader#2`.
std::string instance_name(std::string_view bot, std::size_t index);

/// Whether `name` (an instance, bot or group) lies in `group`; the root holds all.
bool lies_in(std::string_view name, std::string_view group);

} // namespace troupe
