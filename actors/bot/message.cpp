#include "actors/bot/letter.hpp"
#include "messages/wire/compression.hpp"

namespace troupe::bot {

namespace {

constexpr std::string_view topic_prefix = "topic:";

template <std::size_t n>
void append_hex(std::string& out, const std::array<std::uint8_t, n>& bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  for (const auto each : bytes) {
    out += digits[each >> 4];
    out += digits[each & 15];
  }
}

} // namespace

std::string to_string(code which) {
  switch (which) {
  case code::unlinked:
    return "unlinked";
  case code::timed_out:
    return "timed_out";
  case code::too_large:
    return "too_large";
  case code::bad_address:
    return "bad_address";
  case code::closed:
    return "closed";
  case code::failed:
    return "failed";
  case code::too_many:
    return "too_many";
  default:
    return wire::to_string(static_cast<wire::outcome_code>(which));
  }
}

std::string_view to_string(lane which) {
  return wire::to_string(detail::to_wire(which));
}

std::string_view to_string(delivery which) {
  return wire::to_string(static_cast<wire::delivery>(which));
}

std::string trace_context::traceparent() const {
  if (empty())
    return {};
  std::string result = "00-";
  append_hex(result, trace);
  result += '-';
  append_hex(result, span);
  result += sampled ? "-01" : "-00";
  return result;
}

std::string_view message::payload() const {
  return letter_->head.payload;
}

std::string_view message::from() const {
  return letter_->head.from;
}

std::string_view message::to() const {
  return letter_->head.to;
}

std::string_view message::topic() const {
  const auto address = to();
  return address.starts_with(topic_prefix) ? address.substr(topic_prefix.size())
                                           : std::string_view{};
}

std::string_view message::actor() const {
  return letter_->actor;
}

std::string_view message::key() const {
  return letter_->head.key;
}

bot::lane message::lane() const {
  return detail::to_public(letter_->head.in);
}

bot::delivery message::delivery() const {
  return static_cast<bot::delivery>(letter_->head.how);
}

bot::content message::content() const {
  return static_cast<bot::content>(letter_->head.kind);
}

bool message::redelivered() const {
  return letter_->head.is(wire::again);
}

bool message::is_request() const {
  return letter_->head.request != 0 && !letter_->head.is(wire::reply);
}

std::chrono::milliseconds message::ttl() const {
  return std::chrono::milliseconds{letter_->head.ttl};
}

std::uint64_t message::sequence() const {
  return letter_->head.sequence;
}

std::uint64_t message::incarnation() const {
  return letter_->head.incarnation;
}

trace_context message::trace() const {
  const auto& head = letter_->head;
  return {head.trace, head.span, head.is(wire::sampled)};
}

const char* detail::letter::read(std::string_view from) {
  // Not from the copy: small reads would have to wait for the wide writes that made it.
  if (const char* problem = wire::decode(from, head))
    return problem;
  body.assign(from);
  for (auto* each : {&head.to, &head.from, &head.key, &head.payload})
    *each = {body.data() + (each->data() - from.data()), each->size()};
  return nullptr;
}

bool detail::letter::unpack() {
  if (!head.is(wire::compressed))
    return true;
  auto payload = wire::decompress(head.payload, head.length);
  if (!payload)
    return false;
  unpacked = std::move(*payload);
  head.payload = unpacked;
  head.flags &= static_cast<std::uint8_t>(~wire::compressed);
  return true;
}

} // namespace troupe::bot
