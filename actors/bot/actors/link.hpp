#pragma once

// The actor between the client's thread and the hosted actors. Detached, because sending may
// wait for room.

#include "actors/bot/actors/letters.hpp"

#include <caf/all.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace troupe::bot {

/// So many messages wait for an actor that is being started again; what comes on top has failed.
inline constexpr std::size_t most_waiting = 1000;

/// So long they wait, and so long a handler may take.
inline constexpr std::chrono::seconds waiting_time{30};
inline constexpr std::chrono::minutes handling_time{10};

struct link_state {
  using pointer = link_actor::stateful_pointer<link_state>;

  explicit link_state(pointer owner)
      : self{owner} {
    // nop
  }

  void init(client& bot, const std::set<std::string>& names);
  caf::result<std::string> send(const outgoing& what);
  caf::result<std::string> ask(const outgoing& what, std::uint32_t milliseconds);
  void arrived(const std::string& name, const hosted_actor& actor);
  void left(const std::string& name);
  void deliver(const incoming& what);
  void settle(const outcome& what);
  void conclude(std::uint64_t number, const answer& what);
  void give_up_waiting(std::uint64_t generation);

  static inline const char* name = "link";

private:
  using identity = std::pair<lane, std::uint64_t>;

  /// One name under which others can address an actor.
  struct place {
    hosted_actor actor;                    ///< null: it is being started
    std::deque<message> waiting;           ///< for that
    std::map<std::uint64_t, message> with; ///< it is handling these
    std::uint64_t generation = 0;          ///< of the time that the oldest may wait
  };

  void hand_over(place& to, const message& what);
  void ended(const std::string& name, std::uint64_t number, const std::string* reply,
             const std::string& problem);

  pointer self;
  client* bot = nullptr;
  std::map<std::string, place> places;
  std::map<identity, caf::typed_response_promise<std::string>> unsettled;
  std::map<std::uint64_t, caf::typed_response_promise<std::string>> asked;
  std::uint64_t last_number = 0;
};

/// `bot` must outlive the actor. `names`: the actors that others may address.
link_actor::behavior_type link(link_state::pointer self, client* bot, std::set<std::string> names);

} // namespace troupe::bot
