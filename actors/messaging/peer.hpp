#pragma once

// One instance as the hub sees it: somebody who sends, and somebody who gets.

#include "actors/messaging/link_state.hpp"
#include "actors/messaging/mailbox.hpp"
#include "actors/messaging/permissions.hpp"
#include "actors/messaging/sender.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe::messaging {

/// An assured or durable message that a process has got and not answered.
struct flight {
  std::uint64_t tag = 0; ///< 0: of an earlier link; a KNOWN entry answers it
  bool over = false;
  bool sure = false; ///< of an earlier link, and the process says that it has it
  parcel what;
};

/// A request that waits for its reply.
struct open_request {
  wire::lane in = wire::lane::normal;
  std::uint64_t sequence = 0;
  monotonic expires{};  ///< 0: with its sender
  std::uint64_t by = 0; ///< number of the instance that has it, 0: it waits
  std::uint64_t by_incarnation = 0;
  bool many = false; ///< to several: the first reply counts
};

/// A sender that was asked to wait.
struct pressed_sender {
  link_id link = 0;
  std::string to;
};

struct peer {
  std::string name;     ///< `market/trader#2`
  std::uint64_t id = 0; ///< for timers, topics and services
  route_ptr where;      ///< null: the config does not have it (yet)
  bool removed = false; ///< not any more
  link_state* link = nullptr;
  std::uint64_t incarnation = 0; ///< of the process that links or linked last
  monotonic unlinked{};          ///< since when it lives without a link

  // as one who gets
  mailbox box;
  std::deque<flight> flights; ///< by tag
  std::size_t flying = 0;     ///< of them, not over
  std::vector<pressed_sender> pressed;
  std::vector<link_id> holds; ///< links that are not read until the mailbox is shorter
  /// Subscriptions that its config does not allow now, until it does again: pattern → durable.
  std::map<std::string, bool> suspended;
  bool draining = false; ///< it was ordered to: only replies go to it
  alarm grace, ttl;
  std::uint64_t dropped = 0;
  std::uint64_t rejected = 0;

  // as one who sends
  sender sent;
  std::unordered_map<std::uint64_t, open_request> asked;
  alarm requests;
  config::bot_spec_ptr may_of; ///< what `may` was made of
  permissions may;

  bool linked() const { return link && !link->ending; }
  /// It can be sent to: what it knows from earlier is told.
  bool listens() const { return linked() && link->known_missing == 0; }
};

} // namespace troupe::messaging
