// Commands that change something in the fleet.

#include "actors/commands/change.hpp"

#include "config/names.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <csignal>
#include <limits>
#include <set>
#include <utility>

namespace troupe::commands {

void audited(const request_ptr& r, std::map<std::string, bool> intents,
             std::function<void(const audit_ptr&)> then) {
  auto batch = std::make_shared<journal_batch>();
  audit_entry entry;
  entry.time = now_micros();
  entry.uid = r->who.uid;
  entry.pid = r->who.pid;
  entry.origin = r->who.origin;
  entry.command = r->as_typed();
  batch->audits.push_back(std::move(entry));
  batch->intents = std::move(intents);
  const auto unavailable = [r](const std::string& why) {
    r->refuse({exit_code::failed, "audit-unavailable",
               "nothing was done, for it could not be entered into the audit: " + why,
               "see to the disk of the state directory, then try again"});
  };
  r->self->request(r->all->journal, order_timeout, write_atom_v, journal_batch_ptr{batch}, true)
      .then(
          [r, batch, unavailable, then = std::move(then)](std::string& trouble) {
            if (!trouble.empty())
              return unavailable(trouble);
            if (!batch->intents.empty())
              r->self->send(r->all->ledger, note_atom_v, journal_batch_ptr{batch});
            then(std::make_shared<audit_entry>(batch->audits.front()));
          },
          [unavailable](caf::error&) { unavailable("the journal does not answer"); });
}

void settle(const request_ptr& r, const audit_ptr& audit, std::string outcome,
            std::function<void(std::string)> then) {
  auto batch = std::make_shared<journal_batch>();
  audit->outcome = std::move(outcome);
  batch->audits.push_back(*audit);
  const auto missing = [then](const std::string& why) {
    then("the outcome could not be entered into the audit: " + why);
  };
  r->self->request(r->all->journal, order_timeout, write_atom_v, journal_batch_ptr{batch}, false)
      .then(
          [then, missing](std::string& trouble) { trouble.empty() ? then("") : missing(trouble); },
          [missing](caf::error&) { missing("the journal does not answer"); });
}

namespace {

/// What a changing command is about to do.
struct order {
  verb what = verb::start;
  int signal = 0;
  bool only_failed = false; ///< recover
  bool needs_targets = true;
  bool disruptive = false;            ///< asks before it touches everything
  std::optional<bool> intent_stopped; ///< what the operator wants from now on
  selection who;
  bool dry_run = false;
  bool yes = false;
};

json touched_rows(const std::vector<const instance_record*>& records) {
  auto result = json::array();
  for (const auto* record : records) {
    json row;
    row["name"] = record->name;
    row["state"] = to_string(record->now);
    row["incarnation"] = record->incarnation;
    result.push_back(std::move(row));
  }
  return result;
}

std::string outcome_text(const outcomes& became) {
  auto result = "accepted by " + std::to_string(became.accepted);
  if (!became.refused.empty())
    result += ", refused by " + std::to_string(became.refused.size()) + ": "
              + became.refused.front().first + ": " + became.refused.front().second;
  return result;
}

void finish(const request_ptr& r, const order& what, json rows, const outcomes& became,
            const std::string& notice) {
  auto result = new_document();
  result["command"] = r->info.name;
  result["dry_run"] = what.dry_run;
  result["accepted"] = became.accepted;
  auto& refused = result["refused"] = json::array();
  for (const auto& [instance, reason] : became.refused) {
    json row;
    row["instance"] = instance;
    row["reason"] = reason;
    refused.push_back(std::move(row));
  }
  result["instances"] = std::move(rows);
  if (!notice.empty())
    result["notice"] = notice;
  r->answer(result, became.refused.empty() ? exit_code::done : exit_code::failed);
}

void carry_out(const request_ptr& r, const order& what, const audit_ptr& audit,
               std::set<std::string> instances, json rows) {
  operation op;
  op.what = what.what;
  op.signal = what.signal;
  op.cause = r->cause();
  op.instances = std::make_shared<const std::set<std::string>>(std::move(instances));
  r->self->request(r->all->root, order_timeout, std::move(op))
      .then(
          [r, what, audit, rows](outcomes& became) {
            settle(r, audit, outcome_text(became),
                   [r, what, rows, became](const std::string& notice) {
                     finish(r, what, rows, became, notice);
                   });
          },
          [r, audit](caf::error& why) {
            settle(r, audit, "unknown: no answer",
                   [r, why](const std::string&) { r->broken("the root supervisor", why); });
          });
}

std::optional<refusal> confirm(const request_ptr& r, const order& what,
                               const config::fleet_spec& spec, std::size_t count, bool everything) {
  if (!everything || !what.disruptive || what.yes || what.dry_run || count < 2)
    return std::nullopt;
  return refusal{exit_code::usage, "needs-confirmation",
                 std::string{r->info.name} + " would touch all " + std::to_string(count)
                     + " instances of the fleet " + config::in_quotes(spec.name),
                 "add -y if that is meant"};
}

/// Whether an instance failed, or waits because its group gave up.
bool has_failed(const instance_record& record, const ledger_view& view) {
  if (record.now == state::failed)
    return true;
  return record.wanted && std::ranges::any_of(view.groups, [&](const group_record& group) {
           return (group.now == state::failed || group.now == state::backoff)
                  && (group.name.empty() || record.group == group.name
                      || record.group.starts_with(group.name + "/"));
         });
}

void proceed(const request_ptr& r, const order& what, const ledger_view_ptr& view) {
  std::vector<const instance_record*> records;
  for (const auto& record : view->records)
    if (!what.only_failed || has_failed(record, *view))
      records.push_back(&record);
  auto rows = touched_rows(records);
  std::set<std::string> instances;
  std::map<std::string, bool> intents;
  for (const auto* record : records) {
    instances.insert(record->name);
    if (what.intent_stopped)
      intents.emplace(record->name, *what.intent_stopped);
  }
  if (what.dry_run || records.empty())
    return finish(r, what, std::move(rows), {}, "");
  audited(r, std::move(intents), [r, what, instances, rows](const audit_ptr& audit) {
    carry_out(r, what, audit, instances, rows);
  });
}

void begin(const request_ptr& r, order what) {
  if (!r->get(what.who) || !r->get("dry_run", what.dry_run) || !r->get("yes", what.yes))
    return;
  if (what.needs_targets && what.who.empty())
    return r->refuse({exit_code::usage, "no-target",
                      std::string{r->info.name} + " what? no target was given",
                      "name bots, a group with a trailing '/', or all"});
  r->with_targets(what.who, [r, what](const config::spec_ptr& spec, const ledger_view_ptr& view,
                                      const chosen& targets) {
    if (auto why = confirm(r, what, *spec, targets.instances.size(), targets.everything))
      return r->refuse(*why);
    proceed(r, what, part_of(*view, {targets.instances.begin(), targets.instances.end()}));
  });
}

order plain(verb what, bool disruptive = false) {
  order result;
  result.what = what;
  result.disruptive = disruptive;
  return result;
}

order wanting(verb what, bool stopped, bool disruptive = false) {
  auto result = plain(what, disruptive);
  result.intent_stopped = stopped;
  return result;
}

} // namespace

void handle_start(const request_ptr& r) {
  begin(r, wanting(verb::start, false));
}
void handle_stop(const request_ptr& r) {
  begin(r, wanting(verb::stop, true, true));
}
void handle_restart(const request_ptr& r) {
  begin(r, wanting(verb::restart, false, true));
}
void handle_pause(const request_ptr& r) {
  begin(r, plain(verb::pause, true));
}
void handle_resume(const request_ptr& r) {
  begin(r, plain(verb::resume));
}
void handle_reset(const request_ptr& r) {
  begin(r, plain(verb::reset));
}

void handle_recover(const request_ptr& r) {
  auto what = plain(verb::reset);
  what.only_failed = true;
  what.needs_targets = false;
  begin(r, what);
}

void handle_signal(const request_ptr& r) {
  std::string text;
  if (!r->get("signal", text))
    return;
  auto number = config::parse_signal(text);
  const bool digits = !text.empty() && text.size() < 4
                      && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (digits)
    number = std::stoi(text);
  if (number <= 0 || number > SIGRTMAX) {
    auto capitals = text;
    std::ranges::transform(capitals, capitals.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? char(c - 32) : c; });
    return r->refuse({exit_code::usage, "bad-signal", config::in_quotes(text) + " is no signal",
                      config::parse_signal(capitals) > 0
                          ? "did you mean " + capitals + "?"
                          : "write its name or number: HUP, SIGUSR1, 10"});
  }
  auto what = plain(verb::signal, true);
  what.signal = number;
  begin(r, what);
}

