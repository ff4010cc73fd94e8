#include "actors/supervisor.hpp"

#include "actors/clocks.hpp"
#include "actors/proxy.hpp"
#include "actors/updating/changes.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace troupe {

namespace {

/// How often actors may throw before the one above must help; what a process does
/// never counts.
constexpr config::rate_spec actor_intensity{10, std::chrono::minutes{1}};

constexpr const char* gone_from_config = "it is no longer in the config";

} // namespace

// -- children ------------------------------------------------------------------------------

void supervisor_state::init(supervisor_args given) {
  args = std::move(given);
  args.by = args.by.then(self->id());
  up_since = monotonic_now(self);
  if (auto group = args.group)
    apply(std::move(group), args.fleet);
}

void supervisor_state::wire(services_ptr replaced) {
  args.services = std::move(replaced);
  for (auto& [full_name, each] : children)
    self->send(each.handle, wire_atom_v, args.services);
  if (args.group)
    apply(args.group, args.fleet);
}

void supervisor_state::apply(config::group_ptr group, config::spec_ptr fleet) {
  const auto before = std::exchange(args.group, std::move(group));
  args.fleet = std::move(fleet);
  if (removed)
    return; // no child comes, all go
  bool changed =
      before && (before->how != args.group->how || before->intensity != args.group->intensity);
  conditions.clear();
  auto needed = std::exchange(needs, sibling_order(*args.fleet, *args.group));
  std::set<std::string> present;
  std::set<std::string> units;
  std::set<std::string> watched;
  std::size_t position = 0;
  for (const auto& entry : args.group->children) {
    if (entry.group) {
      present.insert(entry.group->name);
      units.insert(entry.group->name);
      child fresh;
      fresh.unit = entry.group->name;
      fresh.position = position++;
      fresh.group = entry.group;
      changed |= put(entry.group->name, std::move(fresh));
      continue;
    }
    const auto& bot = *entry.bot;
    units.insert(bot.name);
    auto& waits_for = conditions[bot.name] = start_conditions(*args.fleet, bot.name);
    for (const auto& each : waits_for)
      watched.insert(each.on.target);
    for (std::size_t i = 0; i < bot.instances.size(); ++i) {
      auto full_name = instance_name(bot.name, i);
      present.insert(full_name);
      child fresh;
      fresh.unit = bot.name;
      fresh.position = position;
      fresh.spec = bot.instances[i];
      changed |= put(full_name, std::move(fresh));
    }
    ++position;
  }
  // All are marked before the first is told, so that they end in order. What goes ends in the
  // order that it had.
  for (auto& [full_name, each] : children) {
    if (const auto at = needed.find(each.unit); at != needed.end() && !units.contains(each.unit))
      needs.insert(*at);
    if (present.contains(full_name) || std::exchange(each.leaving, true))
      continue;
    mark_to_end(full_name, ending::remove, gone_from_config);
    changed = true; // it may have been at fault
  }
  replace_outdated();
  may_go_on = true; // the order may be another one
  if (!watched.empty())
    self->send(args.services->ledger, watch_atom_v,
               std::vector<std::string>(watched.begin(), watched.end()));
  tell_ledger();
  if (changed && given_up && !stopping) { // it deserves a new try
    policy = {};
    why = "its config has changed";
    come_back();
  } else {
    settle();
  }
  if (const auto cause = std::exchange(stop_when_told, std::nullopt))
    stop(*cause);
}

// True when what it was is changed in what may have made it fail.
bool supervisor_state::put(const std::string& full_name, child fresh) {
  auto at = children.find(full_name);
  if (at == children.end()) {
    auto& added = children.emplace(full_name, std::move(fresh)).first->second;
    if (!stopping)
      spawn(full_name, added);
    return false;
  }
  auto& there = at->second;
  there.position = fresh.position;
  // One that is leaving comes back under this spec once it has left (on_exit).
  const bool same_spec =
      fresh.spec && there.spec && (fresh.spec == there.spec || *fresh.spec == *there.spec);
  const bool changed =
      !same_spec && fresh.spec && there.spec && deserves_new_try(*there.spec, *fresh.spec);
  if (!same_spec && there.spec && !out_of_date(there.settings, *there.spec))
    there.outdated = there.spec;
  there.spec = std::move(fresh.spec);
  there.group = std::move(fresh.group);
  if (std::exchange(there.leaving, false)) {
    if (to_end.erase(full_name) == 0)
      return changed;
    ending_now.erase(full_name); // it has not been told, so it just stays
    may_go_on = true;
  }
  if (there.as_group)
    self->send(there.as_group, apply_atom_v, there.group, args.fleet);
  else if (!same_spec)
    self->send(there.as_proxy, apply_atom_v, there.spec);
  return changed;
}

