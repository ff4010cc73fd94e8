#include "actors/launcher.hpp"

#include "actors/clocks.hpp"
#include "actors/look.hpp"
#include "actors/ordering.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>

namespace troupe {

namespace {

constexpr std::uint64_t strangers_tick = 0; // others are generations of the queue's tick

/// For so long after a new spec an instance may be without a proxy.
constexpr std::chrono::seconds time_to_adopt{2};

} // namespace

void launcher_state::init(std::shared_ptr<process_host> given) {
  host = std::move(given);
  auto me = caf::actor_cast<launcher_actor>(self);
  host->on_event([me](process_event what) {
    std::visit([&me](auto& x) { caf::anon_send(me, std::move(x)); }, what);
  });
  for (auto& slot : host->adoptable())
    if (slot.pid == 0 && !slot.end)
      queue.note_under_way(slot.instance, slot.incarnation, monotonic_now(self));
    else
      slots[slot.instance].push_back(std::move(slot));
}

// The links of a hub that is gone are gone with it.
void launcher_state::wire(services_ptr replaced) {
  const bool new_hub = services && services->hub && services->hub != replaced->hub;
  services = std::move(replaced);
  if (!new_hub)
    return;
  for (const auto& [instance, told] : std::exchange(links, {}))
    forward(notice{
        instance, told.front().incarnation, notice::kind::unlinked, "the hub was replaced", {}});
}

void launcher_state::apply(const config::spec_ptr& fleet) {
  queue.limits(fleet->runtime);
  pump();
}

adoptees launcher_state::adopt(const std::string& instance, const lineage& by) {
  if (auto who = caf::actor_cast<proxy_actor>(self->current_sender()))
    if (auto& known = owners[instance]; known.by < by) {
      self->monitor(who);
      known = {who, by};
    }
  adoptees result;
  result.launching = queue.pending(instance);
  if (const auto at = slots.find(instance); at != slots.end())
    for (const auto& slot : at->second) {
      auto& found = result.items.emplace_back(adoptee{slot, 0, {}});
      if (!slot.end)
        continue;
      const auto rest = end_of(*slot.end);
      found.left = rest.left;
      found.output = rest.output;
    }
  return result;
}

// -- starting ------------------------------------------------------------------------------

void launcher_state::add(const launch& what, bool restart) {
  queue.add(what, restart);
  pump();
}

void launcher_state::withdraw(const std::string& instance, std::uint64_t incarnation) {
  if (queue.withdraw(instance, incarnation))
    forward(spawn_failed{instance, incarnation, "withdrawn before it was started"});
}

void launcher_state::pump() {
  const auto now = monotonic_now(self);
  for (const auto& each : queue.take(now)) {
    forward(notice{each.instance, each.incarnation, notice::kind::begun, {}, {}});
    host->spawn(each);
  }
  if (const auto at = queue.wake_at(now))
    self->delayed_send(self, *at - now, tick_atom_v, ++generation);
}

void launcher_state::tick(std::uint64_t which) {
  if (which == strangers_tick)
    end_strangers();
  else if (which == generation)
    pump();
}

void launcher_state::on_spawned(const spawned& what) {
  spdlog::debug("launcher hears that {}@{} is process {}", what.instance, what.incarnation,
                what.pid);
  queue.confirmed(what.instance, what.incarnation);
  if (!find_slot(what.instance, what.incarnation))
    slots[what.instance].push_back(
        {what.instance, what.incarnation, what.pid, wall_now(), {}, 0, what.settings});
  if (is_stranger(what.instance))
    end_stranger(what.instance);
  else
    forward(what);
  pump();
}

void launcher_state::on_spawn_failed(const spawn_failed& what) {
  settled(what.instance, what.incarnation);
  forward(what);
}

// Its slot is free for another start.
void launcher_state::settled(const std::string& instance, std::uint64_t incarnation) {
  queue.settled(instance, incarnation);
  pump();
}

// -- ending --------------------------------------------------------------------------------

std::string launcher_state::signal(const std::string& instance, std::uint64_t incarnation,
                                   int signal, bool all) {
  if (all && signal != SIGKILL)
    asked_to_end[instance] = incarnation;
  return host->signal(instance, incarnation, signal, all);
}

std::uint32_t launcher_state::sweep(const std::string& instance, std::uint64_t incarnation,
                                    sweeping how) {
  if (how == sweeping::look)
    return static_cast<std::uint32_t>(host->strays(instance, incarnation));
  asked_to_end.erase(instance);
  return static_cast<std::uint32_t>(host->sweep(instance, incarnation, how == sweeping::all));
}

// What the main process leaves is killed, unless all were asked to end and still have time.
process_end launcher_state::end_of(const exited& what) {
  const auto asked = asked_to_end.find(what.instance);
  const bool polite = asked != asked_to_end.end() && asked->second == what.incarnation;
  const auto left =
      sweep(what.instance, what.incarnation, polite ? sweeping::look : sweeping::rest);
  return {what, left, host->tail(what.instance, what.incarnation)};
}

void launcher_state::on_exited(const exited& what) {
  if (auto* slot = find_slot(what.instance, what.incarnation))
    slot->end = what;
  forget_link(what.instance, what.incarnation);
  const auto end = end_of(what);
  settled(what.instance, what.incarnation);
  if (owners.contains(what.instance))
    return forward(end);
  if (is_stranger(what.instance) && services)
    self->send(services->ledger,
               death{what.instance, what.incarnation, what.at, to_string(what.status), what.status,
                     what.uptime, what.cpu_time, what.max_memory, end.output});
}

void launcher_state::on_stalled(const stalled& what) {
  forward(what);
}

void launcher_state::on_notice(const notice& what) {
  if (what.what == notice::kind::ready || what.what == notice::kind::says_ready)
    settled(what.instance, what.incarnation);
  note_link(what);
  forward(what);
}

void launcher_state::note_link(const notice& what) {
  using enum notice::kind;
  const auto drop = [](std::vector<notice>& told, notice::kind which) {
    std::erase_if(told, [which](const notice& x) { return x.what == which; });
  };
  const auto at = links.find(what.instance);
  const bool known = at != links.end() && at->second.front().incarnation == what.incarnation;
  if (what.what == linked) {
    if (at == links.end() || at->second.front().incarnation <= what.incarnation)
      links.insert_or_assign(what.instance, std::vector{what});
  } else if (known && what.what == unlinked) {
    links.erase(at);
  } else if (known && (what.what == silent || what.what == says_ready)) {
    drop(at->second, what.what);
    at->second.push_back(what);
  } else if (known && what.what == answers) {
    drop(at->second, silent);
  }
}

void launcher_state::forget_link(const std::string& instance, std::uint64_t incarnation) {
  if (const auto at = links.find(instance);
      at != links.end() && at->second.front().incarnation <= incarnation)
    links.erase(at);
}

void launcher_state::attend(const launch& what, bool check_ready) {
  host->attend(what, check_ready);
  if (const auto at = links.find(what.instance);
      at != links.end() && at->second.front().incarnation == what.incarnation)
    for (const auto& each : at->second)
      forward(each);
}

void launcher_state::on_hook_end(const hook_end& what) {
  forward(what);
}

void launcher_state::commit(const std::string& instance, std::uint64_t incarnation) {
  const auto at = slots.find(instance);
  if (at == slots.end())
    return;
  const auto gone = std::erase_if(at->second, [&](const slot_info& x) {
    return x.incarnation == incarnation && x.end.has_value();
  });
  if (at->second.empty())
    slots.erase(at);
  if (const auto asked = asked_to_end.find(instance);
      asked != asked_to_end.end() && asked->second <= incarnation)
    asked_to_end.erase(asked);
  forget_link(instance, incarnation);
  if (gone > 0)
    host->release(instance, incarnation);
}

void launcher_state::retain(const config::spec_ptr& fleet) {
  expected.emplace();
  for (const auto& [bot, entry] : fleet->bots)
    for (std::size_t i = 0; i < entry->instances.size(); ++i)
      expected->insert(instance_name(bot, i));
  // Right after a start some may not have been taken over yet.
  self->delayed_send(self, time_to_adopt, tick_atom_v, strangers_tick);
}

void launcher_state::end_strangers() {
  std::vector<std::string> strangers;
  for (const auto& [instance, all] : slots)
    if (is_stranger(instance))
      strangers.push_back(instance);
  for (const auto& instance : strangers)
    end_stranger(instance);
}

// Nobody is in charge, and nobody will be: an instance that is no longer in the config.
bool launcher_state::is_stranger(const std::string& instance) const {
  return expected && !expected->contains(instance) && !owners.contains(instance);
}

void launcher_state::on_down(const caf::down_msg& message) {
  const auto at = std::find_if(owners.begin(), owners.end(), [&](const auto& x) {
    return x.second.who.address() == message.source;
  });
  if (at == owners.end())
    return; // another one has taken charge
  const auto instance = at->first;
  owners.erase(at);
  if (slots.contains(instance) && is_stranger(instance))
    end_stranger(instance);
}

void launcher_state::end_stranger(const std::string& instance) {
  const auto all = slots[instance];
  if (std::ranges::any_of(all, [](const slot_info& slot) { return !slot.end; }))
    spdlog::warn("launcher ends {}: no instance of the config", instance);
  for (const auto& slot : all) {
    if (slot.end)
      on_exited(*slot.end);
    else
      host->sweep(instance, slot.incarnation, true);
  }
}

// -- the rest ------------------------------------------------------------------------------

template <class Message>
void launcher_state::forward(const Message& what) {
  const auto& instance = [&]() -> const std::string& {
    if constexpr (requires { what.how; })
      return what.how.instance;
    else
      return what.instance;
  }();
  if (const auto at = owners.find(instance); at != owners.end())
    self->send(at->second.who, what);
}

slot_info* launcher_state::find_slot(const std::string& instance, std::uint64_t incarnation) {
  const auto at = slots.find(instance);
  if (at == slots.end())
    return nullptr;
  for (auto& slot : at->second)
    if (slot.incarnation == incarnation)
      return &slot;
  return nullptr;
}

// Nothing when there are too many already: they hang, or somebody asks too much.
look_actor launcher_state::new_look() {
  if (looking->fetch_add(1) >= most_looks) {
    --*looking;
    return {};
  }
  // As this actor: in a thread of its own, or, in tests, in turn with all others.
  return self->getf(caf::abstract_actor::is_detached_flag)
             ? self->spawn<caf::detached>(look, host, looking)
             : self->spawn(look, host, looking);
}

namespace {

template <class Report>
Report too_many_looks() {
  Report result;
  result.trouble = "too many are being looked at; try again in a moment";
  return result;
}

} // namespace

caf::result<environment_report> launcher_state::environment(const launch& what) {
  const auto by = new_look();
  if (!by)
    return too_many_looks<environment_report>();
  return self->delegate(by, environ_atom_v, what);
}

caf::result<limits_report> launcher_state::limits(const launches& what) {
  const auto by = new_look();
  if (!by)
    return too_many_looks<limits_report>();
  return self->delegate(by, limits_atom_v, what);
}

caf::result<figures> launcher_state::machine() {
  figures own;
  own.set("starts_queued", queue.queued());
  own.set("starts_under_way", queue.under_way());
  own.set("restart_tokens", queue.tokens(monotonic_now(self)));
  const auto by = new_look();
  if (!by)
    return own;
  return self->delegate(by, figures_atom_v, own);
}

usage_map launcher_state::sample(const std::vector<std::string>& instances) {
  usage_map result;
  for (const auto& instance : instances)
    if (const auto at = slots.find(instance); at != slots.end() && !at->second.back().end)
      if (auto now = host->sample(instance, at->second.back().incarnation))
        result.of.emplace(instance, *now);
  return result;
}

launcher_actor::behavior_type launcher(launcher_state::pointer self,
                                       std::shared_ptr<process_host> host) {
  auto* st = &self->state;
  self->set_default_handler(caf::drop);
  self->set_down_handler([st](caf::down_msg& x) { st->on_down(x); });
  st->init(std::move(host));
  return {
      [st](wire_atom, const services_ptr& x) { st->wire(x); },
      [st](apply_atom, const config::spec_ptr& fleet) { st->apply(fleet); },
      [st](adopt_atom, const std::string& instance, const lineage& by) {
        return st->adopt(instance, by);
      },
      [st](const launch& what, bool restart) { st->add(what, restart); },
      [st](withdraw_atom, const std::string& instance, std::uint64_t incarnation) {
        st->withdraw(instance, incarnation);
      },
      [st](signal_atom, const std::string& instance, std::uint64_t incarnation, int signal,
           bool all) { return st->signal(instance, incarnation, signal, all); },
      [st](adjust_atom, const launch& what) { return st->host->adjust(what); },
      [st](freeze_atom, const std::string& instance, std::uint64_t incarnation, bool on) {
        return st->host->freeze(instance, incarnation, on);
      },
      [st](sweep_atom, const std::string& instance, std::uint64_t incarnation, sweeping how) {
        return st->sweep(instance, incarnation, how);
      },
      [st](tail_atom, const std::string& instance, std::uint64_t incarnation) {
        return st->host->tail(instance, incarnation);
      },
      [st](commit_atom, const std::string& instance, std::uint64_t incarnation) {
        st->commit(instance, incarnation);
      },
      [st](attend_atom, const launch& what, bool check_ready) { st->attend(what, check_ready); },
      [st](hook_atom, const launch& what, hook which) { st->host->run_hook(what, which); },
      [st](sample_atom, const std::vector<std::string>& instances) {
        return st->sample(instances);
      },
      [st](environ_atom, const launch& what) { return st->environment(what); },
      [st](limits_atom, const launches& what) { return st->limits(what); },
      [st](figures_atom) { return st->machine(); },
      [st](report_atom) { return st->host->isolation(); },
      [st](const spawned& x) { st->on_spawned(x); },
      [st](const spawn_failed& x) { st->on_spawn_failed(x); },
      [st](const exited& x) { st->on_exited(x); },
      [st](const stalled& x) { st->on_stalled(x); },
      [st](const notice& x) { st->on_notice(x); },
      [st](const hook_end& x) { st->on_hook_end(x); },
      [st](retain_atom, const config::spec_ptr& fleet) { st->retain(fleet); },
      [st](tick_atom, std::uint64_t generation) { st->tick(generation); },
  };
}

} // namespace troupe
