#pragma once

// What the actors of a custom bot are told, and what they tell the world outside.

#include "actors/interfaces.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <troupe/bot.hpp>

namespace troupe::bot {

/// A message from outside, or from another actor's `outgoing`, for a hosted actor.
struct letter {
  std::string from;
  std::string to;
  std::string payload;
  std::string key;
  lane in = lane::normal;
  content kind = content::bytes;
  bool request = false;     ///< what the handler answers is the reply
  bool redelivered = false; ///< it may have been handled before
};

/// A message to the world outside.
struct outgoing {
  std::string to; ///< as everywhere: an instance, a bot, a group, `topic:…`, `runtime/…`
  std::string payload;
  lane in = lane::normal;
  delivery how = delivery::fire;
  content kind = content::bytes;
  std::string key;
  std::uint32_t ttl = 0;  ///< milliseconds, 0: for ever
  std::string from_actor; ///< the name of the hosted actor that it comes from
};

/// An actor that others can address as `INSTANCE/name`. What it answers to a request is the reply;
/// to anything else the answer only says that it is handled (assured messages count as done then).
/// An error means that it failed: it is tried again, or the asker is told.
using hosted_actor = caf::typed_actor<caf::replies_to<letter>::with<std::string>>;

// From the thread of the client.
struct incoming {
  std::string actor;
  std::optional<message> what; ///< always there; what actors are sent must have a default
};
struct settled {
  outcome what;
};
struct answered {
  std::uint64_t number = 0;
  answer what;
};

/// The way out, and the way in. Made by `hosted_fleet`.
using link_actor = caf::typed_actor<
    // Answers "" once it was taken (fire), handled (assured) or is on disk (durable), or why not.
    caf::replies_to<outgoing>::with<std::string>,
    // Asks, for so many milliseconds. Answers the reply, or an error that says why there is none.
    caf::replies_to<ask_atom, outgoing, std::uint32_t>::with<std::string>,
    // The actor of that name is here now …
    caf::reacts_to<link_atom, std::string, hosted_actor>,
    // … and here no more.
    caf::reacts_to<drop_atom, std::string>, caf::reacts_to<incoming>, caf::reacts_to<settled>,
    caf::reacts_to<answered>, caf::reacts_to<tick_atom, std::uint64_t>>;

} // namespace troupe::bot

#define TROUPE_LOCAL(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(type)
TROUPE_LOCAL(troupe::bot::letter)
TROUPE_LOCAL(troupe::bot::outgoing)
TROUPE_LOCAL(troupe::bot::incoming)
TROUPE_LOCAL(troupe::bot::settled)
TROUPE_LOCAL(troupe::bot::answered)
#undef TROUPE_LOCAL

CAF_BEGIN_TYPE_ID_BLOCK(troupe_bot, caf::id_block::troupe_actors::end)
CAF_ADD_TYPE_ID(troupe_bot, (troupe::bot::letter))
CAF_ADD_TYPE_ID(troupe_bot, (troupe::bot::outgoing))
CAF_ADD_TYPE_ID(troupe_bot, (troupe::bot::incoming))
CAF_ADD_TYPE_ID(troupe_bot, (troupe::bot::settled))
CAF_ADD_TYPE_ID(troupe_bot, (troupe::bot::answered))
CAF_ADD_TYPE_ID(troupe_bot, (troupe::bot::hosted_actor))
CAF_END_TYPE_ID_BLOCK(troupe_bot)
