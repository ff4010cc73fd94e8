#pragma once

// What is behind `message`.

#include "actors/bot/host.hpp"
#include "messages/wire/message.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <troupe/bot.hpp>

namespace troupe::bot::detail {

struct letter {
  std::string body;        ///< of its frame, as it came
  std::string unpacked;    ///< its payload, when that came compressed
  wire::message_view head; ///< into `body`; its payload into `unpacked` after `unpack`
  std::string_view actor;  ///< into `body`
  std::uint64_t link = 0;  ///< number of the link that it came over

  bool deferred = false; ///< by its handler, in whose thread alone this is written
  // Under the lock of the client:
  bool ended = false; ///< the runtime knows what became of it
  bool replied = false;

  /// Takes a copy of that body. Nullptr, or what is wrong with it.
  const char* read(std::string_view from);
  /// False: what it carries is no payload of the length that it says.
  bool unpack();
};

using letter_ptr = std::shared_ptr<letter>;

/// The way from the public classes to what they hide.
struct access {
  static message wrap(letter_ptr from) { return message{std::move(from)}; }
  static letter& of(const message& from) { return *from.letter_; }
  static letter_ptr unwrap(message&& from) { return std::move(from.letter_); }
  static core& core_of(client& from) { return *from.core_; }
  static std::unique_ptr<client> make(options, std::unique_ptr<host>);
};

inline lane to_public(wire::lane from) {
  return static_cast<lane>(from);
}
inline wire::lane to_wire(lane from) {
  return static_cast<wire::lane>(from);
}

} // namespace troupe::bot::detail
