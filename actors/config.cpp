#include "actors/config.hpp"

#include "actors/clocks.hpp"
#include "actors/loader.hpp"
#include "actors/ordering.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace troupe {

config_args config_args_for(candidate_ptr applied, const journal_contents& kept) {
  config_args result;
  result.applied = std::move(applied);
  result.last = kept.version;
  for (const auto& [bot, patch] : kept.overrides)
    if (!result.applied->overrides.contains(bot))
      result.unfit.insert(bot);
  result.fresh = kept.fresh || !kept.applied;
  if (result.fresh)
    return result;
  result.version = *kept.applied;
  result.version.tree.clear();
  if (!kept.healthy)
    return result;
  result.last_healthy = *kept.healthy;
  result.last_healthy.tree.clear();
  if (auto tree = config::tree_from_json(kept.healthy->tree))
    if (auto loaded = make_candidate(std::move(*tree), kept.healthy->overrides);
        loaded->loaded.spec)
      result.healthy = std::move(loaded);
  return result;
}

// -- beginning -----------------------------------------------------------------------------

void config_state::init(config_args given) {
  args = std::move(given);
  applied = args.applied;
  in_force = applied->loaded.spec;
}

void config_state::wire(services_ptr replaced) {
  services = std::move(replaced);
  if (begun)
    return tell_all();
  begun = true;
  if (args.replacement)
    recall();
  else
    meet_instances();
}

// Nothing else is heard before all that is known.
void config_state::recall() {
  self->request(services->journal, request_timeout, view_atom_v)
      .await(
          [this](const journal_contents_ptr& kept) {
            last = kept->version;
            if (!kept->applied)
              return meet_instances(); // it could not be written down; the same tree is tried again
            args.version = *kept->applied;
            args.fresh = false;
            // Nobody changed it: no need to load it anew.
            if (args.applied->hash == args.version.hash || !services->loader)
              return recall_healthy(kept);
            self->request(services->loader, request_timeout, load_atom_v, *kept->applied)
                .await(
                    [this, kept](const candidate_ptr& loaded) {
                      if (!loaded->loaded.spec)
                        return self->quit(caf::make_error(caf::sec::runtime_error,
                                                          "the applied config does not load: "
                                                              + problem_text(loaded->unread)));
                      args.applied = loaded;
                      recall_healthy(kept);
                    },
                    [this](const caf::error& reason) { self->quit(reason); });
          },
          [this](const caf::error& reason) { self->quit(reason); });
}

void config_state::recall_healthy(journal_contents_ptr kept) {
  args.version.tree.clear();
  args.healthy = nullptr;
  if (!kept->healthy || !services->loader)
    return meet_instances();
  args.last_healthy = *kept->healthy;
  args.last_healthy.tree.clear();
  self->request(services->loader, request_timeout, load_atom_v, *kept->healthy)
      .await(
          [this](const candidate_ptr& loaded) {
            if (loaded->loaded.spec)
              args.healthy = loaded;
            meet_instances();
          },
          [this](const caf::error& reason) { self->quit(reason); });
}

void config_state::meet_instances() {
  self->request(services->ledger, request_timeout, view_atom_v, std::vector<std::string>{})
      .await([this](const ledger_view_ptr& view) { take_over(*view); },
             [this](const caf::error& reason) { self->quit(reason); });
}

void config_state::take_over(const ledger_view& view) {
  applied = args.applied;
  in_force = applied->loaded.spec;
  applied_tree = config_hash(applied->tree, {});
  version = args.version;
  last = std::max({last, args.last, version.number});
  healthy = args.healthy;
  last_healthy = args.last_healthy;
  if (!healthy && (args.fresh || version.now == version_state::healthy)) {
    healthy = applied;
    last_healthy = version;
  }
  for (const auto& record : view.records)
    records[record.name] = record;
  // What was committed last may be older than the processes that there are.
  if (!args.replacement) {
    const auto before = records;
    for (auto& [instance, record] : records)
      if (has_process(record.now)) // unless it is found below
        record.now = state::waiting;
    for (const auto& slot : args.slots)
      meet(slot, before);
  }
  if (std::exchange(args.fresh, false))
    record_first();
  else
    resume();
}

