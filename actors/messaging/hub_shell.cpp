// Messages of shells: `send`, `publish` and `request` of `ask`.

#include "actors/messaging/hub_impl.hpp"
#include "actors/messaging/shell_json.hpp"
#include "messages/wire/compression.hpp"

#include <random>

namespace troupe::messaging {

namespace {

constexpr std::size_t max_waiting = 256;
constexpr std::size_t max_named = 20;

} // namespace

void hub::impl::shell_send(const std::string& operation, const json& in, shell_answer give) {
  if (stopping)
    return give(shell_error("stopping", "the fleet is being ended"));
  if (!routing.routes() || !restored)
    return give(shell_error("starting", "the hub does not know the fleet or the queue yet"));
  if (shells.size() >= max_waiting)
    return give(shell_error("too_many", "256 operations wait"));
  passing m;
  std::string to, key, payload;
  try {
    read_message(operation, in, m.view, to, key, payload);
    if (operation == "publish" && parse_address(to).what == address::kind::none)
      throw bad_argument{explain_address(to)};
    shell_op op;
    op.request = operation == "request";
    op.how = m.view.how;
    op.until = now + std::chrono::milliseconds{number_in(in, "wait_ms", 5000, 0, 3'600'000)};
    if (op.request)
      m.view.ttl = static_cast<std::uint32_t>(
          std::chrono::duration_cast<std::chrono::milliseconds>(op.until - now).count());
    op.give = std::move(give);
    shell_route(m, to, key, payload, std::move(op));
  } catch (const bad_argument& wrong) {
    give(shell_error("bad_arguments", wrong.what()));
  }
}

void hub::impl::shell_route(passing& m, const std::string& to, const std::string& key,
                            const std::string& payload, shell_op op, std::uint32_t length) {
  static std::mt19937_64 random{std::random_device{}()};
  auto& v = m.view;
  v.to = to;
  v.from = "runtime/shell";
  v.key = key;
  v.payload = payload;
  v.length = length != 0 ? length : static_cast<std::uint32_t>(payload.size());
  v.incarnation = options.epoch;
  v.sequence = ++own_messages;
  v.flags |= wire::sampled;
  if (v.trace == decltype(v.trace){})
    for (auto& each : v.trace)
      each = static_cast<std::uint8_t>(random());
  for (auto& each : v.span)
    each = static_cast<std::uint8_t>(random());
  if (op.request)
    v.request = v.sequence;
  m.taken = now;
  if (v.ttl != 0)
    m.expires = now + std::chrono::milliseconds{v.ttl};
  op.since = now;
  op.trace = v.trace;
  const auto number = v.sequence;
  shells.emplace(number, std::move(op));
  record(v, trace_step::taken, {});
  const auto target = parse_address(to);
  if (target.what == address::kind::none)
    reject(m, code::no_such_address, explain_address(to));
  else
    route(m, target, nullptr);
  const auto at = shells.find(number);
  if (at == shells.end())
    return;
  if (at->second.how == wire::delivery::fire && !at->second.request)
    return shell_finish(number, "accepted");
  clock.add(at->second.until, due::shell, number);
}

shell_op* hub::impl::shell_of(const wire::message_view& of) {
  if (shells.empty() || of.from != "runtime/shell" || of.incarnation != options.epoch)
    return nullptr;
  const auto at = shells.find(of.sequence);
  return at == shells.end() ? nullptr : &at->second;
}

/// One part of a shell's message has ended.
void hub::impl::shell_part(const passing& m, code what, std::string_view text) {
  const auto at = shells.find(m.view.sequence);
  if (at == shells.end() || m.view.incarnation != options.epoch)
    return;
  auto& op = at->second;
  if (what >= code::no_such_address) {
    op.last = what;
    op.text = text;
    if (op.receivers != 0)
      --op.receivers;
  } else {
    op.good = true;
  }
  if (++op.ended < op.parts)
    return;
  if (!op.good)
    return shell_fail(m.view.sequence, op.last, op.text);
  if (!op.request)
    shell_finish(m.view.sequence, to_string(what < code::no_such_address ? what : code::accepted));
}

void hub::impl::shell_finish(std::uint64_t number, const std::string& outcome) {
  auto op = std::move(shells.extract(number).mapped());
  json by = json::array();
  for (const auto& each : op.by)
    if (by.size() < max_named)
      by.push_back(each);
  op.give({{"ok",
            {{"outcome", outcome},
             {"by", std::move(by)},
             {"receivers", op.receivers},
             {"trace", hex(op.trace)}}}});
}

void hub::impl::shell_fail(std::uint64_t number, code why, std::string text) {
  auto op = std::move(shells.extract(number).mapped());
  op.give(shell_error(to_string(why), text));
}

void hub::impl::shell_due(std::uint64_t number) {
  const auto at = shells.find(number);
  if (at == shells.end())
    return;
  if (at->second.request)
    return shell_fail(number, code::expired, "nobody answered in time");
  shell_finish(number, "waiting");
}

void hub::impl::shell_reply(const passing& m, const peer* source) {
  const auto at = shells.find(m.view.request);
  if (at == shells.end() || !at->second.request || !source)
    return reject(m, code::expired, "nobody waits for this reply");
  complete(m, *source);
  std::string payload{m.view.payload};
  if (m.view.is(wire::compressed))
    if (auto plain = wire::decompress(m.view.payload, m.view.length))
      payload = std::move(*plain);
  shell_answered(m.view.request, source->name, m.view.kind, payload, m.view.is(wire::failed));
}

void hub::impl::shell_asks_service(const passing& m, const address& to) {
  const auto number = m.view.sequence;
  if (!m.asks())
    return reject(m, code::bad_message, "a service takes requests only");
  service_request request;
  request.service = to.name;
  request.payload = m.view.payload;
  desk.ask(request, [this, number, by = std::string{m.view.to}](const service_reply& reply) {
    shell_answered(number, by, wire::content::json, reply.payload, reply.failed);
  });
}

void hub::impl::shell_answered(std::uint64_t number, std::string_view by, wire::content kind,
                               const std::string& payload, bool failed) {
  const auto at = shells.find(number);
  if (at == shells.end())
    return; // it has not waited so long
  auto op = std::move(shells.extract(at).mapped());
  json ok{{"by", by},
          {"content", name_of(kind)},
          {"payload_bytes", payload.size()},
          {"failed", failed},
          {"took_s", std::chrono::duration<double>(now - op.since).count()},
          {"trace", hex(op.trace)}};
  put_payload(ok, payload, payload.size());
  op.give({{"ok", std::move(ok)}});
}

} // namespace troupe::messaging
