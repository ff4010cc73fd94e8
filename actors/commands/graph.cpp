// `graph`: reads when everything came up.

#include "actors/commands/graph.hpp"

#include "actors/commands/past.hpp"

#include <algorithm>

namespace troupe::commands {

void handle_graph(const request_ptr& r) {
  selection what;
  bool dot = false; // the client's affair
  if (!r->get(what) || !r->get("dot", dot))
    return;
  r->with_targets(
      what, [r](const config::spec_ptr& spec, const ledger_view_ptr& view, const chosen& targets) {
        std::set<std::string> bots;
        for (const auto& instance : targets.instances)
          bots.insert(instance.substr(0, instance.find('#')));
        const auto all = with_conditions(*spec, bots);
        std::int64_t since = now_micros();
        for (const auto& record : view->records)
          if (record.started > 0 && all.contains(record.bot))
            since = std::min(since, record.started);
        constexpr std::int64_t longest_wait = 600'000'000; ///< before a start, that is looked at
        auto risen = std::make_shared<rises>();
        auto read = std::make_shared<event_walk>();
        read->query.since = since - longest_wait;
        read->each = [risen](const std::vector<transition>& events) {
          for (const auto& each : events)
            risen->note(each);
        };
        read->then = [=, everything = targets.everything] {
          r->answer(graph_document({*spec, *view, *risen, bots, everything}));
        };
        walk(r, read);
      });
}

} // namespace troupe::commands
