#include "actors/messaging/sender.hpp"

#include <algorithm>

namespace troupe::messaging {

bool sender::link(std::uint64_t incarnation, const std::array<std::uint64_t, wire::lanes>& next) {
  if (incarnation != incarnation_) {
    forget();
    incarnation_ = incarnation;
  }
  if (linked_)
    for (std::size_t i = 0; i < wire::lanes; ++i)
      if (next[i] < next_[i])
        return false;
  next_ = next;
  if (!linked_)
    begin_ = next;
  linked_ = true;
  return true;
}

void sender::forget() {
  *this = {};
}

void sender::recall(std::uint64_t incarnation, const wire::message_view& accepted) {
  if (incarnation < incarnation_)
    return;
  if (incarnation > incarnation_) {
    forget();
    incarnation_ = incarnation;
  }
  if (!remembered_end(accepted.in, accepted.sequence))
    remember({accepted.in, wire::outcome_code::accepted, accepted.sequence, {}});
}

bool sender::take(wire::lane in, std::uint64_t sequence) {
  if (sequence != next_[index(in)])
    return false;
  ++next_[index(in)];
  return true;
}

wire::receipts sender::taken() const {
  auto result = next_;
  for (auto& each : result)
    --each;
  return result;
}

sender::held* sender::find(wire::lane in, std::uint64_t sequence) {
  const auto at = held_.find(place_of(in, sequence));
  return at == held_.end() ? nullptr : &at->second;
}

const wire::outcome* sender::end(wire::lane in, std::uint64_t sequence, wire::outcome_code code,
                                 std::string_view text) {
  const auto at = held_.find(place_of(in, sequence));
  if (at == held_.end())
    return nullptr;
  auto& what = at->second;
  // Of several receivers one that got it counts for more than those that did not.
  const bool good = code < wire::outcome_code::no_such_address;
  if (good || what.good == 0) {
    what.code = code;
    what.text = text;
  }
  what.good += good;
  if (--what.parts != 0)
    return nullptr;
  wire::outcome last{in, what.code, sequence, std::move(what.text)};
  held_.erase(at);
  return remember(std::move(last));
}

const wire::outcome* sender::remembered_end(wire::lane in, std::uint64_t sequence) const {
  const auto& known = ended_[index(in)];
  const auto at = std::find_if(known.rbegin(), known.rend(), [sequence](const wire::outcome& each) {
    return each.sequence == sequence;
  });
  return at == known.rend() ? nullptr : &*at;
}

const wire::outcome* sender::remember(wire::outcome what) {
  auto& known = ended_[index(what.in)];
  if (known.size() == remembered)
    known.pop_front();
  known.push_back(std::move(what));
  return &known.back();
}

} // namespace troupe::messaging
