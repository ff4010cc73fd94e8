#include "actors/commands/past.hpp"

#include "config/names.hpp"

#include <algorithm>

namespace troupe::commands {

namespace {

constexpr std::uint32_t page = 2000;

} // namespace

void walk(const request_ptr& r, const std::shared_ptr<event_walk>& what) {
  if (what->query.limit == event_query{}.limit)
    what->query.limit = page;
  r->self->request(r->all->journal, look_timeout, query_atom_v, what->query)
      .then(
          [r, what](event_list& found) {
            if (!found.trouble.empty())
              return r->refuse(store_unreadable(found.trouble));
            if (!found.items.empty()) {
              what->query.after = found.items.back().seq;
              what->each(found.items);
            }
            const auto count = found.items.size();
            what->most -= std::min(what->most, count);
            if (count < what->query.limit || what->most == 0 || what->query.last)
              return what->then();
            walk(r, what);
          },
          [r](caf::error& why) { r->broken("the journal", why); });
}

refusal store_unreadable(const std::string& why) {
  return {exit_code::failed, "store-unreadable", "what was kept cannot be read: " + why,
          "see to the state directory; the fleet runs on meanwhile"};
}

refusal bad_time(const std::string& text) {
  return {exit_code::usage, "bad-time", config::in_quotes(text) + " is no time",
          "write «10m» for ten minutes ago, or 2026-01-31T12:00:00Z"};
}

ledger_view_ptr shown_of(const ledger_view_ptr& view, const chosen& what) {
  return what.everything ? view : part_of(*view, {what.instances.begin(), what.instances.end()});
}

launches launches_of(const config::fleet_spec& fleet, const std::vector<instance_record>& records) {
  launches result;
  for (const auto& record : records)
    if (const auto bot = fleet.bots.find(record.bot);
        bot != fleet.bots.end() && record.index < bot->second->instances.size())
      result.push_back({record.name, record.incarnation, bot->second->instances[record.index]});
  return result;
}

} // namespace troupe::commands
