#pragma once

// Whom a bot may send to and what it may listen to: its `may_send` and `may_subscribe`,
// compiled once for a spec. Without them it has its own group and what is below: `market/` and
// `topic:market.>`; a bot of the root has the whole fleet.

#include "actors/messaging/address.hpp"
#include "config/spec.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace troupe::messaging {

class permissions {
public:
  /// Nothing but the services.
  permissions() = default;
  /// Of a bot in that group. Entries: `market/trader`, `market/trader#2`, `market/` (and all below;
  /// `/`: all bots of the fleet), `market/*` (the same), `topic:` patterns; in `may_subscribe`
  /// the word `topic:` may be left out. What is none of these allows nothing.
  permissions(const config::bot_spec& spec, std::string_view group);

  /// In time of the length of its list, without allocating. Services are always allowed;
  /// replies need not be asked for.
  bool may_send(const address& to) const;
  /// Whether everything that the pattern matches may be heard.
  bool may_subscribe(std::string_view pattern) const;
  /// Whether it may have a part in the bots of that group; empty: the root. For `runtime/state`.
  bool may_send_group(std::string_view group) const;

  /// «may send to market/ and topic:market.>», for people who ask why not.
  std::string describe_send() const;
  std::string describe_subscribe() const;

private:
  void allow(std::string_view entry);

  bool everyone_ = false;
  std::vector<std::string> groups_; ///< without the trailing '/'
  std::vector<std::string> names_;  ///< bots and instances
  std::vector<std::string> topics_; ///< patterns that it may publish to
  std::vector<std::string> heard_;  ///< patterns that it may subscribe to
};

} // namespace troupe::messaging
