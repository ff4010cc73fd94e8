#include "actors/bot/inbox.hpp"

namespace troupe::bot::detail {

namespace {

/// How many of each lane are taken before a weaker one gets its turn.
constexpr std::array<std::uint32_t, wire::lanes> turns_of = {64, 16, 4, 1};

/// A CREDIT for each such part of a window, so that what follows it comes in small portions: what
/// is urgent can overtake nothing that is in the socket.
constexpr std::uint64_t credit_part = 4;

/// Memory of letters that are kept for later ones: of one, and of all.
constexpr std::size_t largest_pooled = 4096;
constexpr std::size_t most_pooled = 1u << 20;

std::size_t index(wire::lane which) {
  return static_cast<std::size_t>(which);
}

} // namespace

inbox::inbox(std::uint32_t window_messages, std::uint32_t window_bytes)
    : window_messages_{window_messages}
    , window_bytes_{window_bytes}
    , turns_{turns_of} {
  // nop
}

void inbox::open(std::uint64_t link) {
  link_ = link;
  said_ = {};
  for (auto& each : rows_)
    each.came = each.finished = {};
}

letter_ptr inbox::blank() {
  if (pool_.empty())
    return std::make_shared<letter>();
  auto result = std::move(pool_.back());
  pool_.pop_back();
  pooled_ -= result->body.capacity() + sizeof(letter);
  return result;
}

void inbox::recycle(letter_ptr used) {
  const auto memory = used->body.capacity() + sizeof(letter);
  if (used.use_count() != 1 || memory > largest_pooled || pooled_ + memory > most_pooled)
    return;
  pooled_ += memory;
  if (!used->unpacked.empty())
    used->unpacked = {};
  used->actor = {};
  used->deferred = used->ended = used->replied = false;
  pool_.push_back(std::move(used));
}

bool inbox::arrive(row& into, std::size_t bytes) {
  const auto messages = into.came.messages - into.finished.messages;
  const auto under_way = into.came.bytes - into.finished.bytes;
  // One that is larger than the window may come when nothing else is under way.
  if (messages >= window_messages_ || (messages > 0 && under_way + bytes > window_bytes_))
    return false;
  ++into.came.messages;
  into.came.bytes += bytes;
  return true;
}

bool inbox::put(letter_ptr each) {
  auto& into = rows_[index(each->head.in)];
  if (!arrive(into, each->body.size()))
    return false;
  each->link = link_;
  into.waiting.push_back(std::move(each));
  ++size_;
  return true;
}

bool inbox::pass(wire::lane which, std::size_t bytes) {
  auto& into = rows_[index(which)];
  if (!arrive(into, bytes))
    return false;
  ++into.finished.messages;
  into.finished.bytes += bytes;
  return true;
}

letter_ptr inbox::take() {
  if (size_ == 0)
    return nullptr;
  for (;; turns_ = turns_of) {
    for (std::size_t i = 0; i < wire::lanes; ++i) {
      auto& waiting = rows_[i].waiting;
      if (waiting.empty() || turns_[i] == 0)
        continue;
      --turns_[i];
      --size_;
      auto result = std::move(waiting.front());
      waiting.pop_front();
      return result;
    }
  }
}

void inbox::finished(const letter& each) {
  if (each.link != link_)
    return;
  auto& of = rows_[index(each.head.in)];
  ++of.finished.messages;
  of.finished.bytes += each.body.size();
}

bool inbox::credit_due() const {
  for (std::size_t i = 0; i < wire::lanes; ++i) {
    const auto messages = rows_[i].finished.messages - said_[i].messages;
    const auto bytes = rows_[i].finished.bytes - said_[i].bytes;
    if (messages > 0
        && (size_ == 0 || messages * credit_part >= window_messages_
            || bytes * credit_part >= window_bytes_))
      return true;
  }
  return false;
}

const wire::credits& inbox::credit() {
  for (std::size_t i = 0; i < wire::lanes; ++i)
    said_[i] = rows_[i].finished;
  return said_;
}

} // namespace troupe::bot::detail
