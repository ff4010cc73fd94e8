#pragma once

// A message inside the hub.

#include "actors/messaging/kept_frame.hpp"
#include "messages/wire/message.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::messaging {

/// What the hub knows of a message beside what it says.
struct handling {
  std::chrono::nanoseconds taken{};   ///< when it was taken
  std::chrono::nanoseconds expires{}; ///< 0: never
  std::uint64_t row = 0;              ///< of a committed durable one
  std::uint32_t deliveries = 0;       ///< to processes that ended or failed with it
  bool again = false;                 ///< it may have been handled before
  bool past = false;                  ///< and by whom is known from an earlier runtime only
  bool pooled = false;                ///< any instance of the bot will do
};

/// A message that passes: its texts lie in an input buffer, or in a parcel.
struct passing : handling {
  wire::message_view view; ///< `from` is filled in, `flags` are without `again`
  kept_frame frame;        ///< `view` as it would be written; of what is for several or was kept

  wire::delivery how() const { return view.how; }
  bool asks() const { return view.request != 0 && !view.is(wire::reply); }
};

/// A message that is kept.
struct parcel : handling {
  kept_frame frame; ///< `tag` 0
  wire::lane in = wire::lane::normal;
  wire::delivery how = wire::delivery::fire;
  bool reply = false;
  bool asks = false;

  parcel() = default;
  explicit parcel(const passing& from);

  passing open() const;

  std::string_view body() const { return frame.body(); }
  bool is(wire::flag flag) const { return (flags() & flag) != 0; }

  /// What it takes of a mailbox's bytes.
  std::size_t cost() const { return frame.size() + allocation + sizeof(parcel); }

private:
  static constexpr std::size_t allocation = 24;
  std::uint8_t flags() const {
    return frame.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(body()[2]);
  }
};

/// Of the body of a MESSAGE frame.
inline std::size_t body_size(const wire::message_view& of) {
  return wire::message_head_size + of.to.size() + of.from.size() + of.key.size()
         + of.payload.size();
}

/// (`from`, `incarnation`, `lane`, `sequence`) as one key.
std::string identity_of(const wire::message_view&);
std::string identity_of(const wire::known_message&);

/// `market/trader#2` of `market/trader#2/pricer`.
std::string_view instance_of(std::string_view from);

/// `lane` and `sequence` as one number; sequences have 62 bits then.
inline std::uint64_t place_of(wire::lane in, std::uint64_t sequence) {
  return sequence << 2 | static_cast<std::uint64_t>(in);
}

} // namespace troupe::messaging
