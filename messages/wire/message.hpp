#pragma once

// The binary bodies of the link protocol: MESSAGE and what is said about messages.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::wire {

/// Strongest first: the order in which a receiver gets what waits for it.
enum class lane : std::uint8_t { urgent, high, normal, low };
inline constexpr std::size_t lanes = 4;

enum class delivery : std::uint8_t { fire, assured, durable };

/// What the payload is, for people and SDKs.
enum class content : std::uint8_t { bytes, text, json };

/// Bits of `message_head::flags`.
enum flag : std::uint8_t {
  again = 1,      ///< sent before; to a bot: it may have been handled before
  compressed = 2, ///< the payload is one zstd frame
  reply = 4,
  failed = 8,   ///< of a reply: the payload says what went wrong
  sampled = 16, ///< its path is to be recorded
};

inline constexpr std::size_t max_payload = 983'040;
inline constexpr std::size_t max_address = 255;
/// Payloads from here on are compressed when the other side can read that.
inline constexpr std::size_t compress_from = 1024;
inline constexpr std::size_t message_head_size = 72;

/// The fields of a MESSAGE that are numbers; docs/link-protocol.md says what each means.
struct message_head {
  lane in = lane::normal;
  delivery how = delivery::fire;
  std::uint8_t flags = 0;
  content kind = content::bytes;
  std::uint32_t ttl = 0; ///< milliseconds, 0: for ever
  std::uint64_t sequence = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t request = 0;
  std::uint64_t tag = 0;
  std::array<std::uint8_t, 16> trace{};
  std::array<std::uint8_t, 8> span{};
  std::uint32_t length = 0; ///< of the payload before compression
};

/// A message whose texts lie somewhere else.
struct message_view : message_head {
  std::string_view to;
  std::string_view from;
  std::string_view key;
  std::string_view payload; ///< as it travels, maybe compressed

  bool is(flag which) const { return (flags & which) != 0; }
};

/// Reads a MESSAGE body; the view points into it. Returns nullptr, or what is wrong with it.
const char* decode(std::string_view body, message_view& into);

/// Appends a MESSAGE body / a whole MESSAGE frame. Texts must be within their bounds.
void append_body(std::string& out, const message_view&);
void append_frame(std::string& out, const message_view&);

/// Bytes of its frame.
std::size_t frame_size(const message_view&);
/// Writes its frame, for which there is room, but for the checksum; `sum_frame` fills that in.
void write_frame(char* at, const message_view&);

/// Final words about a message; numbers as on the wire.
enum class outcome_code : std::uint8_t {
  accepted = 0,
  done = 1,
  no_such_address = 16,
  not_permitted = 17,
  mailbox_full = 18,
  not_running = 19,
  not_linked = 20,
  expired = 21,
  too_many_deliveries = 22,
  dropped = 23,
  store_unavailable = 24,
  receiver_died = 25,
  refused = 26,
  stopping = 27,
  bad_message = 28,
};

/// «mailbox_full»; «code 99» for what is none.
std::string to_string(outcome_code);
std::string_view to_string(lane);
std::string_view to_string(delivery);

struct outcome {
  lane in = lane::normal;
  outcome_code code = outcome_code::done;
  std::uint64_t sequence = 0;
  std::string text; ///< cut to 255 bytes on the wire
};

struct done {
  enum class result : std::uint8_t { done, failed, no_such_actor };
  std::uint64_t tag = 0;
  result how = result::done;
};

/// An assured or durable message that a receiver has got.
struct known_message {
  lane in = lane::normal;
  bool handled = false;
  std::uint64_t incarnation = 0;
  std::uint64_t sequence = 0;
  std::string from;
  bool failed = false; ///< its handler failed, or there is none: it may be tried again
};

/// MESSAGE frames of a buffer that get their checksums together, before it is written. The sum of
/// bytes that were stored just before takes three times as long, for its wide loads have to wait
/// for the small stores.
class late_sums {
public:
  /// Appends a frame without its checksum.
  void append(std::string& out, const message_view&);
  /// Fills in what is missing. Before anything is taken from the front of `out`.
  void settle(std::string& out);

private:
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

/// By lane.
using receipts = std::array<std::uint64_t, lanes>;

struct lane_credit {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};
using credits = std::array<lane_credit, lanes>;

// Whole frames; lists are split over several frames where they must be.
void append_frame(std::string& out, const receipts&);
void append_frame(std::string& out, const credits&);
void append_frame(std::string& out, const std::vector<outcome>&);
void append_frame(std::string& out, const std::vector<done>&);
void append_frame(std::string& out, const std::vector<known_message>&);

// Bodies. Each returns nullptr, or what is wrong.
const char* decode(std::string_view body, receipts& into);
const char* decode(std::string_view body, credits& into);
const char* decode(std::string_view body, std::vector<outcome>& into);
const char* decode(std::string_view body, std::vector<done>& into);
const char* decode(std::string_view body, std::vector<known_message>& into);

} // namespace troupe::wire
