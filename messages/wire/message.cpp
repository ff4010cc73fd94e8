#include "messages/wire/message.hpp"

#include "messages/wire/bytes.hpp"
#include "messages/wire/frame.hpp"

#include <algorithm>
#include <cstring>

namespace troupe::wire {

namespace {

constexpr std::uint8_t all_flags = again | compressed | reply | failed | sampled;
/// Entries of one frame of a list; the largest entry has 274 bytes.
constexpr std::size_t entries_of_a_frame = 2048;

template <class T>
void put_enum(std::string& out, T value) {
  put(out, static_cast<std::uint8_t>(value));
}

void put_text(std::string& out, std::string_view text) {
  const auto size = std::min(text.size(), max_address);
  put(out, static_cast<std::uint8_t>(size));
  out.append(text.data(), size);
}

template <class T, class F>
void append_list(std::string& out, frame_type type, const std::vector<T>& list, F put_one) {
  for (std::size_t i = 0; i < list.size(); i += entries_of_a_frame) {
    const auto end = std::min(list.size(), i + entries_of_a_frame);
    const auto begin = begin_frame(out, type);
    put(out, static_cast<std::uint16_t>(end - i));
    for (auto k = i; k < end; ++k)
      put_one(list[k]);
    end_frame(out, begin);
  }
}

/// `read_one` returns nullptr or a problem.
template <class T, class F>
const char* decode_list(std::string_view body, std::vector<T>& into, F read_one) {
  byte_reader in{body};
  const auto count = in.take<std::uint16_t>();
  into.clear();
  if (count > entries_of_a_frame)
    return "a list has too many entries";
  into.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    T each;
    if (const char* problem = read_one(in, each))
      return problem;
    if (!in.good())
      return "a list ends too early";
    into.push_back(std::move(each));
  }
  return in.done() ? nullptr : "a list has bytes that belong to nothing";
}

bool read_lane(byte_reader& in, lane& into) {
  const auto value = in.take<std::uint8_t>();
  into = static_cast<lane>(value);
  return value < lanes;
}

} // namespace

std::string to_string(outcome_code code) {
  using enum outcome_code;
  switch (code) {
  case accepted:
    return "accepted";
  case done:
    return "done";
  case no_such_address:
    return "no_such_address";
  case not_permitted:
    return "not_permitted";
  case mailbox_full:
    return "mailbox_full";
  case not_running:
    return "not_running";
  case not_linked:
    return "not_linked";
  case expired:
    return "expired";
  case too_many_deliveries:
    return "too_many_deliveries";
  case dropped:
    return "dropped";
  case store_unavailable:
    return "store_unavailable";
  case receiver_died:
    return "receiver_died";
  case refused:
    return "refused";
  case stopping:
    return "stopping";
  case bad_message:
    return "bad_message";
  }
  return "code " + std::to_string(static_cast<int>(code));
}

std::string_view to_string(lane which) {
  static constexpr std::string_view names[] = {"urgent", "high", "normal", "low"};
  return names[static_cast<std::size_t>(which) % lanes];
}

std::string_view to_string(delivery how) {
  static constexpr std::string_view names[] = {"fire", "assured", "durable"};
  return names[static_cast<std::size_t>(how) % 3];
}

const char* decode(std::string_view body, message_view& into) {
  if (body.size() < message_head_size)
    return "a message has a head of 72 bytes";
  const char* at = body.data();
  const auto in = get<std::uint8_t>(at);
  const auto how = get<std::uint8_t>(at + 1);
  const auto flags = get<std::uint8_t>(at + 2);
  const auto kind = get<std::uint8_t>(at + 3);
  if (in >= lanes || how > 2 || (flags & ~all_flags) != 0 || kind > 2
      || get<std::uint8_t>(at + 71) != 0)
    return "a message has a lane, delivery, flag or content that does not exist";
  into.in = static_cast<lane>(in);
  into.how = static_cast<delivery>(how);
  into.flags = flags;
  into.kind = static_cast<content>(kind);
  into.ttl = get<std::uint32_t>(at + 4);
  into.sequence = get<std::uint64_t>(at + 8);
  into.incarnation = get<std::uint64_t>(at + 16);
  into.request = get<std::uint64_t>(at + 24);
  into.tag = get<std::uint64_t>(at + 32);
  std::memcpy(into.trace.data(), at + 40, into.trace.size());
  std::memcpy(into.span.data(), at + 56, into.span.size());
  into.length = get<std::uint32_t>(at + 64);
  const std::size_t to = get<std::uint8_t>(at + 68);
  const std::size_t from = get<std::uint8_t>(at + 69);
  const std::size_t key = get<std::uint8_t>(at + 70);
  if (body.size() < message_head_size + to + from + key)
    return "a message ends within its addresses";
  body.remove_prefix(message_head_size);
  into.to = body.substr(0, to);
  into.from = body.substr(to, from);
  into.key = body.substr(to + from, key);
  into.payload = body.substr(to + from + key);
  if (into.length > max_payload || into.payload.size() > max_payload)
    return "a payload has 983040 bytes at most";
  if (!into.is(compressed) && into.length != into.payload.size())
    return "a message has another length than it says";
  return nullptr;
}

