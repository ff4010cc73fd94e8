#pragma once

// What happened to messages whose path is to be known (flag `sampled`): the last 20 000 steps,
// in memory. Plain code, for one thread.

#include "messages/wire/message.hpp"

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::messaging {

/// What can happen to a message on its way.
enum class trace_step : std::uint8_t {
  taken,       ///< the runtime has it from its sender
  queued,      ///< it waits in the receiver's mailbox
  delivered,   ///< it was written to the receiver's link
  done,        ///< the handler returned
  replied,     ///< the request is answered
  rejected,    ///< nobody gets it, and its sender knows
  expired,     ///< its ttl has passed
  dead,        ///< it is a dead letter
  redelivered, ///< it went out again after its receiver died
};
std::string_view to_string(trace_step);

struct trace_span {
  std::int64_t at = 0; ///< Unix microseconds
  std::array<std::uint8_t, 16> trace{};
  std::array<std::uint8_t, 8> span{};
  std::string from;
  std::string to;
  trace_step what = trace_step::taken;
  std::string where; ///< the instance or mailbox; why, of what ended badly
};

class traces {
public:
  static constexpr std::size_t default_capacity = 20'000;

  explicit traces(std::size_t capacity = default_capacity);

  /// Of a message with the flag `sampled` and a trace id; what has neither is not kept.
  void add(const wire::message_view&, trace_step, std::string_view where, std::int64_t wall);
  void add(trace_span);

  struct found {
    std::string trace;                   ///< the whole id; empty: none, or more than one
    std::vector<trace_span> spans;       ///< oldest first
    std::vector<std::string> candidates; ///< when the prefix fits several, at most 10
    std::string trouble;                 ///< for people: no such trace, not unique, not hex
  };
  /// By the id in hex, or a beginning of it that only one has.
  found find(std::string_view id) const;

  /// The traces that were last heard of, newest first.
  std::vector<std::string> last(std::size_t limit) const;

  std::size_t size() const { return ring_.size(); }
  std::uint64_t overwritten() const { return overwritten_; }

private:
  /// Calls `f(span)` for each, oldest first.
  template <class F>
  void each(F&& f) const {
    for (std::size_t i = 0; i < ring_.size(); ++i)
      f(ring_[(next_ + i) % ring_.size()]);
  }

  std::size_t capacity_;
  std::size_t next_ = 0; ///< the oldest, once the ring is full
  std::vector<trace_span> ring_;
  std::uint64_t overwritten_ = 0;
};

/// As `trace` prints it with --json.
nlohmann::json to_json(const trace_span&);

} // namespace troupe::messaging
