// A message comes from a bot: numbers, permissions, where it goes.

#include "actors/messaging/hub_impl.hpp"

#include <algorithm>

namespace troupe::messaging {

void hub::impl::on_message(link_state& from, std::string_view body) {
  passing m;
  auto& v = m.view;
  if (const char* problem = wire::decode(body, v))
    return fail(from, "bad_frame", problem);
  auto& who = *from.owner;
  ++from.in.messages;
  ++count.messages_in;
  const bool second = v.is(wire::again);
  if (second ? v.how == wire::delivery::fire || !who.sent.was_sent(v.in, v.sequence)
             : !who.sent.take(v.in, v.sequence))
    return fail(from, "bad_order",
                "a message has the number " + std::to_string(v.sequence) + " in "
                    + std::string{to_string(v.in)} + ", which is not the next");
  ++from.unreceipted;
  from.unreceipted_bytes += body.size();
  if (from.unreceipted > window_messages || from.unreceipted_bytes > window_bytes + wire::max_frame)
    return fail(from, "bad_order", "more was sent without a receipt than the window allows");
  want_receipt(from);

  v.flags &= static_cast<std::uint8_t>(~wire::again);
  v.incarnation = from.hello.incarnation;
  v.tag = 0;
  const bool full_name = v.from.empty();
  if (full_name) {
    v.from = who.name;
  } else {
    whole_from = who.name;
    whole_from += v.from;
    v.from = whole_from;
  }
  if (v.how != wire::delivery::fire) {
    if (second) {
      if (who.sent.find(v.in, v.sequence)) {
        ++count.duplicates;
        return;
      }
      if (const auto* end = who.sent.remembered_end(v.in, v.sequence)) {
        ++count.duplicates;
        return tell_sender(from, *end);
      }
    }
    if (who.sent.unresolved() >= max_unresolved)
      return fail(from, "bad_order", "more than 1024 messages have no outcome");
    who.sent.hold(v.in, v.sequence);
    m.past = m.again = second && who.sent.is_past(v.in, v.sequence);
  }
  m.taken = now;
  if (v.ttl != 0)
    m.expires = now + std::chrono::milliseconds{v.ttl};
  if (!full_name) {
    const auto sender_address = parse_address(v.from);
    if (v.from.size() > wire::max_address || sender_address.what != address::kind::instance
        || sender_address.actor.empty()) {
      v.from = who.name; // for those who read it
      return reject(m, code::bad_message, "`from` is no name of an actor");
    }
  }
  record(v, trace_step::taken, who.name);
  if (v.is(wire::reply))
    return route_reply(m, &who);
  if (v.request != 0 && !open(who, m))
    return;

  auto& last = from.last;
  if (last.table == table && last.to == v.to) {
    if (last.direct && !(last.pooled && m.past)) {
      m.pooled = last.pooled;
      return send_to(*last.direct, m);
    }
  } else {
    const auto to = parse_address(v.to);
    last.to = v.to;
    last.table = table;
    last.direct = nullptr;
    last.pooled = to.what == address::kind::bot;
    last.allowed = to.what != address::kind::none && may(who).may_send(to);
    if (last.allowed && to.what == address::kind::instance && routing.instance(to.name))
      last.direct = &peer_of(to.name);
    if (last.allowed && last.pooled)
      if (const auto* only = routing.only_member(to))
        last.direct = &peer_of(only->instance);
    if (last.direct && !last.pooled)
      return send_to(*last.direct, m);
  }
  const auto to = parse_address(v.to);
  if (to.what == address::kind::none)
    return reject(m, code::no_such_address, explain_address(v.to));
  if (!last.allowed)
    return reject(m, code::not_permitted, who.name + " " + may(who).describe_send());
  route(m, to, &who);
}

const permissions& hub::impl::may(peer& who) {
  if (who.where && who.where->spec != who.may_of) {
    who.may_of = who.where->spec;
    who.may = permissions{*who.may_of, who.where->group};
  }
  return who.may;
}

void hub::impl::route(passing& m, const address& to, peer* source) {
  switch (to.what) {
  case address::kind::instance:
  case address::kind::bot:
    return route_pool(m, to);
  case address::kind::group:
    return route_many(m, to, source);
  case address::kind::topic:
    return publish(m, to);
  case address::kind::service:
    if (source)
      return ask_service(m, to, *source);
    return shell_asks_service(m, to);
  case address::kind::none:
    return reject(m, code::no_such_address, "there is no service of that name");
  }
}

void hub::impl::route_pool(passing& m, const address& to, std::string_view not_this) {
  m.pooled = to.what == address::kind::bot;
  if (m.pooled && m.past && decide(m, to))
    return;
  m.past = false;
  const auto chosen = routing.pick(to, m.view.key, not_this);
  if (chosen)
    return send_to(peer_of(chosen.to->instance), m);
  // A link may be ahead of the routing table.
  if (auto* who = find(to.name); who && who->linked() && to.what == address::kind::instance)
    return send_to(*who, m);
  reject(m, chosen.code, chosen.text);
}

/// The parts that a message for several has; its outcome is known when they have all ended.
void hub::impl::set_parts(const passing& m, std::uint32_t parts) {
  if (auto* op = shell_of(m.view))
    op->parts = parts;
  else if (auto* source = find(instance_of(m.view.from));
           source && source->sent.incarnation() == m.view.incarnation)
    if (auto* held = source->sent.find(m.view.in, m.view.sequence))
      held->parts = parts;
}

void hub::impl::route_many(passing& m, const address& to, peer* source) {
  std::vector<peer*> receivers;
  const auto found = routing.each(
      to, source ? source->name : std::string_view{},
      [&](const messaging::route& each) { receivers.push_back(&peer_of(each.instance)); });
  if (receivers.empty()) {
    const auto why = found.code == code::accepted ? code::not_running : found.code;
    return reject(m, why, found.text.empty() ? "nobody else is there" : found.text);
  }
  set_parts(m, static_cast<std::uint32_t>(receivers.size()));
  send_to_all(receivers, m);
}

void hub::impl::send_to_all(const std::vector<peer*>& receivers, passing& m) {
  if (receivers.size() > 1)
    m.frame = kept_frame{m.view};
  const bool plain = is_plain(m) && !shell_of(m.view);
  for (auto* each : receivers) {
    if (plain && pass(*each, m))
      continue;
    auto part = m;
    send_to(*each, part);
  }
}

void hub::impl::publish(passing& m, const address& to) {
  if (m.how() == wire::delivery::assured || m.asks())
    return reject(m, code::bad_message, "to a topic a message is fire or durable, and no request");
  if (!valid_topic(to.name))
    return reject(m, code::no_such_address, explain_topic(to.name));
  if (!restored && m.how() == wire::delivery::durable)
    return wait_for_subscriptions(m);
  ++count.published;
  std::vector<peer*> receivers;
  topics.match(to.name, [&](topic_tree::subscriber id, bool durable) {
    auto* who = find(id);
    // One that the config does not have (any more) collects nothing.
    if (who && ((durable && who->where) || who->linked()))
      receivers.push_back(who);
  });
  if (receivers.empty())
    return answer(m, code::accepted, {}); // nobody listens, which is no fault
  set_parts(m, static_cast<std::uint32_t>(receivers.size()));
  send_to_all(receivers, m);
}

/// Who has a durable subscription is read from the queue.
void hub::impl::wait_for_subscriptions(const passing& m) {
  parcel what{m};
  if (memory + what.cost() > options.memory)
    return reject(m, code::mailbox_full, "there is no memory left until the queue was read");
  count_in(what);
  unpublished.push_back(std::move(what));
}

refusal hub::impl::refuse(const peer& to, const passing& m) const {
  if (stopping)
    return {code::stopping, "the fleet is being ended"};
  const bool reply = m.view.is(wire::reply);
  const auto* where = to.where.get();
  if (to.linked()) {
    // The table may lag behind the link: then only the link counts.
    const bool leaves =
        to.draining || (where && where->incarnation == to.incarnation && !where->takes());
    if (reply || !leaves)
      return {};
  } else if (where && (where->takes() || (reply && where->alive()))) {
    if (now - to.unlinked < options.link_grace)
      return {};
    return {code::not_linked, to.name + " runs and has not linked"};
  }
  const bool patient = m.how() != wire::delivery::fire && !m.asks();
  if (where && where->returns() && patient)
    return {};
  if (!where)
    return {code::no_such_address, "there is no " + to.name};
  return {code::not_running, to.name + " is " + std::string{to_string(where->now)}};
}

void hub::impl::send_to(peer& to, passing& m) {
  auto* op = shell_of(m.view);
  if (op) {
    ++op->receivers;
    op->by.push_back(to.name);
  }
  if (const auto no = refuse(to, m)) {
    if (op)
      op->by.pop_back();
    return reject(m, no.why, no.text, &to);
  }
  if (m.how() == wire::delivery::durable && m.row == 0)
    return commit(to, m);
  place(to, m);
}

/// A message that an earlier runtime may have delivered goes to the one who knows it. True: that
/// was done, or waits for those who have not told yet.
bool hub::impl::decide(passing& m, const address& to) {
  const auto* members = routing.routes() ? routing.routes()->bots.get(to.name) : nullptr;
  if (!members)
    return false;
  bool open_question = false;
  const auto key = identity_of(m.view);
  for (const auto& each : (*members)->members) {
    auto* who = find(each->instance);
    if (who && who->listens()) {
      if (who->link->known.contains(key)) {
        resolve(*who, m, nullptr);
        return true;
      }
    } else if (each->alive()) {
      open_question = true;
    }
  }
  const auto until = m.taken + options.link_grace;
  if (!open_question || until <= now)
    return false;
  undecided.emplace_back(m);
  count_in(undecided.back());
  wake_for(undecided.back());
  return true;
}

/// Some late ones cost nothing: ten times a second at most.
void hub::impl::wake_for(const parcel& waits) {
  auto until = waits.taken + options.link_grace;
  if (waits.expires.count() != 0)
    until = std::min(until, waits.expires);
  decision.set(clock, std::max(until, now + std::chrono::milliseconds{100}), due::undecided, 0);
}

/// When one of a bot links, of those to that bot; else of those whose time is over.
void hub::impl::redecide(std::string_view bot) {
  auto waiting = std::move(undecided);
  undecided.clear();
  for (auto& each : waiting) {
    auto m = each.open();
    const auto to = parse_address(m.view.to);
    const bool late = is_over(m) || m.taken + options.link_grace <= now;
    if (!late && to.name != bot) {
      wake_for(each);
      undecided.push_back(std::move(each));
      continue;
    }
    count_out(each);
    if (is_over(m))
      reject(m, code::expired, "nobody took it in time");
    else if (m.row == 0)
      route_pool(m, to);
    else if (!decide(m, to)) // it was accepted: nobody refuses it
      place_on_one(m);
  }
}

} // namespace troupe::messaging
