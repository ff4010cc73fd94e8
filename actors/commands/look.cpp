// Commands that change nothing: status, tree, show, events, deaths.

#include "actors/clocks.hpp"
#include "actors/commands/configuring.hpp"
#include "actors/commands/messaging.hpp"
#include "actors/commands/past.hpp"
#include "config/names.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace troupe::commands {

namespace {

/// So few are sampled within a status; more are sampled beside it, for the next one.
constexpr std::size_t sampled_at_once = 64;
constexpr std::int64_t sample_lifetime = 30'000'000; ///< microseconds
constexpr std::int64_t sample_age = 2'000'000;
constexpr std::chrono::milliseconds sample_timeout{250};
constexpr std::uint32_t events_at_once = 1000;
constexpr std::uint64_t most_deaths = 5000; ///< each may have 4 KiB of output

std::vector<std::string> with_process(const ledger_view& view) {
  std::vector<std::string> result;
  for (const auto& record : view.records)
    if (record.pid > 0)
      result.push_back(record.name);
  return result;
}

/// Samples beside the request; the values stay for 30 s.
void sample_for_later(const request_ptr& r, std::vector<std::string> names) {
  auto& state = r->self->state;
  if (state.sampling)
    return;
  state.sampling = true;
  auto self = r->self;
  self->request(r->all->launcher, look_timeout, sample_atom_v, std::move(names))
      .then(
          [self](usage_map& result) {
            self->state.sampled = std::move(result.of);
            self->state.sampled_at = now_micros();
            self->state.sampling = false;
          },
          [self](caf::error&) { self->state.sampling = false; });
}

} // namespace

void with_usage(const request_ptr& r, const ledger_view_ptr& view,
                std::function<void(const std::map<std::string, usage>&)> then) {
  auto& state = r->self->state;
  const auto now = now_micros();
  auto names = with_process(*view);
  if (names.empty())
    return then({});
  if (names.size() > sampled_at_once) {
    if (now - state.sampled_at > sample_age)
      sample_for_later(r, std::move(names));
    if (now - state.sampled_at > sample_lifetime)
      state.sampled.clear();
    return then(state.sampled);
  }
  r->self->request(r->all->launcher, sample_timeout, sample_atom_v, std::move(names))
      .then([then](usage_map& result) { then(result.of); }, [then](caf::error&) { then({}); });
}

void handle_status(const request_ptr& r) {
  selection what;
  if (!r->get(what))
    return;
  const bool named = !what.empty();
  r->with_targets(what, [r, named](const config::spec_ptr& spec, const ledger_view_ptr& all,
                                   const chosen& targets) {
    const auto view = shown_of(all, targets);
    const auto counted = std::make_shared<const tallies>(count_groups(*all));
    with_usage(r, view, [=, all = targets.everything](const std::map<std::string, usage>& sampled) {
      const bool down = named && std::ranges::any_of(view->records, [](const auto& record) {
                          return !counts_as_up(record.now);
                        });
      add_standing(r, status_document({*spec, *view, sampled, now_micros(), *counted, all}),
                   [r, down](const json& document) {
                     r->answer(document, down ? exit_code::not_running : exit_code::done);
                   });
    });
  });
}

void handle_tree(const request_ptr& r) {
  selection what;
  if (!r->get(what))
    return;
  r->with_targets(
      what, [r](const config::spec_ptr& spec, const ledger_view_ptr& all, const chosen& targets) {
        r->answer(tree_document(
            {*spec, *shown_of(all, targets), {}, now_micros(), count_groups(*all), true}));
      });
}

namespace {

struct show_parts {
  chosen_bot which;
  ledger_view_ptr view;
  std::map<std::string, usage> sampled;
  std::string isolation;
};

void finish_show(const request_ptr& r, const std::shared_ptr<show_parts>& parts,
                 const std::string& name) {
  constexpr std::uint32_t shown = 3;
  r->self->request(r->all->journal, look_timeout, deaths_atom_v, name, shown)
      .then(
          [r, parts](death_list& deaths) {
            auto document =
                show_document({*parts->view, parts->sampled, now_micros()}, *parts->which.bot,
                              parts->which.index.value_or(0), parts->isolation, deaths.items);
            add_messaging(r, document["instances"], [r, document](json rows) mutable {
              document["instances"] = std::move(rows);
              r->answer(document);
            });
          },
          [r](caf::error& why) { r->broken("the journal", why); });
}

} // namespace

