#include "actors/messaging/mailbox.hpp"

#include <algorithm>

namespace troupe::messaging {

void mailbox::reserve(std::size_t cost) {
  ++reserved_;
  reserved_bytes_ += cost;
}

void mailbox::release(std::size_t cost) {
  --reserved_;
  reserved_bytes_ -= cost;
}

void mailbox::push(parcel what) {
  count(what);
  lanes_[index(what.in)].push_back(std::move(what));
}

void mailbox::push_front(parcel what, bool after_replies) {
  count(what);
  auto& lane = lanes_[index(what.in)];
  auto at = lane.begin();
  if (after_replies)
    at = std::find_if(at, lane.end(), [](const parcel& each) { return !each.reply; });
  lane.insert(at, std::move(what));
}

parcel mailbox::pop(std::size_t lane) {
  auto result = std::move(lanes_[lane].front());
  lanes_[lane].pop_front();
  forget(result);
  if (left_[lane] != 0)
    --left_[lane];
  return result;
}

bool mailbox::pop_weakest(wire::lane than, parcel& into) {
  for (auto i = wire::lanes; i-- > index(than);)
    if (!lanes_[i].empty()) {
      into = std::move(lanes_[i].front());
      lanes_[i].pop_front();
      forget(into);
      return true;
    }
  return false;
}

std::chrono::nanoseconds mailbox::earliest() const {
  std::chrono::nanoseconds first{};
  for (const auto& lane : lanes_)
    for (const auto& each : lane)
      if (each.expires.count() != 0 && (first.count() == 0 || each.expires < first))
        first = each.expires;
  return first;
}

std::uint64_t mailbox::spilled_messages() const {
  std::uint64_t sum = 0;
  for (const auto& each : spilled)
    sum += each.messages;
  return sum;
}

std::uint64_t mailbox::spilled_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& each : spilled)
    sum += each.bytes;
  return sum;
}

void mailbox::count(const parcel& what) {
  ++messages_;
  bytes_ += what.cost();
}

void mailbox::forget(const parcel& what) {
  --messages_;
  bytes_ -= what.cost();
}

} // namespace troupe::messaging
