// Messages to `runtime/…`, and what services say by themselves.

#include "actors/messaging/hub_impl.hpp"
#include "messages/wire/compression.hpp"

namespace troupe::messaging {

void hub::impl::ask_service(passing& m, const address& to, peer& source) {
  if (!m.asks())
    return reject(m, code::bad_message, "a service takes requests only");
  std::string plain;
  service_request request;
  request.service = to.name;
  request.payload = m.view.payload;
  if (m.view.is(wire::compressed)) {
    auto text = wire::decompress(m.view.payload, m.view.length);
    if (!text)
      return reject(m, code::bad_message, "its payload is not what it says");
    plain = std::move(*text);
    request.payload = plain;
  }
  request.from = source.where.get();
  request.may = &may(source);
  request.watcher = source.id;
  if (!request.from)
    return reject(m, code::not_running, "the fleet does not have " + source.name + " yet");
  complete(m, source);
  // A view of its own: `m` is gone when the answer comes later.
  auto kept = std::make_shared<parcel>(m);
  desk.ask(request, [this, id = source.id, kept](const service_reply& reply) {
    const auto asked = kept->open();
    auto* asker = find(id);
    if (!asker || asker->sent.incarnation() != asked.view.incarnation
        || asker->asked.erase(asked.view.request) == 0)
      return;
    passing back;
    back.view.in = asked.view.in;
    back.view.flags = static_cast<std::uint8_t>(wire::reply | (reply.failed ? wire::failed : 0)
                                                | (asked.view.flags & wire::sampled));
    back.view.request = asked.view.request;
    back.view.trace = asked.view.trace;
    back.view.to = asked.view.from;
    back.view.from = asked.view.to;
    say(*asker, back, reply.payload);
  });
}

/// A `fire` message with JSON of the runtime itself.
void hub::impl::say(peer& to, passing& m, std::string_view payload) {
  m.taken = now;
  m.view.kind = wire::content::json;
  m.view.incarnation = options.epoch;
  m.view.sequence = ++own_messages;
  m.view.payload = payload;
  m.view.length = static_cast<std::uint32_t>(payload.size());
  if (payload.size() > wire::max_payload) {
    static constexpr std::string_view large =
        R"({"error": {"code": "full", "text": "the answer is too large"}})";
    m.view.flags |= wire::failed;
    m.view.payload = large;
    m.view.length = large.size();
  }
  send_to(to, m);
}

std::int64_t hub::impl::wall() const {
  return port.wall();
}

monotonic hub::impl::monotonic_now() const {
  return now;
}

void hub::impl::store(std::vector<state_entry> entries, std::function<void(std::string)> done) {
  auto kept = std::make_shared<queue_batch>();
  kept->entries = std::move(entries);
  port.store(kept, [at = handle(), done = std::move(done)](const std::string& trouble) {
    const auto hub = at.lock();
    if (!hub)
      return;
    turn scope{**hub};
    done(trouble);
  });
}

void hub::impl::tell_change(state_store::watcher who, const std::string& payload) {
  auto* to = find(who);
  if (!to || !to->linked())
    return;
  passing m;
  m.view.from = "runtime/state";
  m.view.to = state_topic;
  say(*to, m, payload);
}

/// Wakes the services and taps when they want it.
void hub::impl::schedule_services() {
  if (const auto next = desk.next_tick())
    service.set(clock, std::max(now + std::chrono::milliseconds{1}, from_wall(*next)), due::service,
                0);
  if (!seen.idle())
    if (const auto next = seen.next_tick())
      service.set(clock, std::max(now + std::chrono::milliseconds{1}, *next), due::service, 0);
}

} // namespace troupe::messaging
