#pragma once

// Shells that watch messages pass. A tap takes what it is asked for, every n-th and at most so
// many a second, keeps the last 1000 of them with the beginning of their payload, and ends when
// nobody reads it. What it cannot keep is counted. Plain code, for one thread.

#include "messages/wire/message.hpp"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::messaging {

struct tap_options {
  /// A bot, an instance, a group with a trailing '/', a `topic:` pattern; empty: everything.
  /// Of names, what they send and what they get.
  std::string what;
  std::uint32_t every = 1;     ///< only each n-th that fits
  std::uint32_t rate = 100;    ///< a second, at most 1000
  std::uint32_t payload = 256; ///< bytes of it that are kept, at most 256
};

/// One message that passed.
struct tapped {
  std::uint64_t number = 0; ///< in its tap, from 1; a gap is what was dropped from the ring
  std::int64_t at = 0;      ///< Unix microseconds
  std::string from;
  std::string to;       ///< as it was addressed
  std::string receiver; ///< the instance that got it; empty: of a topic without subscribers
  wire::lane in = wire::lane::normal;
  wire::delivery how = wire::delivery::fire;
  wire::content kind = wire::content::bytes;
  std::uint8_t flags = 0;
  std::uint64_t sequence = 0;
  std::uint32_t length = 0; ///< of the whole payload
  std::string payload;      ///< its beginning; empty when it travels compressed
};

class taps {
public:
  static constexpr std::size_t max_taps = 16;
  static constexpr std::size_t ring = 1000;
  static constexpr std::uint32_t max_rate = 1000;
  static constexpr std::uint32_t max_payload = 256;
  static constexpr std::chrono::seconds unread{60};

  /// Whether nobody watches: all that the way of a message has to ask.
  bool idle() const { return taps_.empty(); }

  struct opened {
    std::uint64_t id = 0; ///< 0: it could not be
    std::string trouble;
  };
  opened open(const tap_options&, std::chrono::nanoseconds now);
  bool close(std::uint64_t id);

  /// A message is on its way to `receiver` (an instance). Of a broadcast or a publish: once for
  /// each receiver.
  void see(const wire::message_view&, std::string_view receiver, std::chrono::nanoseconds now,
           std::int64_t wall);

  struct page {
    bool known = false; ///< false: there is no such tap (any more)
    std::vector<tapped> items;
    std::uint64_t next = 0;    ///< cursor for the next read
    std::uint64_t dropped = 0; ///< since it was opened, over the rate or out of the ring unread
    std::uint64_t seen = 0;    ///< that fit the filter, since it was opened
  };
  /// What came after `cursor` (0: from the beginning), at most `limit`.
  page read(std::uint64_t id, std::uint64_t cursor, std::size_t limit,
            std::chrono::nanoseconds now);

  /// Ends those that nobody has read for a minute.
  void tick(std::chrono::nanoseconds now);
  std::optional<std::chrono::nanoseconds> next_tick() const;

  std::size_t count() const { return taps_.size(); }

private:
  struct tap {
    tap_options options;
    std::string_view topics; ///< the pattern in `options.what`, empty: it is a name
    std::chrono::nanoseconds last_read{};
    std::chrono::nanoseconds second{}; ///< when the running second began
    std::uint32_t in_second = 0;
    std::uint64_t seen = 0;
    std::uint64_t kept = 0;
    std::uint64_t unread_from = 1; ///< number of the first that was not read
    std::uint64_t dropped = 0;
    std::deque<tapped> ring;
  };

  static bool fits(const tap&, const wire::message_view&, std::string_view receiver);

  std::map<std::uint64_t, std::unique_ptr<tap>> taps_;
  std::uint64_t last_ = 0;
};

/// As `tap` prints it with --json; a payload that is no text stands in `payload_hex`.
nlohmann::json to_json(const tapped&);

} // namespace troupe::messaging
