// The way of a change: obtained, weighed, decided, written down, carried out.

#include "actors/clocks.hpp"
#include "actors/config.hpp"
#include "actors/loader.hpp"
#include "config/difference.hpp"
#include "config/plan_json.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

/// What goes beside the version that failed, when what was healthy comes back.
std::string undone(std::uint64_t healthy, std::uint64_t failed) {
  const auto first = healthy + 1;
  if (first >= failed)
    return {};
  return first + 1 == failed ? fmt::format(", and {} is undone too", first)
                             : fmt::format(", and {} to {} are undone too", first, failed - 1);
}

/// Whether a refusal has nothing to do with what was wanted.
bool will_pass(const refusal& why) {
  return why.code == "too-many-changes" || why.code == "loader-silent"
         || why.code == "journal-silent" || why.code == "audit-unavailable";
}

} // namespace

void config_state::enqueue(const change_ptr& change) {
  if (ending)
    return refuse(change, {exit_code::failed, "ending", "the fleet is being ended",
                           "change the tree, and start it again"});
  if (waiting.size() >= max_waiting)
    return refuse(change, {exit_code::failed, "too-many-changes",
                           fmt::format("{} changes of the config wait already", waiting.size()),
                           "try again in a moment"});
  waiting.push_back(change);
  go_on();
}

// One at a time: whatever becomes of it, a tick comes for the next.
void config_state::go_on() {
  if (deciding || waiting.empty())
    return;
  const auto change = deciding = waiting.front();
  waiting.pop_front();
  if (ending)
    refuse(change, {exit_code::failed, "ending", "the fleet is being ended", ""});
  else if (change->answer && now() > change->until)
    refuse(change, {exit_code::failed, "too-late",
                    "the changes before it took too long; nothing was changed", "try again"});
  else if (change->if_version && *change->if_version != version.number)
    refuse(change, {exit_code::failed, "version-changed",
                    fmt::format("version {} is in force, not {}: «{}», by {}", version.number,
                                *change->if_version, version.reason, version.author),
                    "look at what has changed, and say it again"});
  else
    change->obtain(change);
}

void config_state::end(const change_ptr& change, const config_reply& reply, const refusal* why) {
  if (change->answer)
    std::exchange(change->answer, nullptr)(reply, why);
  if (deciding == change) {
    deciding.reset();
    // Not from here: whoever refuses may be in the middle of something.
    self->send(self, tick_atom_v, change_tick);
  }
}

void config_state::refuse(const change_ptr& change, const refusal& why, const json& more) {
  if (change->failed != 0 && deciding == change && !ending) {
    // What failed may not stay. It is tried until it can be written down.
    spdlog::error("config cannot bring back what was before version {}: {}; it tries again",
                  change->failed, why.message);
    deciding.reset();
    waiting.push_front(change);
    self->delayed_send(self, try_again, tick_atom_v, change_tick);
    return;
  }
  if (!change->answer) {
    if (std::exchange(last_refusal, why.message) != why.message)
      spdlog::warn("config: {} is refused: {}", change->what, why.message);
    if (change->from_disk && will_pass(why))
      look_later(*change);
  }
  end(change, config_refusal(why, more), &why);
}

// -- obtaining -----------------------------------------------------------------------------

void config_state::load(const change_ptr& change, const candidate_ptr& from,
                        const config::override_map& overrides) {
  if (!services->loader)
    return refuse(change, {exit_code::failed, "no-loader", "this fleet has no config tree", ""});
  self->request(services->loader, load_timeout, load_atom_v, from, overrides)
      .then([this, change](const candidate_ptr& found) { on_candidate(change, found); },
            [this, change](const caf::error&) {
              refuse(change,
                     {exit_code::failed, "loader-silent",
                      "the config was not loaded in time; nothing was changed", "try again"});
            });
}

void config_state::read_disk(const change_ptr& change) {
  if (!services->loader)
    return refuse(change, {exit_code::failed, "no-loader", "this fleet has no config tree", ""});
  self->request(services->loader, load_timeout, read_atom_v, applied->overrides)
      .then([this, change](const candidate_ptr& found) { on_candidate(change, found); },
            [this, change](const caf::error&) {
              refuse(change, {exit_code::failed, "loader-silent",
                              "the config tree was not read in time; nothing was changed",
                              "look whether its disk answers"});
            });
}

// -- weighing ------------------------------------------------------------------------------

void config_state::on_candidate(const change_ptr& change, const candidate_ptr& candidate) {
  if (deciding != change)
    return;
  change->candidate = candidate;
  if (change->from_disk) {
    note_disk(*candidate);
    change->disk_tree = disk.tree;
  }
  if (candidate->loaded.spec)
    return weigh(change);
  const auto problems = all_problems(*candidate);
  const auto text = problem_text(problems);
  if (change->from_disk) {
    stand(disk_standing::kind::invalid, text,
          fmt::format("the tree on disk is not valid: {}; version {} stays in force", text,
                      version.number));
    // It may be the disk, and nobody tells when that is well again.
    if (!change->answer && !candidate->unread.empty())
      look_later(*change);
    if (change->automatic)
      return end(change, {});
  }
  refuse(change, {exit_code::config_invalid, "config-invalid", text, "nothing was changed"},
         {{"problems", problems_json(problems)}});
}