void supervisor_state::spawn(const std::string& full_name, child& what) {
  auto me = caf::actor_cast<supervisor_actor>(self);
  if (what.group) {
    what.as_group = self->spawn<caf::linked>(
        supervisor,
        supervisor_args{full_name, me, {}, args.services, what.group, args.fleet, args.by});
    what.handle = what.as_group;
  } else {
    what.as_proxy = self->spawn<caf::linked>(
        proxy, proxy_args{full_name, me, args.services, what.spec, args.by});
    what.handle = what.as_proxy;
  }
  set_busy(what); // it has not looked yet whether something is there
}

void supervisor_state::count(const child& what, int sign) {
  // Counted, not searched: a large group reports often.
  living += has_process(what.now) ? sign : 0;
  occupied += what.occupied() ? sign : 0;
  wanted += what.wanted ? sign : 0;
}

void supervisor_state::set_busy(child& what) {
  count(what, -1);
  what.busy = true;
  count(what, +1);
}

void supervisor_state::on_exit(const caf::exit_msg& message) {
  const auto at = std::find_if(children.begin(), children.end(), [&](const auto& x) {
    return x.second.handle && x.second.handle.address() == message.source;
  });
  if (at == children.end()) {
    // The parent: it was replaced, and so are we.
    if (message.reason)
      self->quit(message.reason);
    return;
  }
  auto& [full_name, gone] = *at;
  asks.erase(full_name);
  if (message.reason == caf::exit_reason::normal && gone.leaving) {
    known.forget(full_name);
    culprits.erase(full_name);
    held.erase(full_name);
    to_end.erase(full_name);
    ending_now.erase(full_name);
    count(gone, -1);
    children.erase(at);
    may_go_on = !to_end.empty();
    return settle();
  }
  if (message.reason != caf::exit_reason::normal) {
    spdlog::error("supervisor {} replaces the actor of {}: {}", shown_name(), full_name,
                  self->system().render(message.reason));
    if (passes(replacements, actor_intensity, monotonic_now(self))) {
      self->quit(message.reason);
      return;
    }
  }
  if (message.reason == caf::exit_reason::normal) { // it left, and came back
    to_end.erase(full_name);
    ending_now.erase(full_name);
    may_go_on = true;
  }
  spawn(full_name, gone);
  order_anew(full_name, gone);
}

// What it was told may have gone with the actor that it was told to.
void supervisor_state::order_anew(const std::string& full_name, const child& what) {
  if (what.leaving)
    send_order(what, {ending::remove, gone_from_config});
  else if (stopping)
    send_order(what, {ending::stop, why});
  else if (const auto at = ending_now.find(full_name);
           at != ending_now.end() && !to_end.contains(full_name))
    send_order(what, at->second);
  else if (holding || held.contains(full_name))
    send_order(what, {ending::recycle, holding ? why : round_cause});
}

// -- starting ------------------------------------------------------------------------------

void supervisor_state::on_ask(const std::string& full_name) {
  if (!children.contains(full_name))
    return;
  asks.try_emplace(full_name);
  culprits.erase(full_name);
  settle();
}

void supervisor_state::on_note(const std::string& instance, std::uint8_t now,
                               const std::vector<std::string>& printed) {
  if (now < state_count)
    known.note(instance, static_cast<state>(now), printed);
  answer_asks();
}

void supervisor_state::answer_asks() {
  std::map<std::string, std::string> missing; // fellow replicas wait for the same
  for (auto at = asks.begin(); at != asks.end();) {
    auto& each = children.at(at->first);
    if (auto reason = why_not(at->first, each, missing); reason.empty()) {
      spdlog::debug("supervisor {} admits {}", shown_name(), at->first);
      self->send(each.handle, admit_atom_v);
      set_busy(each); // until it reports
      at = asks.erase(at);
    } else {
      if (reason != at->second) {
        spdlog::debug("supervisor {} holds {}: {}", shown_name(), at->first, reason);
        self->send(each.handle, hold_atom_v, reason);
      }
      at->second = std::move(reason);
      ++at;
    }
  }
}

std::string supervisor_state::why_not(const std::string& full_name, const child& what,
                                      std::map<std::string, std::string>& missing) const {
  if (stopping || what.leaving)
    return why;
  if (holding)
    return why;
  if (held.contains(full_name))
    return round_cause;
  if (const auto at = needs.find(what.unit); at != needs.end())
    for (const auto& [other, order] : ending_now)
      if (order.how == ending::recycle && at->second.contains(children.at(other).unit))
        return "waits for " + other + " (being restarted)";
  const auto conditions_of = conditions.find(what.unit);
  if (conditions_of == conditions.end())
    return {};
  const auto [known_reason, is_new] = missing.try_emplace(what.unit);
  if (is_new)
    for (const auto& condition : conditions_of->second)
      if (auto lacking = known.missing(*args.fleet, condition); !lacking.empty()) {
        known_reason->second = "waits for " + lacking;
        break;
      }
  return known_reason->second;
}

