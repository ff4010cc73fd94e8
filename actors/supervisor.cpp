#include "actors/supervisor.hpp"

#include "actors/clocks.hpp"
#include "actors/proxy.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace troupe {

namespace {

/// How often actors may throw before the one above must help; what a process does
/// never counts.
constexpr config::rate_spec actor_intensity{10, std::chrono::minutes{1}};

std::string_view to_string(config::strategy s) {
  switch (s) {
  case config::strategy::one_for_one:
    return "one_for_one";
  case config::strategy::one_for_all:
    return "one_for_all";
  case config::strategy::rest_for_one:
    return "rest_for_one";
  }
  return "";
}

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
  args.group = std::move(group);
  args.fleet = std::move(fleet);
  if (removed)
    return; // no child comes, all go
  conditions.clear();
  needs = sibling_order(*args.fleet, *args.group);
  std::set<std::string> present;
  std::set<std::string> watched;
  std::size_t position = 0;
  for (const auto& entry : args.group->children) {
    if (entry.group) {
      present.insert(entry.group->name);
      child fresh;
      fresh.unit = entry.group->name;
      fresh.position = position++;
      fresh.group = entry.group;
      put(entry.group->name, std::move(fresh));
      continue;
    }
    const auto& bot = *entry.bot;
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
      put(full_name, std::move(fresh));
    }
    ++position;
  }
  for (auto& [full_name, each] : children)
    if (!present.contains(full_name) && !each.leaving)
      leave(full_name, "it is no longer in the config");
  if (!watched.empty())
    self->send(args.services->ledger, watch_atom_v,
               std::vector<std::string>(watched.begin(), watched.end()));
  self->send(args.services->ledger, group_record{args.name, args.group->how, told, why, args.by});
  settle();
  if (const auto cause = std::exchange(stop_when_told, std::nullopt))
    stop(*cause);
}

