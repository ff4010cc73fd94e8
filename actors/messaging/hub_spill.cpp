// What has no room in memory: to the queue's disk and back, lane by lane, in order.

#include "actors/messaging/hub_impl.hpp"

#include <algorithm>
#include <cstring>

namespace troupe::messaging {

namespace {

constexpr std::uint32_t fetch_messages = 256;
constexpr std::uint64_t fetch_bytes = 1u << 20;
/// A lane with fewer than this in memory is filled up.
constexpr std::size_t fetch_below = 64;
constexpr std::size_t flags_at = 2;
constexpr std::size_t tag_at = 32;

/// On disk the body carries the row of a durable message as its tag.
void write_row(std::string& body, std::uint64_t row) {
  std::memcpy(body.data() + tag_at, &row, sizeof row);
}

} // namespace

/// Of a lane of which anything is on disk, all that comes later is too.
bool hub::impl::goes_to_disk(const peer& to, wire::lane in, bool room) {
  return to.box.bounds().when_full == config::overflow::spill
         && (!room || to.box.spilled[static_cast<std::size_t>(in)].active());
}

/// `more`: bytes that may come there before it. What was accepted for good is in memory already.
bool hub::impl::fits_on_disk(const peer& to, const parcel& what, std::uint64_t more) const {
  return to.box.spilled_bytes() + more + what.body().size() <= to.box.bounds().spill
         && (what.row != 0 || memory + what.cost() <= options.memory);
}

void hub::impl::spill(peer& to, parcel what) {
  if (to.box.spilled_messages() == 0)
    port.drop_spilled(to.name); // of an earlier hub, or written too late
  auto& lane = to.box.spilled[static_cast<std::size_t>(what.in)];
  ++lane.messages;
  lane.bytes += what.body().size();
  ++count.spilled;
  press(to, what);
  spilled out;
  out.mailbox = to.name;
  out.lane = static_cast<std::uint8_t>(what.in);
  out.deliveries = what.deliveries;
  out.expires = to_wall(what.expires);
  out.body = what.body();
  if (what.again)
    out.body[flags_at] = static_cast<char>(out.body[flags_at] | wire::again);
  write_row(out.body, what.row);
  memory += out.body.size(); // until it is written
  spills.push_back(std::move(out));
}

void hub::impl::flush_spills() {
  if (spills.empty())
    return;
  auto sent = std::make_shared<const std::vector<spilled>>(std::move(spills));
  spills.clear();
  port.spill(sent, [at = handle(), sent](const std::string& trouble) {
    const auto hub = at.lock();
    if (!hub)
      return;
    turn scope{**hub};
    for (const auto& each : *sent)
      (*hub)->spill_written(each, trouble);
  });
}

void hub::impl::spill_written(const spilled& what, const std::string& trouble) {
  memory -= what.body.size();
  if (trouble.empty())
    return;
  ++count.queue_failures;
  auto* to = find(what.mailbox);
  if (to) {
    auto& lane = to->box.spilled[what.lane];
    if (lane.messages != 0) {
      --lane.messages;
      lane.bytes -= std::min<std::uint64_t>(lane.bytes, what.body.size());
    }
  }
  auto back = unspilled(what);
  if (to && back.row != 0) // it was accepted for good
    return push(*to, std::move(back));
  reject(back.open(), code::store_unavailable, trouble, to);
}

parcel hub::impl::unspilled(const spilled& from) const {
  passing m;
  if (wire::decode(from.body, m.view))
    return {};
  m.row = m.view.tag;
  m.view.tag = 0;
  m.again = m.view.is(wire::again);
  m.view.flags &= static_cast<std::uint8_t>(~wire::again);
  m.deliveries = from.deliveries;
  m.taken = now;
  m.expires = from_wall(from.expires);
  m.pooled = parse_address(m.view.to).what == address::kind::bot;
  return parcel{m};
}

/// Fills a lane up from the disk before it runs dry.
void hub::impl::fetch(peer& to, std::size_t lane) {
  auto& disk = to.box.spilled[lane];
  if (disk.messages == 0 || disk.fetching
      || to.box.waiting(static_cast<wire::lane>(lane)) >= fetch_below)
    return;
  disk.fetching = true;
  flush_spills(); // what is asked for has to be there
  port.unspill(to.name, static_cast<std::uint8_t>(lane), fetch_messages, fetch_bytes,
               [at = handle(), id = to.id, lane](const spill_list& list) {
                 const auto hub = at.lock();
                 if (!hub)
                   return;
                 turn scope{**hub};
                 if (auto* who = (*hub)->find(id))
                   (*hub)->fetched(*who, lane, list);
               });
}

void hub::impl::fetched(peer& to, std::size_t lane, const spill_list& list) {
  auto& disk = to.box.spilled[lane];
  disk.fetching = false;
  for (const auto& each : list.items) {
    disk.messages -= std::min<std::uint64_t>(disk.messages, 1);
    disk.bytes -= std::min<std::uint64_t>(disk.bytes, each.body.size());
    auto what = unspilled(each);
    if (what.frame.empty()) {
      ++count.spill_lost;
      continue;
    }
    if (what.expires.count() != 0)
      to.ttl.set(clock, what.expires, due::ttl, to.id);
    count_in(what);
    to.box.push(std::move(what));
  }
  if (list.items.empty() && disk.messages != 0) {
    if (list.trouble.empty()) {
      count.spill_lost += disk.messages;
      disk.messages = disk.bytes = 0;
    } else {
      ++count.queue_failures;
      to.grace.set(clock, now + std::chrono::seconds{1}, due::grace, to.id);
    }
    return;
  }
  settle(to);
}

} // namespace troupe::messaging
