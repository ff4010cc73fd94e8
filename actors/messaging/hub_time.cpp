// Heartbeats, deadlines, receipts.

#include "actors/messaging/hub_impl.hpp"

#include <algorithm>

namespace troupe::messaging {

void hub::impl::tick() {
  while (const auto first = clock.take(now))
    on_due(*first);
}

void hub::impl::on_due(const timers::entry& what) {
  const auto link = [&]() -> link_state* {
    const auto at = links.find(what.id);
    return at == links.end() || at->second->ending ? nullptr : at->second.get();
  };
  switch (what.what) {
  case due::link:
    if (auto* of = link(); of && of->looked_at.rings(what.when))
      look_at(*of);
    return;
  case due::receipt:
    if (auto* of = link()) {
      of->receipt.at = {};
      if (of->unreceipted != 0) {
        of->receipt_due = true;
        touch(*of);
      }
    }
    return;
  case due::held:
    if (auto* of = link()) {
      of->release.at = {};
      release(*of);
    }
    return;
  case due::ended:
    if (auto* of = link(); of && has_ended(*of->owner)) {
      auto& who = *of->owner;
      fail(*of, "old_incarnation", "this process has ended");
      flush(*of);
      drop_idle(who);
    }
    return;
  case due::grace:
    if (auto* who = find(what.id); who && who->grace.rings(what.when))
      settle(*who);
    return;
  case due::requests:
    if (auto* who = find(what.id); who && who->requests.rings(what.when))
      expire_requests(*who);
    return;
  case due::ttl:
    if (auto* who = find(what.id); who && who->ttl.rings(what.when))
      expire(*who);
    return;
  case due::undecided:
    if (decision.rings(what.when))
      redecide({});
    return;
  case due::retry:
    if (retry.rings(what.when))
      write_again();
    return;
  case due::shell:
    return shell_due(what.id);
  case due::service:
    service.at = {};
    desk.tick();
    seen.tick(now);
    return;
  }
}

void hub::impl::heard(link_state& from) {
  from.heard = now;
  from.unanswered = 0;
  if (from.silent) {
    from.silent = false;
    notify(*from.owner, from.hello.incarnation, notice::kind::answers, "it answers again");
  }
}

/// Woken once a heartbeat at most, or when a frame that has begun should be whole.
void hub::impl::look_at(link_state& of) {
  if (of.frame_since.count() != 0 && now - of.frame_since >= frame_deadline)
    return fail(of, "too_slow", "a frame was not complete within 30 s");
  if (port.unsent(of.id) != 0 && now - of.progress >= stall_deadline)
    return fail(of, "too_slow", "it took nothing for 30 s");
  if (of.known_missing != 0 && now - of.heard >= frame_deadline)
    return fail(of, "bad_order", "what it knows was announced and did not come");
  if (!of.known.empty() && port.wall() - of.since > std::chrono::microseconds{known_for}.count()) {
    std::erase_if(of.known, [](const auto& each) { return each.second; });
    if (of.known.empty())
      of.known = {};
  }
  const auto last = std::max(of.heard, of.pinged);
  if (now - last >= options.heartbeat) {
    if (of.unanswered >= heartbeats_missed && !of.silent) {
      of.silent = true;
      notify(*of.owner, of.hello.incarnation, notice::kind::silent,
             "three heartbeats were not answered");
    }
    touch(of);
    of.pinged = now;
    ++of.unanswered;
    // What it does not read need not be asked twice.
    if (of.room > 0)
      wire::append_frame(of.out, wire::frame_type::ping, std::string_view{"troupe\0\0", 8});
  }
  auto next = std::max(of.heard, of.pinged) + options.heartbeat;
  if (of.frame_since.count() != 0)
    next = std::min(next, of.frame_since + frame_deadline);
  if (port.unsent(of.id) != 0)
    next = std::min(next, of.progress + stall_deadline);
  of.looked_at.set(clock, next, due::link, of.id);
}

void hub::impl::want_receipt(link_state& from) {
  if (from.unreceipted >= receipt_after || from.unreceipted_bytes >= window_bytes / 4)
    touch(from);
  else if (from.receipt.at.count() == 0)
    from.receipt.set(clock, now + receipt_delay, due::receipt, from.id);
}

/// Looks through a mailbox some of whose messages have a deadline, ten times a second at most.
void hub::impl::expire(peer& of) {
  for (const auto& each : of.box.extract([&](const parcel& what) { return is_over(what); })) {
    count_out(each);
    ++count.expired;
    ++of.dropped;
    reject(each.open(), code::expired, "its ttl has passed", &of);
  }
  if (const auto next = of.box.earliest(); next.count() != 0)
    of.ttl.set(clock, std::max(next, now + std::chrono::milliseconds{100}), due::ttl, of.id);
  if (of.linked())
    touch(*of.link);
  relax(of);
}

} // namespace troupe::messaging