void handle_show(const request_ptr& r) {
  std::string name;
  if (!r->get("bot", name))
    return;
  name = without_root(name);
  r->with_spec([r, name](const config::spec_ptr& spec) {
    const auto which = resolve_bot(*spec, name, r->info.name);
    if (!which)
      return r->refuse(which.error());
    auto parts = std::make_shared<show_parts>();
    parts->which = *which;
    r->with_view({name}, [r, parts, name](const ledger_view_ptr& view) {
      parts->view = view;
      with_usage(r, view, [r, parts, name](const std::map<std::string, usage>& sampled) {
        parts->sampled = sampled;
        r->self->request(r->all->launcher, look_timeout, report_atom_v)
            .then(
                [r, parts, name](std::string& isolation) {
                  parts->isolation = std::move(isolation);
                  finish_show(r, parts, name);
                },
                [r](caf::error& why) { r->broken("the launcher", why); });
      });
    });
  });
}

void handle_deaths(const request_ptr& r) {
  std::string name;
  std::uint64_t last = 10;
  if (!r->get("bot", name) || !r->get("last", last, 100'000))
    return;
  name = without_root(name);
  const auto rows = static_cast<std::uint32_t>(std::min(last, most_deaths));
  r->with_spec([r, name, rows](const config::spec_ptr& spec) {
    const auto which = resolve_bot(*spec, name, r->info.name);
    const bool gone =
        !which && which.error().exit == exit_code::no_such_bot && config::split_instance(name);
    if (!which && !gone)
      return r->refuse(which.error());
    r->self->request(r->all->journal, look_timeout, deaths_atom_v, name, rows)
        .then(
            [r, name, which](death_list& deaths) {
              if (!deaths.trouble.empty())
                return r->refuse(store_unreadable(deaths.trouble));
              // What left the fleet has a past all the same.
              if (!which && deaths.items.empty())
                return r->refuse(which.error());
              r->answer(deaths_document(name, deaths.items));
            },
            [r](caf::error& why) { r->broken("the journal", why); });
  });
}

// -- events ----------------------------------------------------------------------

namespace {

/// One look at the journal, and as many more as the time allows when it has nothing.
struct event_look {
  event_query query;
  std::chrono::nanoseconds deadline{}; ///< of the actor's clock
  std::uint64_t seq = 0;               ///< where the sequence stood before the last look
};
using event_look_ptr = std::shared_ptr<event_look>;

void query_events(const request_ptr& r, const event_look_ptr& look);

/// Looks (again) when something after `after` was committed, or the time is up.
void await_events(const request_ptr& r, const event_look_ptr& look, std::uint64_t after,
                  std::uint32_t wait_ms) {
  r->self
      ->request(r->all->ledger, std::chrono::milliseconds{wait_ms} + look_timeout, await_atom_v,
                after, wait_ms)
      .then(
          [r, look](std::uint64_t seq) {
            look->seq = seq;
            query_events(r, look);
          },
          [r](caf::error& why) { r->broken("the ledger", why); });
}

void query_events(const request_ptr& r, const event_look_ptr& look) {
  r->self->request(r->all->journal, look_timeout, query_atom_v, look->query)
      .then(
          [r, look](event_list& events) {
            if (!events.trouble.empty())
              return r->refuse(store_unreadable(events.trouble));
            const auto left = look->deadline - monotonic_now(r->self);
            if (events.items.empty() && left > std::chrono::milliseconds{0}) {
              // What was committed by then is none of what is looked for.
              look->query.after = std::max(look->query.after, look->seq);
              return await_events(r, look, look->seq, whole_milliseconds(left));
            }
            r->answer_text(event_lines(events.items));
          },
          [r](caf::error& why) { r->broken("the journal", why); });
}

/// Looks at once when nothing is to be waited for; else only after it is known where the
/// sequence stands, so that what comes after the look is not missed.
void begin_look(const request_ptr& r, const event_look_ptr& look, std::uint64_t wait_ms) {
  look->deadline = monotonic_now(r->self) + std::chrono::milliseconds{wait_ms};
  if (wait_ms == 0)
    return query_events(r, look);
  await_events(r, look, std::numeric_limits<std::uint64_t>::max(), 0);
}

/// The names that the journal is asked for: bots where all of a bot is meant, so that
/// those of its instances are there that are no more.
std::vector<std::string> journal_names(const config::fleet_spec& fleet, const chosen& what) {
  std::map<std::string, std::vector<std::string>> by_bot;
  for (const auto& instance : what.instances)
    by_bot[instance.substr(0, instance.find('#'))].push_back(instance);
  std::vector<std::string> result;
  for (auto& [bot, instances] : by_bot) {
    const auto known = fleet.bots.find(bot);
    if (known != fleet.bots.end() && instances.size() >= known->second->instances.size())
      result.push_back(bot);
    else
      std::ranges::move(instances, std::back_inserter(result));
  }
  return result;
}

/// Calls `then` when the journal knows all of these names, which the fleet has no more;
/// else the request is refused as it would have been at once.
void check_past(const request_ptr& r, std::vector<std::pair<std::string, refusal>> names,
                std::function<void()> then) {
  if (names.empty())
    return then();
  auto one = std::move(names.back());
  names.pop_back();
  event_query query;
  query.instances = {one.first};
  query.limit = 1;
  r->self->request(r->all->journal, look_timeout, query_atom_v, std::move(query))
      .then(
          [=, names = std::move(names)](event_list& events) {
            if (events.items.empty())
              return r->refuse(one.second);
            check_past(r, names, then);
          },
          [r](caf::error& why) { r->broken("the journal", why); });
}

void look_at_some(const request_ptr& r, selection what, const event_look_ptr& look,
                  std::uint64_t wait_ms) {
  r->with_spec([=, what = std::move(what)](const config::spec_ptr& spec) mutable {
    if (what.labels.empty() && std::erase(what.targets, config_subject) > 0) {
      look->query.instances.emplace_back(config_subject);
      if (resolve(*spec, {{config_subject}, {}})) // a bot may have that name
        what.targets.emplace_back(config_subject);
      if (what.targets.empty())
        return begin_look(r, look, wait_ms);
    }
    const auto ask_for = [&look](std::vector<std::string> names) {
      auto& all = look->query.instances;
      all.insert(all.end(), names.begin(), names.end());
    };
    const auto all = resolve(*spec, what);
    if (!all && all.error().exit != exit_code::no_such_bot)
      return r->refuse(all.error());
    if (all) {
      if (all->everything)
        look->query.instances.clear();
      else
        ask_for(journal_names(*spec, *all));
      return begin_look(r, look, wait_ms);
    }
    std::vector<std::pair<std::string, refusal>> past;
    selection present{{}, what.labels};
    for (const auto& target : what.targets) {
      const auto known = resolve(*spec, {{target}, {}});
      const auto name = without_root(target);
      if (known || known.error().exit != exit_code::no_such_bot || !what.labels.empty()
          || !config::split_instance(name))
        present.targets.push_back(target);
      else
        past.emplace_back(name, known.error());
    }
    if (!present.empty()) {
      const auto targets = resolve(*spec, present);
      if (!targets)
        return r->refuse(targets.error());
      ask_for(journal_names(*spec, *targets));
    }
    for (const auto& [name, why] : past)
      look->query.instances.push_back(name);
    check_past(r, std::move(past), [=] { begin_look(r, look, wait_ms); });
  });
}

} // namespace

void handle_events(const request_ptr& r) {
  selection what;
  auto look = std::make_shared<event_look>();
  auto& query = look->query;
  std::uint64_t wait_ms = 0;
  std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  std::string since;
  if (!r->get(what) || !r->get("after", query.after, std::numeric_limits<std::uint64_t>::max())
      || !r->get("wait_ms", wait_ms, admin_limits::wait_ms)
      || !r->get("last", last, std::numeric_limits<std::uint32_t>::max())
      || !r->get("since", since))
    return;
  query.limit = events_at_once;
  if (last <= std::numeric_limits<std::uint32_t>::max())
    query.last = static_cast<std::uint32_t>(last);
  if (!since.empty()) {
    const auto time = parse_time(since, now_micros());
    if (!time)
      return r->refuse(bad_time(since));
    query.since = *time;
  }
  if (what.empty())
    return begin_look(r, look, wait_ms);
  look_at_some(r, what, look, wait_ms);
}

} // namespace troupe::commands
