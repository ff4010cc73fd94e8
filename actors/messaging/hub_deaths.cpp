// The routing table changes, processes end.

#include "actors/messaging/hub_impl.hpp"

namespace troupe::messaging {

void hub::impl::set_routes(routes_ptr next) {
  if (!next)
    return;
  const auto before = routing.routes();
  routing.set_routes(next);
  desk.set_routes(next);
  ++table;
  options.fleet = next->fleet.empty() ? options.fleet : next->fleet;
  static const routing_table nothing;
  std::vector<peer*> changed;
  std::set<std::string> asked_of; // bots of which somebody may know what waits
  shared_map<route_ptr>::differences(
      before ? before->instances : nothing.instances, next->instances,
      [&](const std::string& name, const route_ptr*, const route_ptr* after) {
        if (!undecided.empty())
          asked_of.emplace(parse_address(name).bot);
        if (auto* who = find(name)) {
          change(*who, after ? *after : nullptr);
          changed.push_back(who);
        }
      });
  // Only now, when everybody is where he is: what goes back to a pool may go to any of these.
  for (auto* each : changed)
    settle(*each);
  for (const auto& bot : asked_of)
    redecide(bot);
  if (restored && !left.empty())
    place_restored();
  for (auto* each : changed)
    drop_idle(*each);
}

void hub::impl::change(peer& who, route_ptr to) {
  const auto before = std::move(who.where);
  who.where = std::move(to);
  who.removed = !who.where;
  const auto* where = who.where.get();
  if (where)
    who.box.set_bounds(where->spec->mailbox);
  const bool new_process =
      where && where->alive()
      && (!before || !before->alive() || before->incarnation != where->incarnation);
  if (new_process && !who.linked())
    who.unlinked = now;
  if (who.incarnation != 0 && has_ended(who)) {
    // The last that it has sent may still be on its way.
    if (who.link)
      clock.add(now + end_delay, due::ended, who.link->id);
    else
      end_process(who);
  }
  if (where && (!before || before->spec != where->spec)) {
    tell_config(who);
    if (!before || before->spec->may_subscribe != where->spec->may_subscribe)
      review_subscriptions(who);
  }
}

/// Whether the table says that the process that has linked is no more. One that the table does not
/// know yet lives.
bool hub::impl::has_ended(const peer& who) const {
  const auto* where = who.where.get();
  if (!where)
    return who.removed;
  return where->incarnation > who.incarnation
         || (where->incarnation == who.incarnation && !where->alive());
}

/// What it had and did not finish goes to somebody else or waits for its next process.
void hub::impl::end_process(peer& who) {
  const auto incarnation = who.incarnation;
  if (incarnation == 0)
    return;
  who.incarnation = 0;
  who.draining = false;
  who.unlinked = now;
  std::deque<flight> before;
  before.swap(who.flights);
  who.flying = 0;
  // Newest first: each goes to the front.
  for (auto each = before.rbegin(); each != before.rend(); ++each) {
    if (each->over)
      continue;
    count_out(each->what);
    redeliver(who, std::move(each->what), code::too_many_deliveries, who.name + " ended with it");
  }
  fail_requests(who, incarnation);
  who.asked.clear();
  if (who.sent.incarnation() == incarnation)
    who.sent.forget();
}

void hub::impl::settle(peer& who) {
  if (who.linked())
    touch(*who.link);
  purge(who);
  for (std::size_t i = 0; i < wire::lanes; ++i)
    fetch(who, i);
  const auto patience = who.unlinked + options.link_grace;
  if (!who.linked() && !who.box.empty() && now < patience)
    who.grace.set(clock, patience, due::grace, who.id);
}

/// Also on disk: else the next runtime would collect for it.
void hub::impl::end_subscriptions(const peer& who) {
  const auto end = [&](const std::string& pattern, bool durable) {
    if (durable)
      batch.unsubscribed.push_back({who.name, pattern});
  };
  for (const auto& pattern : topics.patterns_of(who.id))
    end(pattern, topics.durable(who.id, pattern));
  for (const auto& [pattern, durable] : who.suspended)
    end(pattern, durable);
}

/// One that the config does not have and that has nothing: nobody needs to know of it.
void hub::impl::drop_idle(peer& who) {
  if (!who.removed || who.link || !who.box.empty() || who.box.spilled_messages() != 0
      || who.flying != 0)
    return;
  end_subscriptions(who);
  topics.drop(who.id);
  by_id.erase(who.id);
  peers.erase(peers.find(who.name));
}

} // namespace troupe::messaging
