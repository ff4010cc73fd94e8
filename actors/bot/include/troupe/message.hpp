#pragma once

// What bots say to each other, as the author of a bot sees it. docs/sdk-cpp.md has the whole story.

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace troupe::bot {

/// Strongest first. A receiver gets `urgent` before everything else that waits for it.
enum class lane : std::uint8_t { urgent, high, normal, low };

/// What is promised of a message.
enum class delivery : std::uint8_t {
  fire,    ///< at most once
  assured, ///< kept here until its receiver has handled it; sent again after a lost link
  durable, ///< once accepted, kept by the runtime on disk until its receiver has handled it
};

/// What a payload is. For people and SDKs; the runtime never looks into it.
enum class content : std::uint8_t { bytes, text, json };

/// What became of a message, or why it was not sent.
enum class code : std::uint8_t {
  accepted = 0, ///< `durable`: on disk. Also what `send` says of what it took
  done = 1,     ///< `assured`: its handler returned; of a request: here is the reply
  no_such_address = 16,
  not_permitted = 17,
  mailbox_full = 18,
  not_running = 19, ///< the receiver is down, and this does not wait for it
  not_linked = 20,  ///< the receiver runs and has not linked for 30 s
  expired = 21,
  too_many_deliveries = 22, ///< it is a dead letter now
  dropped = 23,             ///< to make room for a newer one
  store_unavailable = 24,
  receiver_died = 25, ///< of a request
  refused = 26,       ///< the receiver's handler failed, at the last try too
  stopping = 27,      ///< the fleet is being ended
  bad_message = 28,
  // From here on: found on this side.
  unlinked = 64,    ///< there is no runtime (`TROUPE_LINK` is not set)
  timed_out = 65,   ///< no room within `send_options::timeout`, or no reply in time
  too_large = 66,   ///< a payload has 983 040 bytes at most, an address and a key 255
  bad_address = 67, ///< empty, or a topic with a delivery that topics do not have
  closed = 68,      ///< the runtime has closed the link for good; `client::why_closed` says why
  failed = 69,      ///< of a request: its handler failed; the payload says how
  too_many = 70,    ///< 4096 requests, or 1024 subscriptions, are open
};

/// «mailbox_full»; «code 99» for what is none.
std::string to_string(code);
std::string_view to_string(lane);
std::string_view to_string(delivery);

/// W3C trace context: all zeros is none.
struct trace_context {
  std::array<std::uint8_t, 16> trace{};
  std::array<std::uint8_t, 8> span{}; ///< the parent of what is done now
  bool sampled = false;               ///< the runtime records the path of the message

  bool empty() const { return trace == std::array<std::uint8_t, 16>{}; }
  /// `00-TRACE-SPAN-01`, as in the header `traceparent`; empty without a trace.
  std::string traceparent() const;
};

namespace detail {
struct letter;
struct access;
} // namespace detail

/// A message that came. Cheap to copy; its texts live as long as any copy of it, so keep a copy
/// to answer later. May be read and copied on any thread.
class message {
public:
  std::string_view payload() const;
  /// Who sent it: `market/trader#2`, `market/trader#2/pricer`.
  std::string_view from() const;
  /// The address that it was sent to.
  std::string_view to() const;
  /// Of what was published: `ticks.btc`; else empty.
  std::string_view topic() const;
  /// The actor in this process that it is for: `pricer`; mostly empty.
  std::string_view actor() const;
  /// What `consistent_hash` went by.
  std::string_view key() const;

  bot::lane lane() const;
  bot::delivery delivery() const;
  bot::content content() const;
  /// It may have been handled before: by this process or by one that died.
  bool redelivered() const;
  /// It asks for a reply.
  bool is_request() const;
  /// What is left of its time to live, or of a request: how long its sender waits, when it was
  /// delivered; 0: for ever.
  std::chrono::milliseconds ttl() const;

  // Identity: (from, incarnation, lane, sequence).
  std::uint64_t sequence() const;
  std::uint64_t incarnation() const;

  trace_context trace() const;

private:
  friend struct detail::access;
  explicit message(std::shared_ptr<detail::letter> from)
      : letter_{std::move(from)} {
    // nop
  }
  std::shared_ptr<detail::letter> letter_;
};

} // namespace troupe::bot
