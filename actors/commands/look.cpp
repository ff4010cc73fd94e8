// Commands that change nothing: status, tree, show, events, deaths.

#include "actors/commands/request.hpp"
#include "config/names.hpp"

#include <algorithm>
#include <limits>

namespace troupe::commands {

namespace {

/// So few are sampled within a status; more are sampled beside it, for the next one.
constexpr std::size_t sampled_at_once = 64;
constexpr std::int64_t sample_lifetime = 30'000'000; ///< microseconds
constexpr std::int64_t sample_age = 2'000'000;
constexpr std::chrono::milliseconds sample_timeout{250};
constexpr std::uint32_t events_at_once = 1000;

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

/// Calls `then` with the resource use of what runs, as far as it is known.
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

/// The ledger is asked for everything when everything is meant: short to say.
std::vector<std::string> names_for(const chosen& what) {
  return what.everything ? std::vector<std::string>{} : what.instances;
}

} // namespace

void handle_status(const request_ptr& r) {
  selection what;
  if (!r->get(what))
    return;
  r->with_spec([r, what](const config::spec_ptr& spec) {
    const auto targets = resolve(*spec, what);
    if (!targets)
      return r->refuse(targets.error());
    const bool named = !what.empty();
    r->with_view(names_for(*targets), [r, spec, named](const ledger_view_ptr& view) {
      with_usage(r, view, [r, spec, view, named](const std::map<std::string, usage>& sampled) {
        const bool down = named && std::ranges::any_of(view->records, [](const auto& record) {
                            return !counts_as_up(record.now);
                          });
        r->answer(status_document({*spec, *view, sampled, now_micros()}),
                  down ? exit_code::not_running : exit_code::done);
      });
    });
  });
}

void handle_tree(const request_ptr& r) {
  selection what;
  if (!r->get(what))
    return;
  r->with_spec([r, what](const config::spec_ptr& spec) {
    const auto targets = resolve(*spec, what);
    if (!targets)
      return r->refuse(targets.error());
    r->with_view(names_for(*targets), [r, spec](const ledger_view_ptr& view) {
      r->answer(tree_document({*spec, *view, {}, now_micros()}));
    });
  });
}

namespace {

struct show_parts {
  config::spec_ptr spec;
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
            r->answer(show_document({*parts->spec, *parts->view, parts->sampled, now_micros()},
                                    *parts->which.bot, parts->which.index.value_or(0),
                                    parts->isolation, deaths.items));
          },
          [r](caf::error& why) { r->broken("the journal", why); });
}

} // namespace

void handle_show(const request_ptr& r) {
  std::string name;
  if (!r->get("bot", name))
    return;
  r->with_spec([r, name](const config::spec_ptr& spec) {
    const auto which = resolve_bot(*spec, name);
    if (!which)
      return r->refuse(which.error());
    auto parts = std::make_shared<show_parts>();
    parts->spec = spec;
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
  r->with_spec([r, name, last](const config::spec_ptr& spec) {
    const auto which = resolve_bot(*spec, name);
    if (!which)
      return r->refuse(which.error());
    r->self
        ->request(r->all->journal, look_timeout, deaths_atom_v, name,
                  static_cast<std::uint32_t>(last))
        .then([r, name](death_list& deaths) { r->answer(deaths_document(name, deaths.items)); },
              [r](caf::error& why) { r->broken("the journal", why); });
  });
}

// -- events ----------------------------------------------------------------------

namespace {

void query_events(const request_ptr& r, event_query query, std::uint32_t wait_ms);

/// Nothing there yet: asks again when something was committed.
void await_events(const request_ptr& r, event_query query, std::uint32_t wait_ms) {
  const auto timeout = std::chrono::milliseconds{wait_ms} + look_timeout;
  r->self->request(r->all->ledger, timeout, await_atom_v, query.after, wait_ms)
      .then([r, query](std::uint64_t) { query_events(r, query, 0); },
            [r](caf::error& why) { r->broken("the ledger", why); });
}

void query_events(const request_ptr& r, event_query query, std::uint32_t wait_ms) {
  r->self->request(r->all->journal, look_timeout, query_atom_v, query)
      .then(
          [r, query, wait_ms](event_list& events) {
            if (events.items.empty() && wait_ms > 0)
              return await_events(r, query, wait_ms);
            r->answer_text(event_lines(events.items));
          },
          [r](caf::error& why) { r->broken("the journal", why); });
}

} // namespace

void handle_events(const request_ptr& r) {
  selection what;
  std::uint64_t after = 0;
  std::uint64_t wait_ms = 0;
  std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  std::string since;
  if (!r->get(what) || !r->get("after", after, std::numeric_limits<std::uint64_t>::max())
      || !r->get("wait_ms", wait_ms, admin_limits::wait_ms)
      || !r->get("last", last, std::numeric_limits<std::uint32_t>::max())
      || !r->get("since", since))
    return;
  event_query query;
  query.after = after;
  query.limit = events_at_once;
  if (last <= std::numeric_limits<std::uint32_t>::max())
    query.last = static_cast<std::uint32_t>(last);
  if (!since.empty()) {
    const auto time = parse_time(since, now_micros());
    if (!time)
      return r->refuse({exit_code::usage, "bad-time", config::in_quotes(since) + " is no time",
                        "write «10m» for ten minutes ago, or 2026-01-31T12:00:00Z"});
    query.since = *time;
  }
  const auto wait = static_cast<std::uint32_t>(wait_ms);
  if (what.empty())
    return query_events(r, std::move(query), wait);
  r->with_spec([r, what, query, wait](const config::spec_ptr& spec) mutable {
    const auto targets = resolve(*spec, what);
    if (!targets)
      return r->refuse(targets.error());
    if (!targets->everything)
      query.instances = targets->instances;
    query_events(r, std::move(query), wait);
  });
}

} // namespace troupe::commands