void config_state::weigh(const change_ptr& change) {
  if (change->whole || change->mine)
    return decide(change);
  with_conflicts(change->candidate, [this, change](const std::vector<config::conflict>& found) {
    settle_conflicts(change, found);
  });
}

// Who has set what is in conflict is of interest only when something is.
void config_state::with_conflicts(const candidate_ptr& to,
                                  std::function<void(const std::vector<config::conflict>&)> then) {
  if (to->tree == applied->tree || !applied->loaded.origins || !to->loaded.origins)
    return then({});
  const auto find = [from = applied, to](const std::vector<config_version>& past) {
    return config::find_conflicts(to->overrides, *from->loaded.origins, *to->loaded.origins,
                                  [&](const std::string& bot, const std::string&) {
                                    return setter_of(past, to->overrides, bot);
                                  });
  };
  const auto nameless = find({});
  if (nameless.empty())
    return then({});
  self->request(services->journal, request_timeout, versions_atom_v, searched_for_setter)
      .then([find, then](const version_list& past) { then(find(past.items)); },
            [nameless, then](const caf::error&) { then(nameless); });
}

void config_state::settle_conflicts(const change_ptr& change,
                                    const std::vector<config::conflict>& found) {
  if (found.empty())
    return decide(change);
  const auto& to = *change->candidate;
  change->conflicts = found;
  if (change->theirs)
    return load(change, change->candidate, config::without(to.overrides, change->conflicts));
  const auto& first = change->conflicts.front();
  const auto text = fmt::format(
      "{}{} was set by an operator, and the tree says something else now{}", first.bot,
      first.pointer,
      change->conflicts.size() > 1 ? fmt::format(" (and {} more)", change->conflicts.size() - 1)
                                   : "");
  if (change->from_disk) {
    stand(disk_standing::kind::conflict, change->disk_tree,
          fmt::format("the tree on disk is in conflict: {}; version {} stays in force", text,
                      version.number));
    if (change->automatic)
      return end(change, {});
  }
  change->plan = plan_to(to);
  refuse(change,
         {exit_code::failed, "conflict", text, "--theirs takes the tree's, --mine keeps it"},
         plan_json(to, change->plan, change->conflicts));
}

config::fleet_plan config_state::plan_to(const candidate& to) const {
  auto from = side_of(*applied);
  from.spec = in_force;
  config::plan_options options;
  options.has_process = [this](const std::string& instance) {
    const auto* known = record(instance);
    return known && has_process(known->now);
  };
  return config::make_plan(from, side_of(to), options);
}

config_state::json config_state::plan_json(const candidate& to, const config::fleet_plan& plan,
                                           const std::vector<config::conflict>& conflicts) const {
  config::plan_context around;
  around.version = version.number;
  around.hash = to.hash;
  around.problems = all_problems(to);
  around.overrides = config::list_overrides(to.overrides, to.loaded.origins.get());
  around.conflicts = conflicts;
  auto result = config::plan_document(plan, around);
  result["schema_version"] = 1;
  return result;
}

// -- deciding ------------------------------------------------------------------------------

void config_state::decide(const change_ptr& change) {
  const auto& to = *change->candidate;
  if (!change->if_hash.empty() && change->if_hash != to.hash)
    return refuse(change,
                  {exit_code::failed, "tree-changed",
                   "the tree is not any more what the plan was made of", "look at the plan again"});
  const bool stopped = version.now == version_state::stopped;
  if (to.hash == applied->hash && (change->automatic || !stopped) && change->failed == 0)
    return leave_as_it_is(change);
  if (change->automatic && weighed_tree.empty())
    return recall_past(change);
  change->plan = plan_to(to);
  // What is on disk comes by itself when it is news, and only then: it may have been applied
  // before, and then rolled back.
  if (change->automatic
      && (!applied->loaded.spec->runtime.auto_apply || change->disk_tree == weighed_tree)) {
    weighed_tree = change->disk_tree;
    stand(disk_standing::kind::differs, change->disk_tree,
          fmt::format("the tree on disk differs from version {}: {}; `troupe apply` brings it "
                      "into force",
                      version.number, plan_text(change->plan)));
    return end(change, {});
  }
  if (change->automatic && may_be_half_deleted(*change)) {
    self->delayed_send(self, second_look, reload_atom_v, change->reason, false);
    return end(change, {});
  }
  commit(change);
}

