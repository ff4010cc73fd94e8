#include "actors/bot/requests.hpp"

namespace troupe::bot::detail {

void requests::add(std::uint64_t id, open_request each) {
  by_message_[key(each.in, each.sequence)] = id;
  by_time_.emplace(each.until, id);
  by_id_.emplace(id, std::move(each));
}

open_request* requests::find(std::uint64_t id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &found->second;
}

std::uint64_t requests::id_of(wire::lane in, std::uint64_t sequence) const {
  const auto found = by_message_.find(key(in, sequence));
  return found == by_message_.end() ? 0 : found->second;
}

std::optional<open_request> requests::take(std::uint64_t id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end())
    return std::nullopt;
  auto result = std::move(found->second);
  by_id_.erase(found);
  by_message_.erase(key(result.in, result.sequence));
  by_time_.erase({result.until, id});
  return result;
}

std::vector<open_request> requests::take_late(instant now) {
  std::vector<open_request> result;
  while (!by_time_.empty() && by_time_.begin()->first <= now)
    result.push_back(*take(by_time_.begin()->second));
  return result;
}

std::vector<open_request> requests::take_all() {
  return take_late(instant::max());
}

std::optional<instant> requests::next() const {
  if (by_time_.empty())
    return std::nullopt;
  return by_time_.begin()->first;
}

} // namespace troupe::bot::detail
