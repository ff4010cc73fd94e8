// Carrying a version out, and bringing back the one before it.

#include "actors/clocks.hpp"
#include "actors/config.hpp"
#include "actors/ordering.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace troupe {

void config_state::begin_update(const config::spec_ptr& from, bool resumed) {
  // What was healthy once is not put to the test again: it comes back in batches, without pauses.
  const bool back = healthy && healthy->hash == applied->hash;
  update_failure.clear();
  next_wake.reset();
  ++wakes;
  updating::rollout_order order;
  order.version = version.number;
  order.from = from;
  order.to = applied->loaded.spec;
  order.proven = healthy ? healthy->loaded.spec : nullptr;
  order.back = back;
  order.resumed = resumed;
  order.excused = version.excused;
  update.emplace(*this, std::move(order));
  update->begin(records);
  if (ending)
    update->hold();
}

/// Whether there is anything to replace, or anything that must prove itself first.
bool config_state::needs_update(const config::fleet_spec& to) const {
  return !updating::find_outdated(to, records).empty()
         || !updating::find_unproven(to, healthy ? healthy->loaded.spec.get() : nullptr).empty();
}

config_state::nanoseconds config_state::now() const {
  return monotonic_now(self);
}

const instance_record* config_state::record(const std::string& instance) const {
  const auto at = records.find(instance);
  return at == records.end() ? nullptr : &at->second;
}

void config_state::put_in_force(const config::spec_ptr& mixed) {
  in_force = mixed;
  tell_all();
}

void config_state::wake_at(nanoseconds when) {
  if (next_wake && *next_wake <= when)
    return;
  next_wake = when;
  self->delayed_send(self, std::max(when - now(), nanoseconds{}), tick_atom_v,
                     first_wake + ++wakes);
}

void config_state::tick(std::uint64_t which) {
  if (which == settle_tick)
    return write_settled();
  if (which == change_tick)
    return go_on();
  if (which == look_tick) {
    look_due = false;
    return reload("once more", std::exchange(look_asked, false));
  }
  if (which != first_wake + wakes)
    return;
  next_wake.reset();
  if (update)
    update->tick();
}

void config_state::remark(const std::string& text) {
  spdlog::info("config: {}", text);
  self->send(services->ledger, remark_atom_v, text);
}

void config_state::finished() {
  version.now = version_state::healthy;
  healthy = applied;
  last_healthy = version;
  remark(fmt::format("version {} is healthy", version.number));
  unsettled[version.number] = version_state::healthy;
  settle();
}

void config_state::failed(const std::string& instance, const std::string& why) {
  update_failure = fmt::format("{} {}", instance, why);
  const auto at = applied->loaded.spec->bots.find(std::string{bot_of(instance)});
  const bool stays =
      at != applied->loaded.spec->bots.end()
      && at->second->instances.front()->update.on_failure == config::update_spec::failure::stop;
  if (!stays && healthy && healthy->hash != applied->hash)
    return bring_back(version.number, update_failure);
  version.now = version_state::stopped;
  remark(
      fmt::format("version {} stopped: {}; `troupe apply` or `troupe rollback` goes on from here",
                  version.number, update_failure));
  unsettled[version.number] = version_state::stopped;
  settle();
}

/// Before all that waits: nothing is decided on top of what failed.
void config_state::bring_back(std::uint64_t number, const std::string& failure) {
  auto change = std::make_shared<config_change>();
  change->what = "rollback";
  change->whole = true;
  change->failed = number;
  change->failure = failure;
  change->reason = fmt::format("rollback of {}: {}", number, failure);
  change->by = own_entry("update", fmt::format("rollback of {}", number));
  change->obtain = [this](const change_ptr& it) {
    if (version.number != it->failed || !healthy)
      return end(it, {}); // something newer has come
    on_candidate(it, healthy);
  };
  waiting.push_front(change);
  go_on();
}

// First what the instances came to, then what the version has: so that no runtime finds a version
// done and an instance that is behind it.
void config_state::settle() {
  self->request(services->ledger, request_timeout, flush_atom_v)
      .then([this](bool) { write_settled(); },
            [this](const caf::error&) {
              self->delayed_send(self, try_again, tick_atom_v, settle_tick);
            });
}

void config_state::write_settled() {
  if (settling || unsettled.empty())
    return;
  settling = true;
  auto batch = std::make_shared<journal_batch>();
  batch->settled = unsettled;
  const auto done = [this, batch](const std::string& problem) {
    settling = false;
    if (problem.empty())
      std::erase_if(unsettled, [&](const auto& each) {
        const auto at = batch->settled.find(each.first);
        return at != batch->settled.end() && at->second == each.second;
      });
    if (!unsettled.empty())
      self->delayed_send(self, try_again, tick_atom_v, settle_tick);
  };
  self->request(services->journal, request_timeout, write_atom_v, batch, true)
      .then(done, [done](const caf::error&) { done("no answer"); });
}

} // namespace troupe
