#pragma once

// Services that the admin actor talks to, played by a test.

#include "actors/admin.hpp"
#include "actors/commands/request.hpp"
#include "config/names.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace troupe::test {

/// What the stubs play with, and what they heard.
struct world {
  config::spec_ptr spec;
  std::vector<instance_record> records;
  std::vector<group_record> groups;
  std::vector<transition> events;
  std::vector<death> deaths;
  std::map<std::string, usage> usages;
  std::uint64_t committed = 0;
  environment_report environment;
  limits_report limits;
  std::map<std::string, double> machine;

  /// What the hub answers to (operation, arguments); unset: there is none.
  std::function<std::string(const std::string&, const std::string&)> on_hub;

  /// What the config actor answers; unset: an empty document.
  std::function<config_reply(const config_request&)> on_config;
  std::vector<config_request> config_requests;

  std::string journal_trouble;                     ///< answer to every write
  std::map<std::string, std::string> root_refuses; ///< instance → reason
  std::string scale_trouble;
  bool ledger_is_silent = false;

  std::vector<journal_batch> batches;
  std::vector<audit_entry> audits;
  audit_check audit;
  std::map<std::string, std::uint64_t> audit_hashes; ///< hash → the entry that has it
  std::string audit_trouble;
  std::vector<audit_query> asked_audits;
  std::vector<operation> operations;
  std::vector<std::pair<std::string, std::uint32_t>> scales;
  std::vector<audit_entry> scale_audits;
  std::vector<std::string> stops;
  std::vector<std::string> heard;      ///< «write», «operate», … in order
  std::map<std::string, bool> intents; ///< the last that the ledger was told
  std::function<void()> on_await;      ///< runs while an await is answered
};

using world_ptr = std::shared_ptr<world>;

inline std::shared_ptr<config::bot_entry> make_bot(const std::string& name,
                                                   std::size_t replicas = 1,
                                                   std::map<std::string, std::string> labels = {}) {
  auto spec = std::make_shared<config::bot_spec>();
  spec->command = {"/bin/sleep", "1000"};
  spec->labels = std::move(labels);
  auto result = std::make_shared<config::bot_entry>();
  result->name = name;
  result->file = name + ".json";
  result->instances.assign(replicas, spec);
  return result;
}

inline config::spec_ptr make_fleet(std::vector<std::shared_ptr<config::bot_entry>> bots) {
  auto fleet = std::make_shared<config::fleet_spec>();
  fleet->name = "demo";
  auto root = std::make_shared<config::group_entry>();
  std::map<std::string, std::shared_ptr<config::group_entry>> groups;
  for (const auto& bot : bots) {
    fleet->bots[bot->name] = bot;
    const std::string group{config::parent_name(bot->name)};
    auto& entry = group.empty() ? root : groups[group];
    if (!entry) {
      entry = std::make_shared<config::group_entry>();
      entry->name = group;
    }
    entry->children.push_back({std::string{config::leaf_name(bot->name)}, bot, nullptr});
  }
  for (const auto& [name, group] : groups)
    root->children.push_back({name, nullptr, group});
  fleet->root = root;
  return fleet;
}

inline instance_record make_record(const std::string& name, state now = state::running,
                                   std::uint64_t incarnation = 1) {
  instance_record result;
  const auto parts = config::split_instance(name);
  result.name = name;
  result.bot = parts->bot;
  result.group = config::parent_name(parts->bot);
  result.index = *parts->index;
  result.incarnation = incarnation;
  result.now = now;
  result.wanted = true;
  result.pid = has_process(now) ? 1000 + static_cast<int>(incarnation) : 0;
  result.since = 1'000'000;
  result.started = has_process(now) ? 1'000'000 : 0;
  return result;
}

/// Everything of the fleet, running.
inline void fill_records(world& w) {
  std::uint64_t incarnation = 0;
  for (const auto& [name, bot] : w.spec->bots)
    for (std::uint32_t i = 0; i < bot->instances.size(); ++i)
      w.records.push_back(
          make_record(config::join_instance(name, i), state::running, ++incarnation));
  w.groups.push_back({"", config::strategy::one_for_one, state::running, "", {}, {}});
}

inline bool matches(const instance_record& record, const std::vector<std::string>& names) {
  return names.empty() || std::ranges::any_of(names, [&](const auto& name) {
           return record.name == name || record.bot == name
                  || (name.ends_with('/') && record.name.starts_with(name));
         });
}