void supervisor_state::hold(const std::string& cause) {
  why = cause;
  answer_asks();
}

void supervisor_state::on_report(const child_report& report) {
  const auto at = children.find(report.child);
  if (at == children.end())
    return;
  spdlog::debug("supervisor {} hears that {} is {}{}{}", shown_name(), report.child,
                troupe::to_string(report.now), report.busy ? ", busy" : "",
                report.ended ? ", ended" : "");
  auto& each = at->second;
  const bool was_occupied = each.occupied();
  count(each, -1);
  each.now = report.now;
  each.wanted = report.wanted;
  each.busy = report.busy;
  each.settings = report.settings;
  count(each, +1);
  if (was_occupied && !each.occupied())
    note_end(report.child, each);
  if (each.as_proxy)
    known.note(report.child, report.now, report.printed);
  // A group asks once and goes on waiting, whether somebody in it is wanted now or not.
  if (report.now == state::failed || report.now == state::backoff
      || (each.as_proxy && !report.wanted))
    asks.erase(report.child);
  if (!report.wanted || report.now == state::completed)
    culprits.erase(report.child);
  if (report.ended && !stopping && !each.leaving)
    strategize(report.child, report.cause);
  else if (each.now != state::stopping && has_process(each.now))
    keep_down(report.child);
  if (is_outdated(report.child, each)) // it was found like that, or was under way
    replace_outdated();
  settle();
}

void supervisor_state::admit() {
  holding = asked = false;
  given_up.reset();
  up_since = monotonic_now(self);
  why.clear();
  settle();
  tell(false, why); // the parent counts on it
}

// -- reporting -----------------------------------------------------------------------------

state supervisor_state::overall() const {
  if ((stopping || holding) && occupied > 0)
    return state::stopping;
  if (stopping)
    return state::stopped;
  if (given_up)
    return *given_up;
  if (living > 0)
    return state::running;
  return holding || wanted > 0 ? state::waiting : state::stopped;
}

void supervisor_state::settle() {
  if (!args.group)
    return;
  go_on_ending();
  finish_round();
  answer_asks();
  if (holding && !asked && !stopping && occupied == 0 && to_end.empty()) {
    asked = true;
    if (args.parent)
      self->send(args.parent, ask_atom_v, args.name);
    else
      return admit();
  }
  if (overall() != told || (wanted > 0) != told_wanted || (occupied > 0) != told_busy)
    tell(false, why);
  if (removed && children.empty())
    self->quit();
}

void supervisor_state::tell(bool ended, const std::string& cause) {
  told = overall();
  told_wanted = wanted > 0;
  told_busy = occupied > 0;
  child_report report{args.name, told, told_wanted, ended, cause, told_busy, {}, 0};
  if (args.parent)
    self->send(args.parent, std::move(report));
  else if (args.guardian)
    self->send(args.guardian, std::move(report));
  tell_ledger();
}

void supervisor_state::tell_ledger() {
  self->send(args.services->ledger,
             group_record{args.name, args.group->how, given_up ? *given_up : told, why,
                          given_up ? next : std::nullopt, args.by});
}

const std::string& supervisor_state::shown_name() const {
  static const std::string root{"root"};
  return args.name.empty() ? root : args.name;
}

supervisor_actor::behavior_type supervisor(supervisor_state::pointer self, supervisor_args args) {
  auto* st = &self->state;
  self->set_default_handler(caf::drop);
  self->set_exit_handler([st](caf::exit_msg& x) { st->on_exit(x); });
  st->init(std::move(args));
  return {
      [st](wire_atom, const services_ptr& x) { st->wire(x); },
      [st](admit_atom) { st->admit(); },
      [st](hold_atom, const std::string& why) { st->hold(why); },
      [st](recycle_atom, const std::string& cause) { st->recycle(cause); },
      [st](stop_atom, const std::string& cause) { st->stop(cause); },
      [st](hurry_atom) { st->hurry(); },
      [st](remove_atom, const std::string& cause) { st->remove(cause); },
      [st](const operation& order) { return st->operate(order); },
      [st](apply_atom, const config::group_ptr& group, const config::spec_ptr& fleet) {
        st->apply(group, fleet);
      },
      [st](ask_atom, const std::string& child) { st->on_ask(child); },
      [st](const child_report& report) { st->on_report(report); },
      [st](note_atom, const std::string& instance, std::uint8_t now,
           const std::vector<std::string>& printed) { st->on_note(instance, now, printed); },
      [st](tick_atom, std::uint8_t, std::uint64_t generation) { st->tick(generation); },
  };
}

} // namespace troupe
