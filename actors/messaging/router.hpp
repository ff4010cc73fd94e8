#pragma once

// From an address to those who get the message. Knows the routing table of the moment and what
// the hub knows of mailboxes, and decides nothing else: permissions stand in permissions.hpp,
// topics in topics.hpp. Plain code, for one thread.

#include "actors/messaging/address.hpp"
#include "actors/messaging/routes.hpp"
#include "messages/wire/message.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::messaging {

/// What the hub knows of an instance; asked while a message is routed.
struct load_view {
  virtual ~load_view() = default;

  /// Messages that wait for it and those under way to it.
  virtual std::uint64_t load(const route&) = 0;
  virtual bool linked(const route&) = 0;
};

/// Who gets a message, or why nobody does.
struct choice {
  const route* to = nullptr; ///< good until the next `set_routes`
  wire::outcome_code code = wire::outcome_code::accepted;
  std::string text; ///< for people, when there is nobody

  explicit operator bool() const { return to != nullptr; }
};

class router {
public:
  explicit router(load_view&);

  /// Before the first table nobody is found: `not_running`, «the fleet is starting». A hub
  /// should let messages wait for it instead.
  void set_routes(routes_ptr);
  const routes_ptr& routes() const { return routes_; }

  /// The one who gets what is addressed to an instance or a bot. An instance that is down and
  /// comes back by itself is chosen too: its mailbox keeps what is new. Of a bot, linked
  /// members come first, then those with a process, then those that come back; the bot's
  /// `balance` chooses among them. `not_this`: a member that is to be avoided, because it has
  /// just died with this message; it is chosen all the same when there is no other.
  /// Allocates only when there is nobody.
  choice pick(const address& to, std::string_view key, std::string_view not_this = {});

  /// Calls `f(const route&)` for everyone in a group and below it that would be picked, but
  /// `sender` (an instance). Returns how many, or why there are none.
  template <class F>
  choice each(const address& group, std::string_view sender, F&& f) {
    const auto* bots = routes_ ? routes_->groups.get(group.name) : nullptr;
    if (!bots)
      return nobody(group);
    bool any = false;
    for (const auto& bot : **bots)
      if (const auto* members = routes_->bots.get(bot))
        for (const auto& member : (*members)->members)
          if (member->instance != sender && (member->takes() || member->returns())) {
            any = true;
            f(*member);
          }
    if (any)
      return {};
    return deserted(group);
  }

  /// The route of an instance, null when there is none of that name; for replies, which go to
  /// one that drains too.
  const route* instance(std::string_view name) const;

  /// The only instance of a bot, when it can get something: `pick` chooses it whatever the key,
  /// as long as the table is the same. Else null.
  const route* only_member(const address& to) const;

private:
  choice nobody(const address& to) const;
  choice deserted(const address& group) const;
  choice down(const route&) const;
  choice pick_instance(const address& to) const;
  choice pick_member(const address& to, std::string_view key, std::string_view not_this);
  const route* balance(const pool& from, std::string_view key);

  load_view& view_;
  routes_ptr routes_;
  std::vector<const route*> eligible_; ///< kept: it is filled anew for every message to a bot
  string_map<std::uint64_t> turns_;    ///< index of the member whose turn it is, by bot
  const pool* last_pool_ = nullptr;    ///< most messages go where the last one went
  std::uint64_t* last_turn_ = nullptr;
  std::uint64_t random_ = 0x9e3779b97f4a7c15;
};

} // namespace troupe::messaging
