// Who waits for a reply.

#include "actors/messaging/hub_impl.hpp"

#include <algorithm>

namespace troupe::messaging {

/// Notes that somebody asks; false: it was rejected.
bool hub::impl::open(peer& by, const passing& m) {
  if (by.asked.size() >= max_requests)
    expire_requests(by);
  if (by.asked.size() >= max_requests && !by.asked.contains(m.view.request)) {
    // Not by `reject`, which would close one that has the same number.
    answer(m, code::mailbox_full, "4096 requests are open");
    return false;
  }
  auto& entry = by.asked[m.view.request];
  entry = {m.view.in, m.view.sequence, m.expires, 0, 0, false};
  const auto kind = parse_address(m.view.to).what;
  entry.many = kind == address::kind::group;
  if (m.expires.count() != 0)
    by.requests.set(clock, m.expires, due::requests, by.id);
  return true;
}

namespace {

open_request* entry_of(peer* asker, const passing& m) {
  if (!asker || asker->sent.incarnation() != m.view.incarnation)
    return nullptr;
  const auto at = asker->asked.find(m.view.request);
  if (at == asker->asked.end() || at->second.in != m.view.in
      || at->second.sequence != m.view.sequence)
    return nullptr;
  return &at->second;
}

} // namespace

/// `to` has it now; null: nobody.
void hub::impl::assign(const passing& m, const peer* to) {
  if (!m.asks())
    return;
  if (auto* op = shell_of(m.view)) {
    op->has_it = to ? to->id : 0;
    return;
  }
  if (auto* entry = entry_of(find(instance_of(m.view.from)), m)) {
    entry->by = to ? to->id : 0;
    entry->by_incarnation = to ? to->incarnation : 0;
  }
}

void hub::impl::close(const passing& m) {
  auto* asker = find(instance_of(m.view.from));
  if (auto* entry = entry_of(asker, m); entry && !entry->many)
    asker->asked.erase(m.view.request);
}

void hub::impl::route_reply(passing& m, peer* source) {
  record(m.view, trace_step::replied, m.view.to);
  if (m.view.to == "runtime/shell")
    return shell_reply(m, source);
  auto* asker = find(instance_of(m.view.to));
  if (asker) {
    const auto at = asker->asked.find(m.view.request);
    const bool open =
        at != asker->asked.end()
        && (at->second.many || at->second.by == 0 || (source && at->second.by == source->id));
    // What an earlier runtime knew of a request is gone; the asker ignores what it did not ask.
    const bool past = m.past && at == asker->asked.end();
    if (open || past) {
      if (open)
        asker->asked.erase(at);
      m.past = false;
      return send_to(*asker, m);
    }
  }
  reject(m, code::expired, "nobody waits for this reply");
}

/// A process has ended: those who wait for it learn it at once. What is redelivered has been
/// taken from it before.
void hub::impl::fail_requests(peer& of, std::uint64_t incarnation) {
  std::vector<std::uint64_t> of_shells;
  for (const auto& [number, op] : shells)
    if (op.has_it == of.id)
      of_shells.push_back(number);
  for (const auto number : of_shells)
    shell_fail(number, code::receiver_died, of.name + " ended before it replied");
  for (auto& [name, asker] : peers) {
    for (auto at = asker->asked.begin(); at != asker->asked.end();) {
      const auto& entry = at->second;
      if (entry.by != of.id || entry.by_incarnation != incarnation || entry.many) {
        ++at;
        continue;
      }
      if (asker->link)
        tell_sender(*asker->link, {entry.in, code::receiver_died, entry.sequence,
                                   of.name + " ended before it replied"});
      at = asker->asked.erase(at);
    }
  }
}

void hub::impl::expire_requests(peer& of) {
  monotonic next{};
  std::erase_if(of.asked, [&](const auto& each) {
    const auto expires = each.second.expires;
    if (expires.count() == 0)
      return false;
    if (expires <= now)
      return true;
    next = next.count() == 0 ? expires : std::min(next, expires);
    return false;
  });
  // Not for each of them: some late ones cost nothing.
  if (next.count() != 0)
    of.requests.set(clock, std::max(next, now + std::chrono::milliseconds{100}), due::requests,
                    of.id);
}

} // namespace troupe::messaging