void config_state::leave_as_it_is(const change_ptr& change) {
  if (change->from_disk) {
    weighed_tree = change->disk_tree;
    stand(disk_standing::kind::same, "", "the tree on disk is what is in force again");
  }
  if (!change->answer)
    return end(change, {});
  auto document = plan_json(*change->candidate, {}, {});
  document["applied"] = false;
  document["number"] = version.number;
  document["state"] = to_string(version.now);
  auto batch = std::make_shared<journal_batch>();
  batch->audits.push_back(change->by);
  batch->audits.back().outcome = "done: nothing to change";
  self->request(services->journal, request_timeout, write_atom_v, batch, true)
      .then(
          [this, change, document](const std::string& problem) {
            if (problem.empty())
              return end(change, config_answer(document));
            refuse(change, {exit_code::failed, "audit-unavailable", problem, ""});
          },
          [this, change](const caf::error&) {
            refuse(change,
                   {exit_code::failed, "audit-unavailable", "the journal does not answer", ""});
          });
}

void config_state::commit(const change_ptr& change) {
  const auto& to = *change->candidate;
  auto batch = std::make_shared<journal_batch>();
  config_version next;
  next.time = wall_now();
  next.author = change->answer ? fmt::format("uid {}", change->by.uid) : "runtime";
  next.reason = change->reason;
  next.hash = to.hash;
  next.tree = config::to_json(to.tree);
  next.overrides = to.overrides;
  next.now = needs_update(*to.loaded.spec) ? version_state::updating : version_state::healthy;
  next.excused = version.now == version_state::healthy ? find_down() : version.excused;
  batch->applied = std::move(next);
  for (const auto& [bot, patch] : to.overrides)
    if (const auto at = applied->overrides.find(bot);
        at == applied->overrides.end() || at->second != patch)
      batch->overrides[bot] = patch;
  for (const auto& [bot, patch] : applied->overrides)
    if (!to.overrides.contains(bot))
      batch->overrides[bot] = "";
  batch->settled = unsettled;
  if (version.now == version_state::updating)
    batch->settled[version.number] =
        change->failed != 0 ? version_state::rolled_back : version_state::superseded;
  auto entry = change->by;
  entry.outcome = "done";
  entry.patch = config::version_patch(applied->tree, applied->overrides, to.tree, to.overrides);
  batch->audits.push_back(std::move(entry));
  self->request(services->journal, request_timeout, write_atom_v, batch, true)
      .then(
          [this, change, batch](const std::string& problem) {
            if (!problem.empty())
              return refuse(
                  change, {exit_code::failed, "audit-unavailable", problem, "nothing was changed"});
            std::erase_if(unsettled, [&](const auto& each) {
              const auto at = batch->settled.find(each.first);
              return at != batch->settled.end() && at->second == each.second;
            });
            carry_out(change, std::move(*batch->applied));
          },
          [this, change](const caf::error& reason) {
            // It may have been written all the same. Who comes after us finds out.
            change->failed = 0;
            refuse(change, {exit_code::failed, "outcome-unknown",
                            "the journal did not answer: whether this was written down shows in "
                            "`troupe config versions`",
                            ""});
            self->quit(reason);
          });
}

std::set<std::string> config_state::find_down() const {
  std::set<std::string> result;
  for (const auto& [instance, known] : records)
    if (const auto spec = updating::spec_of(*in_force, instance);
        spec && known.wanted && updating::went_wrong(known, *spec))
      result.insert(instance);
  return result;
}

void config_state::carry_out(const change_ptr& change, config_version next) {
  const auto from = in_force;
  const auto failed_number = version.number;
  applied = change->candidate;
  applied_tree = config_hash(applied->tree, {});
  version = std::move(next);
  version.tree.clear();
  last = version.number;
  update.reset();
  if (change->failed != 0)
    remark(fmt::format("version {} failed: {}; version {} comes back as {}{}", failed_number,
                       change->failure, last_healthy.number, version.number,
                       undone(last_healthy.number, failed_number)));
  else
    remark(fmt::format("version {} applied by {}: {}", version.number, version.author,
                       plan_text(change->plan)));
  // One may have been started just now, as it was before.
  if (version.now == version_state::healthy && needs_update(*applied->loaded.spec)) {
    version.now = version_state::updating;
    unsettled[version.number] = version.now;
    write_settled();
  }
  if (version.now == version_state::updating) {
    begin_update(from);
  } else {
    healthy = applied;
    last_healthy = version;
    put_in_force(applied->loaded.spec);
    if (change->failed != 0) // an alarm ends with its all-clear
      remark(fmt::format("version {} is healthy", version.number));
  }
  auto document = plan_json(*applied, change->plan, {});
  document["applied"] = true;
  document["number"] = version.number;
  document["state"] = to_string(version.now);
  if (change->from_disk) {
    weighed_tree = change->disk_tree;
    disk.said.clear();
    disk.now = disk_standing::kind::same;
    disk.since = wall_now();
  } else if (services->loader
             && (disk.now == disk_standing::kind::conflict || change->failed != 0)) {
    reload("another version", false); // how the tree stands to this one is told
  }
  end(change, config_answer(document));
}

} // namespace troupe
