#pragma once

// What the hub remembers of the messages of one process: how far its numbers have come, which
// messages it holds, and what became of the last ones.

#include "actors/messaging/parcel.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace troupe::messaging {

class sender {
public:
  /// Outcomes that are remembered of each lane.
  static constexpr std::size_t remembered = 1024;

  std::uint64_t incarnation() const { return incarnation_; }

  /// It has linked. False: its numbers went backwards, it is not who it was.
  bool link(std::uint64_t incarnation, const std::array<std::uint64_t, wire::lanes>& next);
  /// That process is gone.
  void forget();
  /// Of one that the hub has only read of: a durable message on disk was accepted from it.
  void recall(std::uint64_t incarnation, const wire::message_view& accepted);

  /// Takes the number of a new message; false: it is not the next one.
  bool take(wire::lane in, std::uint64_t sequence);
  /// Whether a message with that number may come again.
  bool was_sent(wire::lane in, std::uint64_t sequence) const {
    return sequence != 0 && sequence < next_[index(in)];
  }
  /// Whether an earlier runtime may have had it.
  bool is_past(wire::lane in, std::uint64_t sequence) const { return sequence < begin_[index(in)]; }
  /// The highest number that was taken, of each lane.
  wire::receipts taken() const;

  /// An assured or durable message without a final outcome; `parts`: for so many receivers.
  struct held {
    std::uint32_t parts = 1;
    std::uint32_t good = 0;
    wire::outcome_code code = wire::outcome_code::done;
    std::string text;
  };
  void hold(wire::lane in, std::uint64_t sequence) { held_.try_emplace(place_of(in, sequence)); }
  held* find(wire::lane in, std::uint64_t sequence);
  std::size_t unresolved() const { return held_.size(); }

  /// One part of what is held has ended. Returns the final outcome when it was the last part.
  const wire::outcome* end(wire::lane in, std::uint64_t sequence, wire::outcome_code code,
                           std::string_view text);
  /// What became of an earlier one, null: not known (any more).
  const wire::outcome* remembered_end(wire::lane in, std::uint64_t sequence) const;

private:
  static std::size_t index(wire::lane in) { return static_cast<std::size_t>(in); }
  const wire::outcome* remember(wire::outcome);

  std::uint64_t incarnation_ = 0;
  bool linked_ = false; ///< with this runtime, once
  std::array<std::uint64_t, wire::lanes> next_{1, 1, 1, 1};
  std::array<std::uint64_t, wire::lanes> begin_{1, 1, 1, 1}; ///< what this runtime began with
  std::unordered_map<std::uint64_t, held> held_;
  std::array<std::deque<wire::outcome>, wire::lanes> ended_; ///< newest last
};

} // namespace troupe::messaging
