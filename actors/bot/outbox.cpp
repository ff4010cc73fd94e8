#include "actors/bot/outbox.hpp"

#include "messages/wire/bytes.hpp"
#include "messages/wire/compression.hpp"
#include "messages/wire/frame.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace troupe::bot::detail {

namespace {

constexpr std::size_t frame_head = 5;
constexpr std::size_t flags_at = 2; ///< in the body of a MESSAGE

std::size_t index(wire::lane which) {
  return static_cast<std::size_t>(which);
}

std::size_t body_size(const wire::message_view& of) {
  return wire::message_head_size + of.to.size() + of.from.size() + of.key.size()
         + of.payload.size();
}

} // namespace

void byte_queue::drop(std::size_t count) {
  begin += count;
  if (begin == bytes.size()) {
    begin = 0;
    bytes.clear();
    if (bytes.capacity() > 4 * outbox::most_unsent)
      bytes.shrink_to_fit();
  }
}

std::size_t byte_queue::compact() {
  if (begin < outbox::batch || begin < bytes.size() / 2)
    return 0;
  bytes.erase(0, begin);
  return std::exchange(begin, 0);
}

void outbox::open(const limits& of, bool zstd) {
  open_ = true;
  zstd_ = zstd;
  limits_ = of;
  std::vector<const kept*> again;
  for (const auto& [_, each] : kept_)
    if (each.sent)
      again.push_back(&each);
  std::ranges::sort(again, std::greater<>{}, &kept::order);
  for (const auto* each : again)
    held_.push_front({{}, each->in, each->sequence, each->frame.size(), true});
  fill();
}

void outbox::close() {
  open_ = false;
  urgent_ = {};
  plain_ = {};
  frame_end_ = 0;
  in_order_ = false;
  without_receipt_ = bytes_without_receipt_ = 0;
  for (auto& each : lanes_)
    each.sizes.clear();
  std::erase_if(held_, [](const held& each) { return each.again; });
}

std::array<std::uint64_t, wire::lanes> outbox::next() const {
  std::array<std::uint64_t, wire::lanes> result;
  for (std::size_t i = 0; i < wire::lanes; ++i)
    result[i] = lanes_[i].next;
  for (const auto& each : held_)
    if (!each.again)
      result[index(each.in)] = std::min(result[index(each.in)], each.sequence);
  return result;
}

bool outbox::window(std::size_t bytes) const {
  return without_receipt_ == 0
         || (without_receipt_ < limits_.messages
             && bytes_without_receipt_ + bytes <= limits_.bytes);
}

bool outbox::room(wire::lane in, wire::delivery how, std::size_t bytes) const {
  if (how != wire::delivery::fire && !kept_.empty()
      && (kept_.size() >= limits_.unresolved || kept_bytes_ + bytes > most_kept_bytes))
    return false;
  if (open_ && held_.empty())
    return window(bytes) && (in == wire::lane::urgent ? urgent_.size() : unsent()) < most_unsent;
  return held_new_ == 0 || (held_new_ < most_held && held_bytes_ + bytes <= most_held_bytes);
}

void outbox::count(wire::lane in, std::uint64_t sequence, std::size_t bytes) {
  auto& of = lanes_[index(in)];
  if (of.sizes.empty())
    of.first = sequence;
  of.sizes.push_back(static_cast<std::uint32_t>(bytes));
  ++without_receipt_;
  bytes_without_receipt_ += bytes;
}

std::uint64_t outbox::add(wire::message_view& of) {
  of.sequence = lanes_[index(of.in)].next++;
  const auto bytes = body_size(of);
  const bool straight = open_ && held_.empty();
  auto& queue = of.in == wire::lane::urgent && !in_order_ ? urgent_ : plain_;
  if (of.how != wire::delivery::fire) {
    auto& keep = kept_[key(of.in, of.sequence)];
    wire::append_frame(keep.frame, of);
    keep.order = ++order_;
    keep.sent = straight;
    keep.in = of.in;
    keep.sequence = of.sequence;
    kept_bytes_ += keep.frame.size();
    if (straight)
      queue.bytes += keep.frame;
  } else if (straight) {
    queue.sums.append(queue.bytes, of);
  }
  if (straight) {
    count(of.in, of.sequence, bytes);
    return of.sequence;
  }
  held_.push_back({{}, of.in, of.sequence, bytes, false});
  if (of.how == wire::delivery::fire)
    wire::append_frame(held_.back().frame, of);
  ++held_new_;
  held_bytes_ += bytes;
  fill();
  return of.sequence;
}

