#pragma once

// What waits for one instance: four lanes, bounded together by number and bytes.

#include "actors/messaging/parcel.hpp"
#include "config/spec.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

namespace troupe::messaging {

/// Of one lane, what of it is on disk. While there is any, later messages of the lane follow
/// it there, so that the lane keeps its order.
struct spilled_lane {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  bool fetching = false;

  bool active() const { return messages != 0 || fetching; }
};

/// Lanes are served strongest first, by turns: in each round urgent may have 64 messages, high 16,
/// normal 4 and low 1, and a new round begins when no lane that can be served has turns left. So
/// an urgent message waits for nobody, and low moves whatever else comes.
class mailbox {
public:
  static constexpr std::array<std::uint32_t, wire::lanes> turns{64, 16, 4, 1};

  void set_bounds(const config::mailbox_spec& bounds) { bounds_ = bounds; }
  const config::mailbox_spec& bounds() const { return bounds_; }

  std::size_t messages() const { return messages_; }
  std::size_t bytes() const { return bytes_; }
  bool empty() const { return messages_ == 0; }
  std::size_t waiting(wire::lane in) const { return lanes_[index(in)].size(); }
  const std::deque<parcel>& lane(wire::lane in) const { return lanes_[index(in)]; }

  /// Whether one more of that cost is within the bounds; what is reserved counts.
  bool has_room(std::size_t cost) const {
    return messages_ + reserved_ < bounds_.messages
           && bytes_ + reserved_bytes_ + cost <= bounds_.bytes;
  }
  /// At least half full; less than a quarter full.
  bool pressing() const { return fuller_than(2); }
  bool relaxed() const { return !fuller_than(4); }

  /// For a message that comes once it is committed.
  void reserve(std::size_t cost);
  void release(std::size_t cost);
  std::size_t reserved_bytes() const { return reserved_bytes_; }

  void push(parcel);
  /// What goes back. Behind the replies that are in front, if `after_replies`.
  void push_front(parcel, bool after_replies = false);

  /// The lane whose turn it is, of those for whose first message `ready` is true; none: lanes.
  template <class F>
  std::size_t choose(F&& ready) {
    if (messages_ == 0)
      return wire::lanes;
    for (int round = 0; round < 2; ++round) {
      for (std::size_t i = 0; i < wire::lanes; ++i)
        if (left_[i] != 0 && !lanes_[i].empty() && ready(lanes_[i].front()))
          return i;
      left_ = turns;
    }
    return wire::lanes;
  }
  /// Takes the first of a lane that `choose` has named.
  parcel pop(std::size_t lane);
  /// Takes the oldest of the weakest lane that is not stronger than `than`; false: there is none.
  bool pop_weakest(wire::lane than, parcel& into);

  /// Takes out, in order, those for which it is true.
  template <class F>
  std::vector<parcel> extract(F&& which) {
    std::vector<parcel> out;
    for (auto& lane : lanes_) {
      auto keep = lane.begin();
      for (auto at = lane.begin(); at != lane.end(); ++at)
        if (which(static_cast<const parcel&>(*at))) {
          forget(*at);
          out.push_back(std::move(*at));
        } else {
          if (keep != at)
            *keep = std::move(*at);
          ++keep;
        }
      lane.erase(keep, lane.end());
    }
    return out;
  }

  /// The earliest deadline of those in it; 0: none.
  std::chrono::nanoseconds earliest() const;

  std::array<spilled_lane, wire::lanes> spilled;
  std::uint64_t spilled_messages() const;
  std::uint64_t spilled_bytes() const;

private:
  static std::size_t index(wire::lane in) { return static_cast<std::size_t>(in); }
  bool fuller_than(std::uint64_t part) const {
    return messages_ * part >= bounds_.messages || bytes_ * part >= bounds_.bytes;
  }
  void count(const parcel&);
  void forget(const parcel&);

  config::mailbox_spec bounds_;
  std::array<std::deque<parcel>, wire::lanes> lanes_;
  std::array<std::uint32_t, wire::lanes> left_ = turns;
  std::size_t messages_ = 0;
  std::size_t bytes_ = 0;
  std::size_t reserved_ = 0;
  std::size_t reserved_bytes_ = 0;
};

} // namespace troupe::messaging
