// To the link or into the mailbox, and out of it.

#include "actors/messaging/hub_impl.hpp"
#include "messages/wire/compression.hpp"

#include <algorithm>

namespace troupe::messaging {

void hub::impl::place(peer& to, passing& m, bool has_a_place) {
  if (is_over(m)) {
    ++count.expired;
    return reject(m, code::expired, "its ttl has passed", &to);
  }
  if (m.again && to.listens() && resolve(to, m, nullptr))
    return;
  if (can_go(to, m))
    return transmit(to, m, nullptr);
  keep(to, parcel{m}, has_a_place);
}

/// Whether it may pass everything that waits: nothing of its lane does, and there is credit.
bool hub::impl::can_go(peer& to, const passing& m) {
  if (!to.listens() || (to.draining && !m.view.is(wire::reply)))
    return false;
  const auto lane = static_cast<std::size_t>(m.view.in);
  return to.box.waiting(m.view.in) == 0 && !to.box.spilled[lane].active()
         && to.link->windows[lane].takes(body_size(m.view)) && touch(*to.link).room > 0;
}

void hub::impl::count_sent(link_state& link, wire::lane in, std::size_t size) {
  link.room -= static_cast<std::int64_t>(size + wire::frame_overhead);
  link.windows[static_cast<std::size_t>(in)].send(size);
  ++link.sent.messages;
  link.sent.bytes += size;
  ++count.messages_out;
  count.bytes_out += size;
}

/// Nothing is to be noted or changed when it goes to somebody.
bool hub::impl::is_plain(const passing& m) const {
  return m.how() == wire::delivery::fire && !m.frame.empty() && !m.again && !m.asks()
         && m.expires.count() == 0 && !m.view.is(wire::sampled) && seen.idle();
}

/// A plain message goes straight to the link. False: that cannot be.
bool hub::impl::pass(peer& to, const passing& m) {
  if (!to.listens() || (m.view.is(wire::compressed) && !to.link->hello.zstd) || refuse(to, m)
      || !can_go(to, m))
    return false;
  to.link->out += m.frame.whole();
  count_sent(*to.link, m.view.in, m.frame.body().size());
  return true;
}

/// What goes as it was kept, with nothing to be noted of it. False: it is not of that kind.
bool hub::impl::forward(link_state& link, const parcel& what) {
  if (what.how != wire::delivery::fire || what.again || what.asks || what.expires.count() != 0
      || what.is(wire::sampled) || (what.is(wire::compressed) && !link.hello.zstd) || !seen.idle())
    return false;
  link.out += what.frame.whole();
  count_sent(link, what.in, what.body().size());
  return true;
}

/// `owned`: it was in the mailbox; its parcel is used up.
void hub::impl::transmit(peer& to, const passing& m, parcel* owned) {
  auto& link = *to.link;
  auto v = m.view;
  if (v.is(wire::compressed) && !link.hello.zstd) {
    auto plain = wire::decompress(v.payload, v.length);
    if (!plain) {
      reject(m, code::bad_message, "its payload is not what it says", &to);
      return;
    }
    unpacked = std::move(*plain);
    v.payload = unpacked;
    v.flags &= static_cast<std::uint8_t>(~wire::compressed);
  }
  if (m.again)
    v.flags |= wire::again;
  if (m.expires.count() != 0) {
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(m.expires - now).count();
    v.ttl = static_cast<std::uint32_t>(std::max<std::int64_t>(rest, 1));
  }
  if (v.how != wire::delivery::fire)
    v.tag = ++link.last_tag;
  const auto size = body_size(v);
  const bool as_kept = !m.frame.empty() && v.how == wire::delivery::fire && !m.again
                       && m.expires.count() == 0 && v.flags == m.view.flags;
  if (as_kept)
    link.out += m.frame.whole();
  else
    link.sums.append(link.out, v);
  record(m.view, m.again ? trace_step::redelivered : trace_step::delivered, to.name);
  if (!seen.idle())
    seen.see(v, to.name, now, port.wall());
  count_sent(link, v.in, size);
  if (m.asks())
    assign(m, &to);
  if (v.how == wire::delivery::fire)
    return;
  to.flights.push_back({v.tag, false, false, owned ? std::move(*owned) : parcel{m}});
  ++to.flying;
  count_in(to.flights.back().what);
}

void hub::impl::keep(peer& to, parcel what, bool has_a_place) {
  const bool room = to.box.has_room(what.cost()) && memory + what.cost() <= options.memory;
  if (goes_to_disk(to, what.in, room)) {
    if (fits_on_disk(to, what))
      return spill(to, std::move(what));
    if (what.row == 0) {
      ++to.rejected;
      return reject(what.open(), code::mailbox_full,
                    "the mailbox of " + to.name + " is full, on disk too", &to);
    }
  } else if (!has_a_place && !room && !make_room(to, what)) {
    const bool newest = to.box.bounds().when_full == config::overflow::drop_newest;
    ++(newest ? to.dropped : to.rejected);
    if (newest)
      ++count.dropped;
    return reject(what.open(), code::mailbox_full, "the mailbox of " + to.name + " is full", &to);
  }
  push(to, std::move(what));
}

/// To the end of its lane, whatever the bounds.
void hub::impl::push(peer& to, parcel what) {
  const auto lane = what.in;
  if (what.expires.count() != 0)
    to.ttl.set(clock, what.expires, due::ttl, to.id);
  if (!to.linked())
    to.grace.set(clock, to.unlinked + options.link_grace, due::grace, to.id);
  count_in(what);
  if (what.is(wire::sampled))
    record(what.open().view, trace_step::queued, to.name);
  to.box.push(std::move(what));
  press(to, to.box.lane(lane).back());
  if (!to.linked())
    return;
  touch(*to.link);
  if (reading && (to.box.messages() > crowd_messages || to.box.bytes() > crowd_bytes))
    reading->crowds = &to;
}

/// Drops the oldest of the weakest lane until the new one fits, if the mailbox is of that kind.
bool hub::impl::make_room(peer& to, const parcel& what) {
  if (to.box.bounds().when_full != config::overflow::drop_oldest
      || what.cost() > to.box.bounds().bytes)
    return false;
  parcel oldest;
  while (!to.box.has_room(what.cost()) || memory + what.cost() > options.memory) {
    if (!to.box.pop_weakest(what.in, oldest))
      return false;
    count_out(oldest);
    ++to.dropped;
    ++count.dropped;
    reject(oldest.open(), code::dropped, "the mailbox of " + to.name + " was full", &to);
  }
  return true;
}

/// To the front of its lane, whatever the bounds: it was in there before.
void hub::impl::put_back(peer& to, parcel what) {
  if (what.expires.count() != 0)
    to.ttl.set(clock, what.expires, due::ttl, to.id);
  count_in(what);
  to.box.push_front(std::move(what));
  if (to.linked())
    touch(*to.link);
}

/// As much of the mailbox as the link and its windows take.
void hub::impl::pump(peer& to) {
  if (!to.listens())
    return;
  auto& link = *to.link;
  while (link.room > 0) {
    const auto lane = to.box.choose([&](const parcel& first) {
      return (!to.draining || first.reply)
             && (link.windows[static_cast<std::size_t>(first.in)].takes(first.body().size())
                 || is_over(first));
    });
    if (lane == wire::lanes)
      break;
    auto what = to.box.pop(lane);
    count_out(what);
    if (forward(link, what))
      continue;
    const auto m = what.open();
    if (is_over(m)) {
      ++count.expired;
      ++to.dropped;
      reject(m, code::expired, "its ttl has passed", &to);
    } else if (!m.again || !resolve(to, m, &what)) {
      transmit(to, m, &what);
    }
  }
  for (std::size_t i = 0; i < wire::lanes; ++i)
    fetch(to, i);
  relax(to);
}

/// Whether the process has got it before, over an earlier link or from an earlier runtime; what
/// it handled is answered then, and what it handles waits for its word.
bool hub::impl::resolve(peer& to, const passing& m, parcel* owned) {
  if (to.link->known.empty() || m.how() == wire::delivery::fire)
    return false;
  const auto at = to.link->known.find(identity_of(m.view));
  if (at == to.link->known.end())
    return false;
  ++count.duplicates;
  if (m.asks())
    assign(m, &to);
  if (at->second) {
    complete(m, to);
    return true;
  }
  flight known{0, false, true, owned ? std::move(*owned) : parcel{m}};
  count_in(known.what);
  ++to.flying;
  to.flights.push_front(std::move(known));
  return true;
}

void hub::impl::press(peer& to, const parcel& from) {
  if (!to.box.pressing() || to.pressed.size() >= max_pressed)
    return;
  const auto m = from.open();
  auto* source = find(instance_of(m.view.from));
  if (!source || !source->linked())
    return;
  const auto same = [&](const pressed_sender& each) {
    return each.link == source->link->id && each.to == m.view.to;
  };
  if (std::any_of(to.pressed.begin(), to.pressed.end(), same))
    return;
  to.pressed.push_back({source->link->id, std::string{m.view.to}});
  control(*source->link, wire::frame_type::order,
          {{"op", "pressure"}, {"to", m.view.to}, {"on", true}});
}

/// Its other receivers wait with it, for no longer than `hold_for`.
void hub::impl::hold(link_state& from) {
  from.release.set(clock, now + hold_for, due::held, from.id);
  if (std::exchange(from.held, true))
    return;
  auto& known = from.crowds->holds;
  if (known.size() < max_pressed && std::find(known.begin(), known.end(), from.id) == known.end())
    known.push_back(from.id); // else it waits for its whole time
  port.hold(from.id, true);
}

void hub::impl::release(link_state& of) {
  if (std::exchange(of.held, false))
    port.hold(of.id, false);
}

void hub::impl::relax(peer& to) {
  if (!to.holds.empty() && to.box.messages() <= crowd_messages / 2
      && to.box.bytes() <= crowd_bytes / 2)
    for (const auto id : std::exchange(to.holds, {}))
      if (const auto at = links.find(id); at != links.end())
        release(*at->second);
  if (to.pressed.empty() || !to.box.relaxed())
    return;
  for (const auto& each : to.pressed)
    if (const auto at = links.find(each.link); at != links.end())
      control(*at->second, wire::frame_type::order,
              {{"op", "pressure"}, {"to", each.to}, {"on", false}});
  to.pressed.clear();
}

} // namespace troupe::messaging