inline journal_actor::behavior_type journal(journal_actor::pointer, world_ptr w) {
  return {
      [w](write_atom, journal_batch_ptr batch, bool) -> std::string {
        w->heard.emplace_back("write");
        if (!w->journal_trouble.empty())
          return w->journal_trouble;
        for (auto& audit : batch->audits)
          if (audit.id == 0)
            audit.id = 100 + w->batches.size();
        w->batches.push_back(*batch);
        return "";
      },
      [](view_atom) { return journal_contents_ptr{}; },
      [](versions_atom, std::uint32_t) { return version_list{}; },
      [](versions_atom, std::uint64_t) { return version_list{}; },
      [w](audit_atom, const audit_query& query) {
        w->asked_audits.push_back(query);
        audit_list result{{}, w->audit_trouble};
        for (const auto& each : w->audits)
          if (each.id > query.after
              && (query.hash.empty()
                  || (w->audit_hashes.contains(query.hash)
                      && w->audit_hashes.at(query.hash) == each.id))
              && result.items.size() < query.limit)
            result.items.push_back(each);
        return result;
      },
      [w](verify_atom, std::uint64_t) {
        auto result = w->audit;
        if (!w->audit_trouble.empty())
          result.problem = w->audit_trouble;
        return result;
      },
      [](tick_atom, std::uint64_t) {},
      [w](figures_atom) {
        figures result;
        result.set("events", w->events.size());
        result.set("events_limit", 100'000);
        return result;
      },
      [w](query_atom, const event_query& query) {
        w->heard.emplace_back("query");
        event_list result;
        for (const auto& event : w->events)
          if (event.seq > query.after && event.time >= query.since
              && (query.instances.empty() || std::ranges::count(query.instances, event.instance) > 0
                  || std::ranges::count(query.instances,
                                        event.instance.substr(0, event.instance.find('#')))
                         > 0))
            result.items.push_back(event);
        if (query.last && result.items.size() > *query.last)
          result.items.erase(result.items.begin(),
                             result.items.end() - static_cast<std::ptrdiff_t>(*query.last));
        if (result.items.size() > query.limit)
          result.items.resize(query.limit);
        return result;
      },
      [w](deaths_atom, const std::string& of, std::uint32_t last) {
        death_list result{w->deaths, {}};
        std::erase_if(result.items, [&](const auto& one) {
          return one.instance != of && one.instance.substr(0, one.instance.find('#')) != of;
        });
        if (result.items.size() > last)
          result.items.erase(result.items.begin(),
                             result.items.end() - static_cast<std::ptrdiff_t>(last));
        return result;
      },
  };
}

inline ledger_actor::behavior_type ledger(ledger_actor::pointer self, world_ptr w) {
  using promise = caf::typed_response_promise<std::uint64_t>;
  auto waiting = std::make_shared<std::vector<promise>>();
  return {
      [](wire_atom, const services_ptr&) {},
      [](const ledger_entry&) {},
      [](const death&) {},
      [](const group_record&) {},
      [w](note_atom, const journal_batch_ptr& x) { w->intents = x->intents; },
      [](retain_atom, const config::spec_ptr&, std::uint64_t) {},
      [](remark_atom, const std::string&) {},
      [](adopt_atom, const std::string&,
         const lineage&) -> caf::result<instance_record, std::uint64_t> {
        return {instance_record{}, std::uint64_t{0}};
      },
      [self, w](view_atom, const std::vector<std::string>& names) -> caf::result<ledger_view_ptr> {
        if (w->ledger_is_silent)
          return self->make_response_promise<ledger_view_ptr>();
        auto view = std::make_shared<ledger_view>();
        for (const auto& record : w->records)
          if (matches(record, names))
            view->records.push_back(record);
        view->groups = w->groups;
        view->version = 3;
        return ledger_view_ptr{view};
      },
      [self, w, waiting](await_atom, std::uint64_t after,
                         std::uint32_t ms) -> caf::result<std::uint64_t> {
        w->heard.emplace_back("await");
        if (w->on_await)
          w->on_await();
        if (w->committed > after || ms == 0)
          return w->committed;
        waiting->push_back(self->make_response_promise<std::uint64_t>());
        self->delayed_send(self, std::chrono::milliseconds{ms}, tick_atom_v,
                           std::uint64_t{waiting->size() - 1});
        return waiting->back();
      },
      [](flush_atom) { return true; },
      [w](figures_atom) {
        figures result;
        result.set("instances", w->records.size());
        result.set("unwritten", 17'000);
        result.set("unwritten_limit", 20'000);
        return result;
      },
      [](watch_atom, const std::vector<std::string>&) {},
      [w, waiting](tick_atom, std::uint64_t which) { (*waiting)[which].deliver(w->committed); },
  };
}

inline launcher_actor::behavior_type launcher(launcher_actor::pointer, world_ptr w) {
  return {
      [](wire_atom, const services_ptr&) {},
      [](apply_atom, const config::spec_ptr&) {},
      [](adopt_atom, const std::string&, const lineage&) { return adoptees{}; },
      [](const launch&, bool) {},
      [](withdraw_atom, const std::string&, std::uint64_t) {},
      [](signal_atom, const std::string&, std::uint64_t, int, bool) { return std::string{}; },
      [](freeze_atom, const std::string&, std::uint64_t, bool) { return std::string{}; },
      [](adjust_atom, const launch&) { return std::string{}; },
      [](sweep_atom, const std::string&, std::uint64_t, sweeping) { return std::uint32_t{0}; },
      [](tail_atom, const std::string&, std::uint64_t) { return std::string{}; },
      [](commit_atom, const std::string&, std::uint64_t) {},
      [w](sample_atom, const std::vector<std::string>& names) {
        usage_map result;
        for (const auto& name : names)
          if (const auto found = w->usages.find(name); found != w->usages.end())
            result.of.insert(*found);
        w->heard.emplace_back("sample");
        return result;
      },
      [w](environ_atom, const launch& what) {
        w->heard.push_back("environ " + what.instance + " " + std::to_string(what.incarnation));
        return w->environment;
      },
      [w](limits_atom, const launches& what) {
        auto result = w->limits;
        std::erase_if(result.of, [&](const auto& one) {
          return std::ranges::find(what, one.first, &launch::instance) == what.end();
        });
        return result;
      },
      [w](figures_atom) {
        figures result;
        result.of = w->machine;
        return result;
      },
      [](report_atom) { return std::string{"process groups and rlimits; no cgroup2"}; },
      [](const spawned&) {},
      [](const spawn_failed&) {},
      [](const exited&) {},
      [](const stalled&) {},
      [](const notice&) {},
      [](const hook_end&) {},
      [](attend_atom, const launch&, bool) {},
      [](hook_atom, const launch&, hook) {},
      [](retain_atom, const config::spec_ptr&) {},
      [](tick_atom, std::uint64_t) {},
  };
}

inline config_actor::behavior_type config_stub(config_actor::pointer, world_ptr w) {
  return {
      [](wire_atom, const services_ptr&) {},
      [w](view_atom) { return w->spec; },
      [w](scale_atom, const std::string& bot, std::uint32_t count, const audit_entry& audit) {
        w->heard.emplace_back("scale");
        w->scales.emplace_back(bot, count);
        w->scale_audits.push_back(audit);
        return w->scale_trouble;
      },
      [w](const config_request& what) {
        w->heard.push_back("config " + what.operation);
        w->config_requests.push_back(what);
        return w->on_config ? w->on_config(what) : config_reply{};
      },
      [](reload_atom, const std::string&, bool) {},
      [](stop_atom) {},
      [](note_atom, const instance_record&) {},
      [](tick_atom, std::uint64_t) {},
  };
}

inline supervisor_actor::behavior_type root(supervisor_actor::pointer, world_ptr w) {
  return {
      [](wire_atom, const services_ptr&) {},
      [](admit_atom) {},
      [](hold_atom, const std::string&) {},
      [](recycle_atom, const std::string&) {},
      [](stop_atom, const std::string&) {},
      [](hurry_atom) {},
      [](remove_atom, const std::string&) {},
      [w](const operation& what) {
        w->heard.emplace_back("operate");
        w->operations.push_back(what);
        outcomes result;
        for (const auto& instance : *what.instances)
          if (const auto found = w->root_refuses.find(instance); found != w->root_refuses.end())
            result.refused.push_back(*found);
          else
            ++result.accepted;
        return result;
      },
      [](apply_atom, const config::group_ptr&, const config::spec_ptr&) {},
      [](ask_atom, const std::string&) {},
      [](const child_report&) {},
      [](note_atom, const std::string&, std::uint8_t, const std::vector<std::string>&) {},
      [](tick_atom, std::uint8_t, std::uint64_t) {},
  };
}

inline guardian_actor::behavior_type guardian(guardian_actor::pointer, world_ptr w) {
  return {
      [w](stop_atom, const std::string& cause) { w->stops.push_back(cause); },
      [](alive_atom) {},
      [](stop_atom, const std::string&, bool) {},
      [](const child_report&) {},
      [](tick_atom, std::uint64_t) {},
  };
}

/// Answers as the test says; an empty text: never.
inline hub_actor::behavior_type hub(hub_actor::pointer self, world_ptr w) {
  return {
      [](wire_atom, const services_ptr&) {},
      [](apply_atom, const messaging::routes_ptr&) {},
      [](link_atom, const new_link&) {},
      [](ask_atom, const std::string&, std::uint64_t, messaging::link_order, std::uint32_t) {},
      [self, w](const hub_request& what) -> caf::result<std::string> {
        w->heard.push_back(what.operation + " " + what.arguments);
        auto answer = w->on_hub(what.operation, what.arguments);
        if (answer.empty())
          return self->make_response_promise<std::string>();
        return answer;
      },
      [](figures_atom) { return figures{}; },
      [](stop_atom) {},
      [](tick_atom, std::uint64_t) {},
  };
}

/// All stubs, with the real admin actor among them.
inline services_ptr spawn_services(caf::actor_system& system, const world_ptr& w,
                                   const std::shared_ptr<commands::session_registry>& sessions) {
  auto all = std::make_shared<services>();
  all->journal = system.spawn(journal, w);
  all->ledger = system.spawn(ledger, w);
  all->launcher = system.spawn(launcher, w);
  all->config = system.spawn(config_stub, w);
  all->root = system.spawn(root, w);
  all->guardian = system.spawn(guardian, w);
  if (w->on_hub)
    all->hub = system.spawn(hub, w);
  all->admin = system.spawn(make_admin, sessions);
  caf::anon_send(all->admin, wire_atom_v, services_ptr{all});
  return all;
}

} // namespace troupe::test
