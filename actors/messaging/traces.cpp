#include "actors/messaging/traces.hpp"

#include "config/escape.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace troupe::messaging {

namespace {

template <std::size_t N>
std::string hex(const std::array<std::uint8_t, N>& bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string result;
  result.reserve(2 * N);
  for (const auto each : bytes) {
    result += digits[each >> 4];
    result += digits[each & 15];
  }
  return result;
}

/// What id a prefix stands for, as digits; false: no hex.
bool read_digits(std::string_view text, std::vector<std::uint8_t>& into) {
  for (const char c : text) {
    if (c >= '0' && c <= '9')
      into.push_back(static_cast<std::uint8_t>(c - '0'));
    else if ((c | 32) >= 'a' && (c | 32) <= 'f')
      into.push_back(static_cast<std::uint8_t>((c | 32) - 'a' + 10));
    else
      return false;
  }
  return !into.empty() && into.size() <= 32;
}

bool begins_with(const std::array<std::uint8_t, 16>& id, const std::vector<std::uint8_t>& digits) {
  for (std::size_t i = 0; i < digits.size(); ++i)
    if ((i % 2 == 0 ? id[i / 2] >> 4 : id[i / 2] & 15) != digits[i])
      return false;
  return true;
}

bool is_none(const std::array<std::uint8_t, 16>& id) {
  return std::all_of(id.begin(), id.end(), [](std::uint8_t x) { return x == 0; });
}

} // namespace

std::string_view to_string(trace_step what) {
  static constexpr std::string_view names[] = {"taken",   "queued",  "delivered",
                                               "done",    "replied", "rejected",
                                               "expired", "dead",    "redelivered"};
  return names[static_cast<std::size_t>(what)];
}

traces::traces(std::size_t capacity)
    : capacity_{std::max<std::size_t>(capacity, 1)} {
  // nop
}

void traces::add(const wire::message_view& message, trace_step what, std::string_view where,
                 std::int64_t wall) {
  if (!message.is(wire::sampled) || is_none(message.trace))
    return;
  add({wall, message.trace, message.span, std::string{message.from}, std::string{message.to}, what,
       std::string{where.substr(0, 255)}});
}

void traces::add(trace_span span) {
  if (ring_.size() < capacity_) {
    ring_.push_back(std::move(span));
    return;
  }
  ring_[next_] = std::move(span);
  next_ = (next_ + 1) % capacity_;
  ++overwritten_;
}

traces::found traces::find(std::string_view id) const {
  found result;
  std::vector<std::uint8_t> digits;
  if (!read_digits(id, digits)) {
    result.trouble = "a trace is 32 hexadecimal digits, or the first of them";
    return result;
  }
  std::vector<std::array<std::uint8_t, 16>> ids;
  each([&](const trace_span& x) {
    if (ids.size() < 11 && begins_with(x.trace, digits)
        && std::find(ids.begin(), ids.end(), x.trace) == ids.end())
      ids.push_back(x.trace);
  });
  if (ids.empty()) {
    result.trouble = "no message of that trace is remembered; only those that are sampled are, and "
                     "the last "
                     + std::to_string(capacity_) + " steps";
    return result;
  }
  if (ids.size() > 1) {
    result.trouble = ids.size() > 10 ? "more than 10 traces begin so"
                                     : std::to_string(ids.size()) + " traces begin so";
    for (std::size_t i = 0; i < std::min<std::size_t>(ids.size(), 10); ++i)
      result.candidates.push_back(hex(ids[i]));
    return result;
  }
  result.trace = hex(ids[0]);
  each([&](const trace_span& x) {
    if (x.trace == ids[0])
      result.spans.push_back(x);
  });
  return result;
}

std::vector<std::string> traces::last(std::size_t limit) const {
  std::vector<std::array<std::uint8_t, 16>> ids;
  for (std::size_t i = ring_.size(); i > 0 && ids.size() < limit; --i) {
    const auto& id = ring_[(next_ + i - 1) % ring_.size()].trace;
    if (std::find(ids.begin(), ids.end(), id) == ids.end())
      ids.push_back(id);
  }
  std::vector<std::string> result;
  for (const auto& id : ids)
    result.push_back(hex(id));
  return result;
}

nlohmann::json to_json(const trace_span& x) {
  return {{"time_us", x.at},
          {"trace", hex(x.trace)},
          {"span", hex(x.span)},
          {"from", x.from},
          {"to", config::escape(x.to)},
          {"step", to_string(x.what)},
          {"where", config::escape(x.where)}};
}

} // namespace troupe::messaging