void handle_scale(const request_ptr& r) {
  constexpr std::uint64_t most = 10'000;
  std::string name;
  std::uint64_t count = 0;
  bool reset = false;
  bool dry_run = false;
  if (!r->get("bot", name) || !r->get("count", count, std::numeric_limits<std::uint32_t>::max())
      || !r->get("reset", reset) || !r->get("dry_run", dry_run))
    return;
  name = without_root(name);
  if (reset && count > 0)
    return r->refuse({exit_code::usage, "bad-count",
                      "scale takes a number of instances or --reset, not both", ""});
  if (!reset && (count == 0 || count > most))
    return r->refuse(
        {exit_code::usage, "bad-count", "a bot has 1 to " + std::to_string(most) + " instances",
         count > 0 ? ""
                   : "write it, or --reset for what the config tree says; `troupe stop " + name
                         + "` stops all of them"});
  r->with_spec([r, name, count, dry_run](const config::spec_ptr& spec) {
    const auto which = resolve_bot(*spec, name, r->info.name);
    if (!which)
      return r->refuse(which.error());
    if (which->index)
      return r->refuse({exit_code::usage, "bad-name",
                        config::in_quotes(name) + " is one instance; a bot is scaled as a whole",
                        "write " + config::in_quotes(which->bot->name)});
    auto result = new_document();
    result["command"] = r->info.name;
    result["dry_run"] = dry_run;
    result["bot"] = name;
    result["from"] = which->bot->instances.size();
    result["to"] = count > 0 ? count : which->bot->written_replicas;
    if (dry_run)
      return r->answer(result);
    audited(r, {}, [r, name, count, result](const audit_ptr& audit) {
      // The config actor enters this outcome together with the new number.
      auto entry = *audit;
      entry.outcome = "done";
      r->self
          ->request(r->all->config, order_timeout, scale_atom_v, name,
                    static_cast<std::uint32_t>(count), entry)
          .then(
              [r, audit, result](std::string& trouble) {
                if (trouble.empty())
                  return r->answer(result);
                if (const auto unknown = std::string{outcome_unknown} + ": ";
                    trouble.starts_with(unknown))
                  return r->refuse({exit_code::failed, std::string{outcome_unknown},
                                    trouble.substr(unknown.size()), ""});
                settle(r, audit, "refused: " + trouble, [r, trouble](const std::string&) {
                  r->refuse({exit_code::failed, "not-scaled", trouble, ""});
                });
              },
              [r](caf::error& why) { r->broken("the config actor", why); });
    });
  });
}

} // namespace troupe::commands
