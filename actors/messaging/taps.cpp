#include "actors/messaging/taps.hpp"

#include "actors/messaging/address.hpp"
#include "config/escape.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace troupe::messaging {

namespace {

constexpr std::string_view topic_prefix = "topic:";

/// Whether an instance, maybe with an actor in it, is what a tap asks for.
bool names(std::string_view what, std::string_view instance) {
  if (const auto hash = instance.find('#'); hash != instance.npos)
    instance = instance.substr(0, instance.find('/', hash));
  if (what.empty() || instance == what)
    return true;
  if (what.back() == '/')
    return within(instance, what.substr(0, what.size() - 1));
  return instance.size() > what.size() && instance[what.size()] == '#'
         && instance.starts_with(what);
}

/// Not in the middle of a character, if it is text.
std::string_view cut(std::string_view text, std::size_t size, wire::content kind) {
  if (text.size() <= size)
    return text;
  if (kind != wire::content::bytes)
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80)
      --size;
  return text.substr(0, size);
}

std::string to_hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string result;
  for (const auto each : bytes) {
    result += digits[static_cast<unsigned char>(each) >> 4];
    result += digits[each & 15];
  }
  return result;
}

} // namespace

taps::opened taps::open(const tap_options& asked, std::chrono::nanoseconds now) {
  auto options = asked;
  if (options.what == "*" || options.what == "/")
    options.what.clear();
  if (options.what.ends_with("/*"))
    options.what.pop_back();
  if (options.what.starts_with(topic_prefix)) {
    if (auto wrong = explain_pattern(std::string_view{options.what}.substr(topic_prefix.size()));
        !wrong.empty())
      return {0, wrong};
  } else if (!options.what.empty()) {
    std::string_view name = options.what;
    if (name.ends_with('/'))
      name.remove_suffix(1);
    const auto parsed = parse_address(name);
    if ((parsed.what != address::kind::bot && parsed.what != address::kind::instance)
        || !parsed.actor.empty())
      return {0, "what to tap is a bot, an instance, a group with '/' at its end or a \"topic:\" "
                 "pattern; empty: everything"};
  }
  options.every = std::max(options.every, 1u);
  options.rate = std::clamp(options.rate, 1u, max_rate);
  options.payload = std::min(options.payload, max_payload);
  tick(now);
  if (taps_.size() >= max_taps)
    return {0, "there are " + std::to_string(taps_.size())
                   + " taps, more are not allowed; one that is not read ends after a minute"};
  auto made = std::make_unique<tap>();
  made->options = std::move(options);
  if (made->options.what.starts_with(topic_prefix))
    made->topics = std::string_view{made->options.what}.substr(topic_prefix.size());
  made->last_read = made->second = now;
  taps_.emplace(++last_, std::move(made));
  return {last_, {}};
}

bool taps::close(std::uint64_t id) {
  return taps_.erase(id) > 0;
}

bool taps::fits(const tap& by, const wire::message_view& message, std::string_view receiver) {
  if (!by.topics.empty())
    return message.to.starts_with(topic_prefix)
           && matches(by.topics, message.to.substr(topic_prefix.size()));
  return names(by.options.what, receiver) || names(by.options.what, message.from);
}

void taps::see(const wire::message_view& message, std::string_view receiver,
               std::chrono::nanoseconds now, std::int64_t wall) {
  for (auto& [id, each] : taps_) {
    if (!fits(*each, message, receiver))
      continue;
    if (each->seen++ % each->options.every != 0)
      continue;
    if (now - each->second >= std::chrono::seconds{1}) {
      each->second = now;
      each->in_second = 0;
    }
    if (each->in_second >= each->options.rate) {
      ++each->dropped;
      continue;
    }
    ++each->in_second;
    if (each->ring.size() >= ring) {
      each->dropped += each->ring.front().number >= each->unread_from;
      each->ring.pop_front();
    }
    auto& kept = each->ring.emplace_back();
    kept.number = ++each->kept;
    kept.at = wall;
    kept.from = message.from;
    kept.to = message.to;
    kept.receiver = receiver;
    kept.in = message.in;
    kept.how = message.how;
    kept.kind = message.kind;
    kept.flags = message.flags;
    kept.sequence = message.sequence;
    kept.length = message.length;
    if (!message.is(wire::compressed))
      kept.payload = cut(message.payload, each->options.payload, message.kind);
  }
}

taps::page taps::read(std::uint64_t id, std::uint64_t cursor, std::size_t limit,
                      std::chrono::nanoseconds now) {
  page result;
  const auto at = taps_.find(id);
  if (at == taps_.end())
    return result;
  auto& its = *at->second;
  its.last_read = now;
  result.known = true;
  result.next = std::min(cursor, its.kept);
  for (const auto& each : its.ring)
    if (each.number > cursor && result.items.size() < limit) {
      result.items.push_back(each);
      result.next = each.number;
    }
  its.unread_from = std::max(its.unread_from, result.next + 1);
  result.dropped = its.dropped;
  result.seen = its.seen;
  return result;
}

void taps::tick(std::chrono::nanoseconds now) {
  std::erase_if(taps_, [&](const auto& x) { return now - x.second->last_read >= unread; });
}

std::optional<std::chrono::nanoseconds> taps::next_tick() const {
  std::optional<std::chrono::nanoseconds> result;
  for (const auto& [id, each] : taps_)
    if (const auto due = each->last_read + unread; !result || due < *result)
      result = due;
  return result;
}

nlohmann::json to_json(const tapped& x) {
  static constexpr const char* kinds[] = {"bytes", "text", "json"};
  nlohmann::json result{{"number", x.number},
                        {"time_us", x.at},
                        {"from", x.from},
                        {"to", config::escape(x.to)},
                        {"receiver", x.receiver},
                        {"lane", wire::to_string(x.in)},
                        {"delivery", wire::to_string(x.how)},
                        {"content", kinds[static_cast<std::size_t>(x.kind)]},
                        {"sequence", x.sequence},
                        {"again", (x.flags & wire::again) != 0},
                        {"reply", (x.flags & wire::reply) != 0},
                        {"failed", (x.flags & wire::failed) != 0},
                        {"length", x.length}};
  if (config::is_utf8(x.payload))
    result["payload"] = x.payload;
  else
    result["payload_hex"] = to_hex(x.payload);
  return result;
}

} // namespace troupe::messaging