void config_state::meet(const slot_info& slot, const updating::record_map& before) {
  const auto at = before.find(slot.instance);
  const auto* known = at == before.end() ? nullptr : &at->second;
  auto& record = records[slot.instance];
  if (slot.incarnation < record.incarnation)
    return;
  record.incarnation = slot.incarnation;
  record.settings = slot.settings;
  if (!known) {
    record.name = slot.instance;
    record.bot = bot_of(slot.instance);
    const auto spec = updating::spec_of(*applied->loaded.spec, slot.instance);
    record.wanted = spec && spec->autostart;
    record.now = state::waiting;
  }
  if (slot.end)
    return;
  // What the record says of a process it says of that one only.
  record.now = known && known->incarnation == slot.incarnation && has_process(known->now)
                   ? known->now
                   : state::starting;
}

/// A fleet that starts anew with what it had last time makes no new version.
void config_state::record_first() {
  self->request(services->journal, request_timeout, versions_atom_v, std::uint32_t{1})
      .await(
          [this](const version_list& kept) {
            if (!args.unfit.empty() || kept.items.empty()
                || kept.items.front().hash != applied->hash || applied->hash.empty())
              return write_first();
            version = kept.items.front();
            last = std::max(last, version.number);
            version.now = version_state::healthy;
            last_healthy = version;
            // With this it counts as applied in this run.
            unsettled[version.number] = version_state::healthy;
            write_settled();
            resume();
          },
          [this](const caf::error&) { write_first(); });
}

void config_state::write_first() {
  auto batch = std::make_shared<journal_batch>();
  version = {};
  version.time = wall_now();
  version.author = "runtime";
  version.reason = "the fleet starts";
  version.hash = applied->hash;
  version.overrides = applied->overrides;
  batch->applied = version;
  batch->applied->tree = config::to_json(applied->tree);
  for (const auto& bot : args.unfit)
    batch->overrides[bot] = "";
  const auto lost = [this](const std::string& problem) {
    spdlog::error("config cannot record the applied tree: {}; after a death of the runtime it "
                  "would be read from disk again",
                  problem);
    resume();
  };
  self->request(services->journal, request_timeout, write_atom_v, batch, false)
      .await(
          [this, batch, lost](const std::string& problem) {
            if (!problem.empty())
              return lost(problem);
            version.number = last = batch->applied->number;
            last_healthy = version;
            resume();
          },
          [this, lost](const caf::error& reason) { lost(self->system().render(reason)); });
}

void config_state::resume() {
  const auto& to = applied->loaded.spec;
  const auto from = healthy ? healthy->loaded.spec : nullptr;
  const auto outdated = updating::find_outdated(*to, records);
  if (version.now == version_state::stopped) {
    put_in_force(updating::mixture(to, {from}, updating::find_untold(*to, records)));
  } else if (version.now == version_state::updating || !outdated.empty()) {
    spdlog::info("config goes on with version {}", version.number);
    begin_update(from, true);
  } else {
    put_in_force(to);
  }
  go_on();
  if (args.replacement && services->loader) // what the one before it was told is forgotten
    reload("another config actor", false);
}

// -- in force ------------------------------------------------------------------------------

void config_state::tell_all() {
  if (!in_force)
    return;
  self->send(services->ledger, retain_atom_v, in_force, version.number);
  self->send(services->launcher, apply_atom_v, in_force);
  self->send(services->launcher, retain_atom_v, in_force);
  if (services->switchboard)
    self->send(services->switchboard, apply_atom_v, in_force, version.number);
  self->send(services->root, apply_atom_v, in_force->root, in_force);
}

void config_state::note(const instance_record& record) {
  if (!has_process(record.now) && !updating::spec_of(*in_force, record.name)) {
    records.erase(record.name);
    return;
  }
  records[record.name] = record;
  if (update)
    update->note(record);
}

void config_state::stop() {
  ending = true;
  if (update)
    update->hold();
}

config_actor::behavior_type config_owner(config_state::pointer self, config_args args) {
  auto* st = &self->state;
  self->set_default_handler(caf::drop);
  st->init(std::move(args));
  return {
      [st](wire_atom, const services_ptr& x) { st->wire(x); },
      [st](view_atom) { return st->in_force; },
      [st](const config_request& x) { return st->ask(x); },
      [st](reload_atom, const std::string& why, bool asked) { st->reload(why, asked); },
      [st](note_atom, const instance_record& record) { st->note(record); },
      [st](tick_atom, std::uint64_t which) { st->tick(which); },
      [st](stop_atom) { st->stop(); },
      [st](scale_atom, const std::string& bot, std::uint32_t replicas, const audit_entry& audit) {
        return st->scale(bot, replicas, audit);
      },
  };
}

} // namespace troupe
