#include "actors/commands/stats.hpp"

#include "actors/commands/past.hpp"

#include <algorithm>
#include <array>

namespace troupe::commands {

namespace {

constexpr std::int64_t minute = 60'000'000;
constexpr std::size_t times_kept = 100;
/// Of so many instances the kept deaths are read too; each may have 4 KiB of output.
constexpr std::size_t few = 64;
constexpr std::uint32_t deaths_kept = 100;

struct gathered {
  config::spec_ptr spec;
  ledger_view_ptr view;
  fleet_history past;
  std::map<std::string, usage> sampled;
  std::map<std::string, death_sum> dead;
  std::vector<std::string> unread; ///< whose deaths are still to be read
  bool whole = false;
};

using gathered_ptr = std::shared_ptr<gathered>;

json fleet_row(const request& r, const gathered& all, const figures& launcher,
               const figures& ledger, const figures& journal) {
  json result;
  result["name"] = all.spec->name;
  result["uptime_s"] = seconds(now_micros() - r.self->state.started);
  std::map<std::string, std::size_t> states;
  for (const auto& record : all.view->records)
    ++states[std::string{troupe::to_string(record.now)}];
  result["states"] = states;
  result["starts_per_s"] = static_cast<double>(all.past.recent_starts.size()) / 60;
  result["restarts_per_s"] = static_cast<double>(all.past.recent_restarts.size()) / 60;
  result["events_read"] = all.past.events;
  result["events_since"] = time_or_null(all.past.first);
  const auto add = [&](const char* under, const figures& from) {
    auto& into = result[under] = json::object();
    for (const auto& [name, value] : from.of)
      if (const auto whole = static_cast<std::int64_t>(value); static_cast<double>(whole) == value)
        into[name] = whole;
      else
        into[name] = value;
  };
  add("machine", launcher);
  add("ledger", ledger);
  add("journal", journal);
  return result;
}

void answer(const request_ptr& r, const gathered_ptr& all, json fleet) {
  auto result = new_document();
  result["fleet"] = std::move(fleet);
  auto& rows = result["instances"] = json::array();
  for (const auto& record : all->view->records) {
    const auto sampled = all->sampled.find(record.name);
    const auto dead = all->dead.find(record.name);
    rows.push_back(stats_row(record, all->past.of[record.name],
                             sampled == all->sampled.end() ? nullptr : &sampled->second,
                             dead == all->dead.end() ? nullptr : &dead->second, now_micros()));
  }
  r->answer(result);
}

void finish(const request_ptr& r, const gathered_ptr& all) {
  if (!all->whole)
    return answer(r, all, nullptr);
  with_figures(r, [r, all](const figures& launcher, const figures& ledger, const figures& journal) {
    answer(r, all, fleet_row(*r, *all, launcher, ledger, journal));
  });
}

void read_deaths(const request_ptr& r, const gathered_ptr& all) {
  if (all->unread.empty())
    return finish(r, all);
  auto name = std::move(all->unread.back());
  all->unread.pop_back();
  r->self->request(r->all->journal, look_timeout, deaths_atom_v, name, deaths_kept)
      .then(
          [r, all, name](const death_list& deaths) {
            if (deaths.items.empty())
              return read_deaths(r, all);
            auto& sum = all->dead[name];
            for (const auto& each : deaths.items) {
              sum.cpu_time += each.cpu_time;
              sum.max_memory = std::max(sum.max_memory, each.max_memory);
            }
            read_deaths(r, all);
          },
          [r](caf::error& why) { r->broken("the journal", why); });
}

} // namespace

std::string kind_of_end(std::string_view cause) {
  for (const std::string_view begin : {"killed by ", "exited with "})
    if (cause.starts_with(begin)) {
      const auto rest = cause.substr(begin.size());
      return std::string{rest.substr(0, std::min(rest.find(" after "), rest.size()))};
    }
  return cause.starts_with("spawn-failed") ? "could not start" : "not seen";
}

void fleet_history::note(const transition& e) {
  ++events;
  if (first == 0)
    first = e.time;
  if (e.instance == config_subject)
    return;
  auto& x = of[e.instance];
  if (x.first == 0)
    x.first = e.time;
  if (e.from == e.to)
    return;
  if (e.to == state::starting) {
    ++x.starts;
    x.started = e.time;
    if (e.time >= recent_since)
      recent_starts.push_back(e.time);
  }
  if (e.from == state::backoff && e.to == state::waiting && e.time >= recent_since)
    recent_restarts.push_back(e.time);
  if (e.from == state::starting && e.to == state::running && x.started != 0) {
    if (x.to_ready.size() == times_kept)
      x.to_ready.erase(x.to_ready.begin());
    x.to_ready.push_back(e.time - x.started);
    x.started = 0;
  }
  if (counts_as_up(e.to) && x.up_since == 0)
    x.up_since = e.time;
  if (!counts_as_up(e.to) && x.up_since != 0) {
    x.up += std::max<std::int64_t>(e.time - x.up_since, 0);
    x.up_since = 0;
  }
  const bool never_was =
      e.from == state::waiting && (e.to == state::backoff || e.to == state::failed);
  if ((has_process(e.from) && !has_process(e.to)) || never_was) {
    ++x.ends[kind_of_end(e.cause)];
    x.started = 0;
  }
}

json stats_row(const instance_record& record, const instance_history& past, const usage* sampled,
               const death_sum* dead, std::int64_t now) {
  json row;
  row["name"] = record.name;
  row["state"] = troupe::to_string(record.now);
  row["since"] = time_or_null(past.first);
  row["starts"] = past.starts;
  row["restarts"] = record.restarts;
  std::uint64_t ends = 0;
  for (const auto& [kind, count] : past.ends)
    ends += count;
  row["ends"] = ends;
  row["ends_by"] = past.ends;
  const auto up =
      past.up + (past.up_since != 0 ? std::max<std::int64_t>(now - past.up_since, 0) : 0);
  const auto all = past.first == 0 ? 0 : now - past.first;
  row["up_share"] = all <= 0 ? json(nullptr)
                             : json(std::min(1.0, std::round(static_cast<double>(up) * 10'000
                                                             / static_cast<double>(all))
                                                      / 10'000));
  auto times = past.to_ready;
  std::ranges::sort(times);
  row["ready_p50_s"] = times.empty() ? json(nullptr) : json(seconds(times[(times.size() - 1) / 2]));
  row["ready_max_s"] = times.empty() ? json(nullptr) : json(seconds(times.back()));
  const auto cpu =
      (sampled ? static_cast<std::int64_t>(sampled->cpu_time) : 0) + (dead ? dead->cpu_time : 0);
  row["cpu_s"] = sampled || dead ? json(seconds(cpu)) : json(nullptr);
  const auto memory = std::max(sampled ? static_cast<std::int64_t>(sampled->memory) : 0,
                               dead ? dead->max_memory : 0);
  row["max_memory_bytes"] = memory > 0 ? json(memory) : json(nullptr);
  row["output_bytes"] = sampled ? json(sampled->written) : json(nullptr);
  row["output_dropped_bytes"] = sampled ? json(sampled->unlogged) : json(nullptr);
  return row;
}

void handle_stats(const request_ptr& r) {
  selection what;
  if (!r->get(what))
    return;
  const bool whole = what.empty();
  r->with_targets(what, [r, whole](const config::spec_ptr& spec, const ledger_view_ptr& view,
                                   const chosen& targets) {
    auto all = std::make_shared<gathered>();
    all->spec = spec;
    all->view = shown_of(view, targets);
    all->whole = whole;
    all->past.recent_since = now_micros() - minute;
    if (all->view->records.size() <= few)
      for (const auto& record : all->view->records)
        all->unread.push_back(record.name);
    auto read = std::make_shared<event_walk>();
    if (all->view->records.size() <= few && !targets.everything)
      read->query.instances = targets.instances;
    read->each = [all](const std::vector<transition>& events) {
      for (const auto& each : events)
        all->past.note(each);
    };
    read->then = [r, all] {
      with_usage(r, all->view, [r, all](const std::map<std::string, usage>& sampled) {
        all->sampled = sampled;
        read_deaths(r, all);
      });
    };
    walk(r, read);
  });
}

} // namespace troupe::commands