void outbox::fill() {
  while (open_ && !held_.empty() && plain_.size() < batch) {
    auto& front = held_.front();
    const auto found =
        front.frame.empty() ? kept_.find(key(front.in, front.sequence)) : kept_.end();
    if (front.again) {
      if (found != kept_.end()) // else its outcome has come meanwhile
        append_again(found->second.frame);
    } else {
      if (!window(front.bytes))
        return;
      if (found != kept_.end())
        found->second.sent = true;
      plain_.bytes += found != kept_.end() ? found->second.frame : front.frame;
      count(front.in, front.sequence, front.bytes);
      --held_new_;
      held_bytes_ -= front.bytes;
    }
    in_order_ = true;
    held_.pop_front();
  }
}

void outbox::append_again(const std::string& frame) {
  std::string body = frame.substr(frame_head, frame.size() - wire::frame_overhead);
  body[flags_at] = static_cast<char>(body[flags_at] | wire::again);
  wire::message_view view;
  if ((body[flags_at] & wire::compressed) != 0 && !zstd_ && !wire::decode(body, view)) {
    // A runtime that reads no zstd has come after one that does.
    const auto payload = wire::decompress(view.payload, view.length);
    if (payload) {
      view.payload = *payload;
      view.flags &= static_cast<std::uint8_t>(~wire::compressed);
      wire::append_frame(plain_.bytes, view);
      return;
    }
  }
  wire::append_frame(plain_.bytes, wire::frame_type::message, body);
}

bool outbox::receipt(const wire::receipts& of) {
  for (std::size_t i = 0; i < wire::lanes; ++i) {
    auto& each = lanes_[i];
    if (of[i] >= each.next)
      return false;
    while (!each.sizes.empty() && each.first <= of[i]) {
      bytes_without_receipt_ -= each.sizes.front();
      --without_receipt_;
      each.sizes.pop_front();
      ++each.first;
    }
  }
  fill();
  return true;
}

bool outbox::unresolved(wire::lane in, std::uint64_t sequence) const {
  return kept_.contains(key(in, sequence));
}

bool outbox::resolve(wire::lane in, std::uint64_t sequence) {
  const auto found = kept_.find(key(in, sequence));
  if (found == kept_.end())
    return false;
  kept_bytes_ -= found->second.frame.size();
  kept_.erase(found);
  return true;
}

std::vector<wire::outcome> outbox::abandon() {
  std::vector<const kept*> all;
  for (const auto& [_, each] : kept_)
    all.push_back(&each);
  std::ranges::sort(all, {}, &kept::order);
  std::vector<wire::outcome> result;
  for (const auto* each : all)
    result.push_back({each->in, {}, each->sequence, {}});
  for (const auto& each : held_)
    if (!each.frame.empty()) // `fire`
      result.push_back({each.in, {}, each.sequence, {}});
  kept_.clear();
  kept_bytes_ = 0;
  held_.clear();
  held_new_ = held_bytes_ = 0;
  return result;
}

bool outbox::settled() const {
  return kept_.empty() && held_.empty() && unsent() == 0 && without_receipt_ == 0;
}

/// Moves `frame_end_` to the end of the frame of which a part was written.
void outbox::align() {
  while (frame_end_ < plain_.begin)
    frame_end_ +=
        sizeof(std::uint32_t) + wire::get<std::uint32_t>(plain_.bytes.data() + frame_end_);
}

std::size_t outbox::parts(std::array<iovec, 3>& into) {
  for (auto* each : {&urgent_, &plain_})
    each->sums.settle(each->bytes);
  std::size_t count = 0;
  const auto add = [&](std::string& bytes, std::size_t begin, std::size_t end) {
    if (begin < end)
      into[count++] = {bytes.data() + begin, end - begin};
  };
  if (urgent_.size() == 0) {
    add(plain_.bytes, plain_.begin, plain_.bytes.size());
    return count;
  }
  align();
  add(plain_.bytes, plain_.begin, frame_end_);
  add(urgent_.bytes, urgent_.begin, urgent_.bytes.size());
  add(plain_.bytes, frame_end_, plain_.bytes.size());
  return count;
}

void outbox::wrote(std::size_t bytes) {
  if (urgent_.size() > 0) {
    const auto first = std::min(bytes, frame_end_ - plain_.begin);
    plain_.begin += first;
    const auto second = std::min(bytes - first, urgent_.size());
    urgent_.drop(second);
    urgent_.compact();
    bytes -= first + second;
  }
  plain_.drop(bytes);
  if (plain_.bytes.empty()) {
    frame_end_ = 0;
    in_order_ = false;
  } else {
    align();
    frame_end_ -= plain_.compact();
  }
  fill();
}

} // namespace troupe::bot::detail
