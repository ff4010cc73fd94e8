// Commits, and what an earlier runtime left.

#include "actors/messaging/hub_impl.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

namespace troupe::messaging {

namespace {

/// What the queue did not take and is told again; of what is beyond, messages are delivered again
/// by the next runtime, marked, and letters of what was never accepted are lost.
constexpr std::size_t max_unfinished = 65'536;
constexpr std::size_t max_unwritten_letters = 4096;
constexpr std::size_t max_unwritten_bytes = 16u << 20;
constexpr std::chrono::seconds retry_after{1};

} // namespace

monotonic hub::impl::from_wall(std::int64_t expires) const {
  if (expires == 0)
    return {};
  const auto rest = std::chrono::microseconds{expires - port.wall()};
  return std::max(monotonic{1}, now + std::chrono::duration_cast<monotonic>(rest));
}

std::int64_t hub::impl::to_wall(monotonic expires) const {
  if (expires.count() == 0)
    return 0;
  return port.wall() + std::chrono::duration_cast<std::chrono::microseconds>(expires - now).count();
}

/// Whether an earlier runtime has put it on disk, and its sender did not hear of that.
bool hub::impl::is_kept(const passing& m) {
  if (!m.again)
    return false;
  const auto* source = find(instance_of(m.view.from));
  return source && source->sent.incarnation() == m.view.incarnation
         && source->sent.remembered_end(m.view.in, m.view.sequence);
}

/// Its place in the mailbox is kept meanwhile, so that nothing that is on disk is refused.
void hub::impl::commit(peer& to, passing& m) {
  if (is_kept(m)) {
    ++count.duplicates;
    return answer(m, code::accepted, {});
  }
  parcel what{m};
  const bool room = to.box.has_room(what.cost()) && memory + what.cost() <= options.memory;
  if (goes_to_disk(to, what.in, room)) {
    if (!fits_on_disk(to, what, to.box.reserved_bytes())) {
      ++to.rejected;
      return reject(m, code::mailbox_full, "the mailbox of " + to.name + " is full, on disk too",
                    &to);
    }
  } else if (!room && !make_room(to, what)) {
    ++to.rejected;
    return reject(m, code::mailbox_full, "the mailbox of " + to.name + " is full", &to);
  }
  to.box.reserve(what.cost());
  count_in(what);
  if (!restored) {
    early.push_back({to.id, std::move(what)});
    return;
  }
  what.row = ++last_row;
  stored_message kept;
  kept.row = what.row;
  kept.target = what.pooled ? std::string{parse_address(m.view.to).name} : to.name;
  kept.expires = to_wall(what.expires);
  kept.body = what.body();
  batch.accepted.push_back(std::move(kept));
  commits.push_back({to.id, std::move(what)});
}

void hub::impl::flush_store() {
  if (batch.empty())
    return;
  auto sent = std::make_shared<const queue_batch>(std::move(batch));
  batch = {};
  auto waiting = std::make_shared<const std::vector<pending_commit>>(std::move(commits));
  commits.clear();
  port.store(sent, [at = handle(), sent, waiting](const std::string& trouble) {
    const auto hub = at.lock();
    if (!hub)
      return;
    auto& core = **hub;
    turn scope{core};
    for (const auto& each : *waiting)
      core.committed(each.peer, each.what, trouble);
    if (!trouble.empty())
      core.not_written(*sent);
  });
}

/// Kept to be told again: ends, letters and subscriptions. A message does not end before its letter
/// is written. And what the queue is too late with it may commit all the same: its sender was told
/// that it is not kept, so it ends.
void hub::impl::not_written(const queue_batch& sent) {
  ++count.queue_failures;
  std::unordered_set<std::uint64_t> waiting;
  for (const auto& each : sent.dead) {
    if (unwritten.dead.size() < max_unwritten_letters
        && unwritten_bytes + each.body.size() <= max_unwritten_bytes) {
      unwritten_bytes += each.body.size();
      unwritten.dead.push_back(each);
    } else {
      ++count.dead_not_kept;
      waiting.insert(each.row);
    }
  }
  auto& ended = unwritten.finished;
  for (const auto row : sent.finished)
    if (ended.size() < max_unfinished && !waiting.contains(row))
      ended.push_back(row);
  for (const auto& each : sent.accepted)
    if (ended.size() < max_unfinished)
      ended.push_back(each.row);
  for (const auto& each : sent.unsubscribed)
    if (unwritten.unsubscribed.size() < max_unfinished)
      unwritten.unsubscribed.push_back(each);
  if (!unwritten.empty())
    retry.set(clock, now + retry_after, due::retry, 0);
}

void hub::impl::write_again() {
  const auto add = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  // It may have subscribed anew since.
  std::erase_if(unwritten.unsubscribed, [this](const stored_subscription& each) {
    const auto* who = find(each.instance);
    return who && is_durable(*who, each.pattern);
  });
  add(batch.finished, unwritten.finished);
  add(batch.dead, unwritten.dead);
  add(batch.unsubscribed, unwritten.unsubscribed);
  unwritten = {};
  unwritten_bytes = 0;
}

void hub::impl::committed(std::uint64_t id, const parcel& what, const std::string& trouble) {
  count_out(what);
  auto* to = find(id);
  if (to)
    to->box.release(what.cost());
  auto m = what.open();
  if (!trouble.empty()) {
    m.row = 0;
    return reject(m, code::store_unavailable, trouble, to);
  }
  answer(m, code::accepted, {});
  if (!to)
    return bury(m, code::no_such_address, "its receiver is no more", m.view.to);
  place(*to, m, true);
}

/// The bounds of mailboxes do not hold for what is there: it was accepted.
void hub::impl::restore(const queue_contents& from) {
  if (restored)
    return;
  restored = true;
  last_row = std::max(last_row, from.last_row);
  desk.restore(from, options.epoch);
  for (const auto& each : from.subscriptions)
    topics.subscribe(peer_of(each.instance).id, each.pattern, true);
  for (const auto& each : from.messages) {
    passing m;
    if (wire::decode(each.body, m.view)) {
      ++count.spill_lost;
      continue;
    }
    m.row = each.row;
    m.deliveries = each.deliveries;
    m.taken = now;
    m.expires = from_wall(each.expires);
    m.again = true;
    m.pooled = parse_address(m.view.to).what == address::kind::bot;
    m.past = m.pooled;
    peer_of(instance_of(m.view.from)).sent.recall(m.view.incarnation, m.view);
    left.emplace_back(each.target, parcel{m});
    count_in(left.back().second);
  }
  auto waiting = std::move(early);
  early.clear();
  for (auto& each : waiting) {
    auto* to = find(each.peer);
    count_out(each.what);
    if (to)
      to->box.release(each.what.cost());
    auto m = each.what.open();
    if (to)
      send_to(*to, m);
    else
      reject(m, code::no_such_address, "its receiver is no more");
  }
  for (auto& each : std::exchange(unpublished, {})) {
    count_out(each);
    auto m = each.open();
    publish(m, parse_address(m.view.to));
  }
  if (routing.routes())
    place_restored();
}

void hub::impl::place_restored() {
  auto all = std::move(left);
  left.clear();
  for (auto& [target, what] : all) {
    count_out(what);
    auto m = what.open();
    m.taken = now;
    if (m.pooled) {
      if (!decide(m, parse_address(m.view.to)))
        place_on_one(m);
      continue;
    }
    auto& to = peer_of(target);
    if (to.where || to.linked())
      place(to, m, true);
    else
      bury(m, code::no_such_address, "the fleet has no " + target + " any more", target);
  }
}

/// A message that is kept for a bot: whoever is there gets it, or it waits for the first instance.
void hub::impl::place_on_one(passing& m) {
  const auto to = parse_address(m.view.to);
  if (const auto chosen = routing.pick(to, m.view.key))
    return place(peer_of(chosen.to->instance), m, true);
  const auto name = to.name;
  const auto* members = routing.routes() ? routing.routes()->bots.get(name) : nullptr;
  if (!members || (*members)->members.empty())
    return bury(m, code::no_such_address, "the fleet has no such bot any more", name);
  place(peer_of((*members)->members.front()->instance), m, true);
}

} // namespace troupe::messaging
