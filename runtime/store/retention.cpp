#include "runtime/store/retention.hpp"

#include "runtime/store/statement.hpp"

#include <algorithm>
#include <set>
#include <string_view>

namespace troupe::store {

namespace {

// Deleted at a time, so that no transaction becomes long; also how far a table may
// pass its bound before that is worth a statement.
constexpr std::uint64_t slice = 1000;

// Up to where rows are to go from a table that has those from `first` to `last`; 0: none.
std::uint64_t beyond(std::uint64_t first, std::uint64_t last, std::uint64_t keep,
                     std::uint64_t added) {
  if (first == 0 || last < first || last - first < keep + slice)
    return 0;
  return std::min(last - keep, first + slice + added);
}

void drop_events(connection& db, const options& bounds, const journal_batch& batch,
                 std::uint64_t last, extent& held) {
  if (held.first_event == 0 && !batch.transitions.empty())
    held.first_event = batch.transitions.front().seq;
  const auto until = beyond(held.first_event, last, bounds.events, batch.transitions.size());
  if (until == 0)
    return;
  run(db, "DELETE FROM events WHERE seq <= ?", until);
  held.first_event = until + 1;
}

void drop_deaths(connection& db, const options& bounds, const journal_batch& batch, extent& held) {
  std::set<std::string_view> died;
  for (const auto& x : batch.deaths)
    died.insert(x.instance);
  for (auto name : died)
    run(db,
        "DELETE FROM deaths WHERE instance = ?1 AND incarnation <= (SELECT incarnation FROM"
        " deaths WHERE instance = ?1 ORDER BY incarnation DESC LIMIT 1 OFFSET ?2)",
        name, bounds.deaths_each);
  held.new_deaths += batch.deaths.size();
  if (held.new_deaths <= slice)
    return;
  held.new_deaths = 0;
  const auto count = static_cast<std::uint64_t>(number(db, "SELECT count(*) FROM deaths"));
  if (count > bounds.deaths)
    run(db, "DELETE FROM deaths WHERE id IN (SELECT id FROM deaths ORDER BY id LIMIT ?)",
        std::min(count - bounds.deaths, slice + batch.deaths.size()));
}

void drop_audits(connection& db, const options& bounds, const journal_batch& batch,
                 const chain_end& before, chain_end& now, extent& held, std::int64_t time) {
  const auto added = batch.audits.size();
  if (held.first_link == 0 && added > 0)
    held.first_link = before.seq + 1;
  auto bytes = held.audit_bytes;
  if (added > 0)
    bytes += bytes_of_links(db.database(), now.seq - added, now.seq);
  auto until = beyond(held.first_link, now.seq, bounds.audits, added);
  if (bytes > bounds.audit_bytes) {
    bytes = bytes_of_links(db.database(), 0, now.seq); // rows may have gone without us
    until = std::max(
        until, links_beyond(db.database(), bytes, bounds.audit_bytes, slice + added, now.seq));
  }
  if (until != 0) {
    bytes -= std::min(bytes, bytes_of_links(db.database(), 0, until));
    drop_links(db.database(), now, until, time);
    held.first_link = until + 1;
  }
  if (bytes == held.audit_bytes)
    return;
  held.audit_bytes = bytes;
  set_meta(db, "audit_bytes", bytes);
}

} // namespace

extent measure(connection& db) {
  extent result;
  result.first_event = static_cast<std::uint64_t>(number(db, "SELECT min(seq) FROM events"));
  result.first_link = static_cast<std::uint64_t>(number(db, "SELECT min(seq) FROM audit"));
  result.audit_bytes = meta(db, "audit_bytes");
  if (result.audit_bytes == 0) // of an earlier Troupe
    result.audit_bytes = bytes_of_links(db.database(), 0, std::uint64_t{1} << 62);
  return result;
}

void drop_old(connection& db, const options& bounds, const journal_batch& batch, const ends& before,
              ends& now, extent& held, std::int64_t time) {
  drop_events(db, bounds, batch, now.last_seq, held);
  drop_deaths(db, bounds, batch, held);
  drop_audits(db, bounds, batch, before.chain, now.chain, held, time);
}

} // namespace troupe::store
