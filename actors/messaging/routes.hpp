#pragma once

// Who there is to send to, at one moment: made by the switchboard from the applied spec and
// the states of the instances, handed to the hub, never changed after.

#include "actors/messaging/shared_map.hpp"
#include "config/spec.hpp"
#include "messages/lifecycle.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace troupe::messaging {

/// One instance as an address.
struct route {
  std::string instance; ///< `market/trader#2`
  std::string bot;      ///< `market/trader`
  std::string group;    ///< `market`; empty for the root
  std::uint32_t index = 0;
  std::uint64_t incarnation = 0; ///< of the process that is there, or was last
  state now = state::defined;
  bool wanted = false;       ///< somebody wants it up
  bool leaving = false;      ///< the config has it no more: it ends
  config::bot_spec_ptr spec; ///< mailbox, balance, permissions, settings

  /// There is a process that may link.
  bool alive() const { return has_process(now); }
  /// It takes what is new: a draining or stopping one finishes what it has.
  bool takes() const {
    return alive() && !leaving && now != state::draining && now != state::stopping;
  }
  /// It is down and comes back by itself: what is sent to it may wait.
  bool returns() const {
    return wanted && !leaving
           && (now == state::waiting || now == state::backoff || now == state::starting
               || now == state::stopping || now == state::draining);
  }
};

using route_ptr = std::shared_ptr<const route>;

/// The instances of one bot, `#0` first.
struct pool {
  config::balance_mode balance = config::balance_mode::least_loaded;
  std::vector<route_ptr> members;
};

/// The three maps share what is equal with the tables before and after.
struct routing_table {
  std::string fleet;
  std::uint64_t version = 0; ///< of the applied config
  shared_map<route_ptr> instances;
  shared_map<std::shared_ptr<const pool>> bots;
  /// The bots in the group and below it, by name; "" is the root. Changes with the config only.
  shared_map<std::shared_ptr<const std::vector<std::string>>> groups;
};

using routes_ptr = std::shared_ptr<const routing_table>;

} // namespace troupe::messaging