void supervisor_state::put(const std::string& full_name, child fresh) {
  auto at = children.find(full_name);
  if (at == children.end()) {
    auto& added = children.emplace(full_name, std::move(fresh)).first->second;
    if (!stopping)
      spawn(full_name, added);
    return;
  }
  auto& there = at->second;
  there.position = fresh.position;
  // One that is leaving comes back under this spec once it has left (on_exit).
  const bool same_spec = fresh.spec && there.spec && *fresh.spec == *there.spec;
  there.spec = std::move(fresh.spec);
  there.group = std::move(fresh.group);
  if (std::exchange(there.leaving, false)) {
    if (to_end.erase(full_name) == 0)
      return;
    ending_now.erase(full_name); // it has not been told, so it just stays
    may_go_on = true;
  }
  if (there.as_group)
    self->send(there.as_group, apply_atom_v, there.group, args.fleet);
  else if (!same_spec)
    self->send(there.as_proxy, apply_atom_v, there.spec);
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

void supervisor_state::leave(const std::string& full_name, const std::string& cause) {
  children.at(full_name).leaving = true;
  end_children({full_name}, ending::remove, cause);
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
    send_order(what, {ending::remove, "it is no longer in the config"});
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

void supervisor_state::on_note(const std::string& instance, std::uint8_t now) {
  if (now < state_count)
    known.note(instance, static_cast<state>(now));
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

// -- ending, dependents first -----------------------------------------------------------------

void supervisor_state::end_children(const std::set<std::string>& names, ending how,
                                    const std::string& cause) {
  for (const auto& full_name : names) {
    if (how != ending::remove && children.at(full_name).leaving)
      continue;
    const auto at = to_end.find(full_name);
    if (at != to_end.end() && at->second.how > how)
      continue;
    to_end.insert_or_assign(full_name, order_to_end{how, cause});
    ending_now.insert_or_assign(full_name, order_to_end{how, cause});
  }
  may_go_on = true;
  go_on_ending();
}

void supervisor_state::go_on_ending() {
  if (!std::exchange(may_go_on, false))
    return;
  const auto needed = needed_units();
  for (auto at = to_end.begin(); at != to_end.end();) {
    const auto& target = children.at(at->first);
    if (needed.contains(target.unit)) {
      ++at;
      continue;
    }
    send_order(target, at->second);
    at = to_end.erase(at);
  }
  if (to_end.empty())
    std::erase_if(ending_now, [this](const auto& x) { return !children.at(x.first).occupied(); });
}

// A large group ends one report at a time: only the last of a unit sets others free.
void supervisor_state::note_end(const std::string& full_name, const child& what) {
  ending_now.erase(full_name);
  if (to_end.empty())
    return;
  const auto lives = [&](const auto& x) {
    return x.second.occupied() && ending_now.contains(x.first);
  };
  auto first = children.lower_bound(what.as_proxy ? what.unit + "#" : what.unit);
  const auto last = std::find_if(first, children.end(),
                                 [&](const auto& x) { return x.second.unit != what.unit; });
  may_go_on |= std::none_of(first, last, lives);
}

void supervisor_state::send_order(const child& target, const order_to_end& order) {
  if (!target.handle)
    return;
  spdlog::debug("supervisor {} ends a child of {}: {}", shown_name(), target.unit, order.cause);
  switch (order.how) {
  case ending::recycle:
    return self->send(target.handle, recycle_atom_v, order.cause);
  case ending::stop:
    return self->send(target.handle, stop_atom_v, order.cause);
  case ending::remove:
    return self->send(target.handle, remove_atom_v, order.cause);
  }
}

// An operator wants it up after all.
void supervisor_state::forget_stop(const std::string& full_name) {
  for (auto* orders : {&to_end, &ending_now})
    if (const auto at = orders->find(full_name);
        at != orders->end() && at->second.how == ending::stop)
      orders->erase(at);
  may_go_on = true;
}

// Units that something depends on which is being ended and still lives.
std::set<std::string> supervisor_state::needed_units() const {
  std::set<std::string> result;
  if (needs.empty())
    return result;
  for (const auto& [full_name, order] : ending_now) {
    const auto& each = children.at(full_name);
    if (const auto at = needs.find(each.unit); each.occupied() && at != needs.end())
      result.insert(at->second.begin(), at->second.end());
  }
  return result;
}

void supervisor_state::hold(const std::string& cause) {
  why = cause;
  answer_asks();
}

void supervisor_state::recycle(const std::string& cause) {
  if (given_up)
    return; // all down already; it asks when its own pause is over
  holding = true;
  asked = false;
  why = cause;
  hold_all(cause);
}

void supervisor_state::stop(const std::string& cause) {
  if (!args.group) {
    stop_when_told = cause; // its children may well be alive
    return;
  }
  stopping = true;
  why = cause;
  std::set<std::string> all;
  for (const auto& [full_name, each] : children)
    all.insert(full_name);
  end_children(all, ending::stop, cause);
  settle();
  tell(false, cause); // even if nothing changed: somebody waits for this
}

void supervisor_state::hurry() {
  stopping = true;
  for (const auto& [full_name, each] : children)
    if (each.handle)
      self->send(each.handle, hurry_atom_v);
}

void supervisor_state::remove(const std::string& cause) {
  removed = stopping = true;
  why = cause;
  std::set<std::string> all;
  for (auto& [full_name, each] : children) {
    each.leaving = true;
    all.insert(full_name);
  }
  end_children(all, ending::remove, cause);
  settle();
}

// -- what operators order ------------------------------------------------------------------

caf::result<outcomes> supervisor_state::operate(const operation& order) {
  if (given_up
      && (order.what == verb::start || order.what == verb::restart || order.what == verb::reset)) {
    policy = {};
    come_back();
  }
  struct gathering {
    outcomes sum;
    std::size_t missing = 0;
  };
  auto gathered = std::make_shared<gathering>();
  std::vector<std::pair<std::string, child_actor>> addressed;
  std::set<std::string> in_order;
  std::set<std::string> to_recycle;
  for (const auto& [full_name, each] : children) {
    const bool hit =
        each.as_group
            ? std::any_of(order.instances->lower_bound(full_name), order.instances->end(),
                          [&, &prefix = full_name](const auto& x) { return lies_in(x, prefix); })
            : order.instances->contains(full_name);
    if (!hit || !each.handle)
      continue;
    if (order.what == verb::stop && each.as_proxy) {
      in_order.insert(full_name);
      continue;
    }
    if (order.what == verb::restart && each.as_proxy && each.occupied())
      to_recycle.insert(full_name);
    addressed.emplace_back(full_name, each.handle);
    if (each.as_proxy && (order.what == verb::start || order.what == verb::restart))
      forget_stop(full_name);
  }
  gathered->sum.accepted = static_cast<std::uint32_t>(in_order.size());
  gathered->missing = addressed.size();
  end_children(in_order, ending::stop, order.cause);
  if (addressed.empty())
    return gathered->sum;
  auto answer = self->make_response_promise<outcomes>();
  for (auto& [full_name, handle] : addressed) {
    auto one_less = [gathered, answer]() mutable {
      if (--gathered->missing == 0)
        answer.deliver(gathered->sum);
    };
    self->request(handle, request_timeout, order)
        .then(
            [gathered, one_less](const outcomes& part) mutable {
              gathered->sum.accepted += part.accepted;
              gathered->sum.refused.insert(gathered->sum.refused.end(), part.refused.begin(),
                                           part.refused.end());
              one_less();
            },
            [gathered, one_less, who = full_name](const caf::error&) mutable {
              gathered->sum.refused.emplace_back(who, "it did not answer");
              one_less();
            });
  }
  end_children(to_recycle, ending::recycle, order.cause); // after the order itself
  return answer;
}

// -- strategy ------------------------------------------------------------------------------

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
  count(each, +1);
  if (was_occupied && !each.occupied())
    note_end(report.child, each);
  if (each.as_proxy)
    known.note(report.child, report.now);
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
  settle();
}

void supervisor_state::strategize(const std::string& culprit, const std::string& cause) {
  if (args.group->how == config::strategy::one_for_one || given_up)
    return;
  // Several that die together are one round.
  if (!held.contains(culprit) && passes(rounds, args.group->intensity, monotonic_now(self)))
    return give_up(fmt::format(
        "more than {} restarts within {} s; the last: {}: {}", args.group->intensity.count,
        std::chrono::duration_cast<std::chrono::seconds>(args.group->intensity.within).count(),
        culprit, cause));
  round_cause = fmt::format("{}: {} {}", to_string(args.group->how), culprit, cause);
  spdlog::debug("supervisor {} begins a round: {}", shown_name(), round_cause);
  culprits.insert(culprit);
  held.insert(culprit);
  auto others = concerned(culprit);
  held.insert(others.begin(), others.end());
  end_children(others, ending::recycle, round_cause);
}

std::set<std::string> supervisor_state::concerned(const std::string& culprit) const {
  const auto position = children.at(culprit).position;
  std::set<std::string> result;
  for (const auto& [full_name, each] : children)
    if (full_name != culprit && each.wanted && !each.leaving
        && (args.group->how == config::strategy::one_for_all || each.position > position))
      result.insert(full_name);
  return result;
}

// Something is up that was not admitted: it was found running, or its start was under
// way when the order to end came.
void supervisor_state::keep_down(const std::string& full_name) {
  if (holding && !ending_now.contains(full_name))
    return end_children({full_name}, ending::recycle, why);
  if (!held.contains(full_name))
    return;
  if (culprits.erase(full_name) > 0)
    held.erase(full_name);
  else if (!ending_now.contains(full_name))
    end_children({full_name}, ending::recycle, round_cause);
}

void supervisor_state::finish_round() {
  if (held.empty() || !culprits.empty())
    return;
  const bool all_down = std::none_of(held.begin(), held.end(), [this](const std::string& x) {
    const auto at = children.find(x);
    return at != children.end() && at->second.occupied();
  });
  if (!all_down || !to_end.empty())
    return;
  spdlog::debug("supervisor {} ends its round", shown_name());
  held.clear();
}

void supervisor_state::give_up(const std::string& cause) {
  const auto verdict = judge_group(policy, monotonic_now(self) - up_since, monotonic_now(self),
                                   std::uniform_real_distribution<double>{-1, 1}(dice));
  given_up = verdict.what == event::ended_failed ? state::failed : state::backoff;
  why = fmt::format("group {} gave up: {}", shown_name(), cause);
  spdlog::error("supervisor {} gives up: {}", shown_name(), cause);
  holding = true;
  asked = true; // not before the pause is over
  hold_all(why);
  if (verdict.again)
    self->delayed_send(self, verdict.after, tick_atom_v, std::uint8_t{0}, ++generation);
  tell(true, why);
}

void supervisor_state::hold_all(const std::string& cause) {
  culprits.clear();
  held.clear();
  std::set<std::string> all;
  for (const auto& [full_name, each] : children)
    if (!each.leaving)
      all.insert(full_name);
  end_children(all, ending::recycle, cause);
  settle();
}

void supervisor_state::tick(std::uint64_t which) {
  if (which == generation && given_up && !stopping)
    come_back();
}

void supervisor_state::come_back() {
  ++generation;
  given_up.reset();
  asked = false;
  rounds.clear();
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
  child_report report{args.name, told, told_wanted, ended, cause, told_busy};
  if (args.parent)
    self->send(args.parent, std::move(report));
  else if (args.guardian)
    self->send(args.guardian, std::move(report));
  self->send(args.services->ledger,
             group_record{args.name, args.group->how, given_up ? *given_up : told, why, args.by});
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
      [st](note_atom, const std::string& instance, std::uint8_t now) {
        st->on_note(instance, now);
      },
      [st](tick_atom, std::uint8_t, std::uint64_t generation) { st->tick(generation); },
  };
}

} // namespace troupe