namespace {

std::size_t size_of(const message_view& of) {
  return message_head_size + of.to.size() + of.from.size() + of.key.size() + of.payload.size();
}

/// Writes the body of that size.
void write_body(char* head, const message_view& from) {
  const auto number = [&head](std::size_t offset, auto value) {
    std::memcpy(head + offset, &value, sizeof value);
  };
  number(0, static_cast<std::uint8_t>(from.in));
  number(1, static_cast<std::uint8_t>(from.how));
  number(2, from.flags);
  number(3, static_cast<std::uint8_t>(from.kind));
  number(4, from.ttl);
  number(8, from.sequence);
  number(16, from.incarnation);
  number(24, from.request);
  number(32, from.tag);
  std::memcpy(head + 40, from.trace.data(), from.trace.size());
  std::memcpy(head + 56, from.span.data(), from.span.size());
  number(64, from.length);
  number(68, static_cast<std::uint8_t>(from.to.size()));
  number(69, static_cast<std::uint8_t>(from.from.size()));
  number(70, static_cast<std::uint8_t>(from.key.size()));
  number(71, std::uint8_t{0});
  char* at = head + message_head_size;
  for (const auto each : {from.to, from.from, from.key, from.payload}) {
    if (!each.empty())
      std::memcpy(at, each.data(), each.size());
    at += each.size();
  }
}

} // namespace

void append_body(std::string& out, const message_view& from) {
  const auto begin = out.size();
  out.resize(begin + size_of(from));
  write_body(out.data() + begin, from);
}

std::size_t frame_size(const message_view& of) {
  return frame_overhead + size_of(of);
}

void write_frame(char* at, const message_view& from) {
  const auto size = static_cast<std::uint32_t>(frame_size(from) - sizeof(std::uint32_t));
  std::memcpy(at, &size, sizeof size);
  at[sizeof size] = static_cast<char>(frame_type::message);
  write_body(at + sizeof size + 1, from);
}

void append_frame(std::string& out, const message_view& from) {
  const auto begin = out.size();
  out.resize(begin + frame_size(from));
  write_frame(out.data() + begin, from);
  sum_frame(out.data() + begin);
}

void late_sums::append(std::string& out, const message_view& from) {
  const auto begin = out.size();
  if (end_ != begin) {
    settle(out);
    begin_ = begin;
  }
  end_ = begin + frame_size(from);
  out.resize(end_);
  write_frame(out.data() + begin, from);
}

void late_sums::settle(std::string& out) {
  while (begin_ < end_)
    begin_ += sum_frame(out.data() + begin_);
  begin_ = end_ = 0;
}

void append_frame(std::string& out, const receipts& from) {
  const auto begin = begin_frame(out, frame_type::receipt);
  for (const auto each : from)
    put(out, each);
  end_frame(out, begin);
}

void append_frame(std::string& out, const credits& from) {
  const auto begin = begin_frame(out, frame_type::credit);
  for (const auto& each : from) {
    put(out, each.messages);
    put(out, each.bytes);
  }
  end_frame(out, begin);
}

void append_frame(std::string& out, const std::vector<outcome>& list) {
  append_list(out, frame_type::outcome, list, [&out](const outcome& each) {
    put_enum(out, each.in);
    put_enum(out, each.code);
    put(out, each.sequence);
    put_text(out, each.text);
  });
}

void append_frame(std::string& out, const std::vector<done>& list) {
  append_list(out, frame_type::done, list, [&out](const done& each) {
    put(out, each.tag);
    put_enum(out, each.how);
  });
}

void append_frame(std::string& out, const std::vector<known_message>& list) {
  append_list(out, frame_type::known, list, [&out](const known_message& each) {
    put_enum(out, each.in);
    put(out, static_cast<std::uint8_t>(each.failed ? 2 : each.handled ? 1 : 0));
    put(out, each.incarnation);
    put(out, each.sequence);
    put_text(out, each.from);
  });
}

const char* decode(std::string_view body, receipts& into) {
  byte_reader in{body};
  for (auto& each : into)
    each = in.take<std::uint64_t>();
  return in.done() ? nullptr : "a receipt has 32 bytes";
}

const char* decode(std::string_view body, credits& into) {
  byte_reader in{body};
  for (auto& each : into) {
    each.messages = in.take<std::uint64_t>();
    each.bytes = in.take<std::uint64_t>();
  }
  return in.done() ? nullptr : "a credit has 64 bytes";
}

const char* decode(std::string_view body, std::vector<outcome>& into) {
  return decode_list(body, into, [](byte_reader& in, outcome& each) -> const char* {
    if (!read_lane(in, each.in))
      return "an outcome has a lane that does not exist";
    each.code = static_cast<outcome_code>(in.take<std::uint8_t>());
    each.sequence = in.take<std::uint64_t>();
    each.text = in.take_text(in.take<std::uint8_t>());
    return nullptr;
  });
}

const char* decode(std::string_view body, std::vector<done>& into) {
  return decode_list(body, into, [](byte_reader& in, done& each) -> const char* {
    each.tag = in.take<std::uint64_t>();
    const auto how = in.take<std::uint8_t>();
    each.how = static_cast<done::result>(how);
    return how > 2 ? "a done has a result that does not exist" : nullptr;
  });
}

const char* decode(std::string_view body, std::vector<known_message>& into) {
  return decode_list(body, into, [](byte_reader& in, known_message& each) -> const char* {
    if (!read_lane(in, each.in))
      return "a known message has a lane that does not exist";
    const auto state = in.take<std::uint8_t>();
    each.handled = state == 1;
    each.failed = state == 2;
    each.incarnation = in.take<std::uint64_t>();
    each.sequence = in.take<std::uint64_t>();
    each.from = in.take_text(in.take<std::uint8_t>());
    return state > 2 ? "a known message has a state that does not exist" : nullptr;
  });
}

} // namespace troupe::wire
