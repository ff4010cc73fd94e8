#include "actors/proxy.hpp"

#include "actors/clocks.hpp"
#include "actors/ordering.hpp"

#include <spdlog/spdlog.h>

#include <csignal>

namespace troupe {

using namespace std::chrono_literals;

// -- orders ------------------------------------------------------------------------

void proxy_state::wire(services_ptr replaced) {
  const bool new_launcher = args.services->launcher != replaced->launcher;
  const bool new_ledger = args.services->ledger != replaced->ledger;
  args.services = std::move(replaced);
  if (!new_launcher && !new_ledger)
    return;
  if (!adopted)
    return begin_adoption();
  if (new_ledger)
    publish(record.now, record.why); // it knows only what was committed
  self->request(args.services->launcher, request_timeout, adopt_atom_v, record.name, args.by)
      .then([this, new_launcher](const adoptees& found) { catch_up(found, new_launcher); },
            [this](const caf::error&) { say("got no answer from", "the launcher"); });
}

void proxy_state::want(bool up, const std::string& cause) {
  when_adopted([this, up, cause] {
    const bool changed = record.wanted != up;
    record.wanted = up;
    hurried = hurried && !up;
    raise(up ? event::start : event::stop, cause);
    if (changed)
      publish(record.now, record.why);
  });
}

void proxy_state::admit() {
  if (record.now == state::waiting && !launched) {
    ++last_number;
    recycle_cause.reset();
    // The restart rate is for what restarts by itself.
    launch_now(!by_order && (record.last_exit || record.restarts > 0));
  }
  report(false, record.why); // its supervisor counts on it, also when nothing follows
}

void proxy_state::launch_now(bool restart) {
  launched = true;
  spec = args.spec;
  launched_by = args.services->launcher;
  early.clear();
  spdlog::debug("proxy {} orders incarnation {}", record.name, last_number);
  self->send(launched_by, launch{record.name, last_number, spec}, restart);
}

void proxy_state::hold(const std::string& why) {
  if (record.now != state::waiting || launched || record.why == why)
    return;
  record.why = why;
  tell_ledger(record.now, why); // the supervisor said so itself
}

void proxy_state::recycle(const std::string& cause) {
  when_adopted([this, cause] {
    spdlog::debug("proxy {} is to recycle while {}", record.name, to_string(record.now));
    if (has_process(record.now))
      return raise(event::recycle, cause);
    if (!launched)
      return;
    // Its process may come to be all the same.
    recycle_cause = cause;
    take_back();
  });
}

void proxy_state::hurry() {
  when_adopted([this] {
    record.wanted = false;
    hurried = true;
    raise(record.now == state::draining ? event::drained : event::stop, "ended in a hurry");
    if (end)
      sweep_now();
    if (!has_ended() && (has_process(record.now) || launched))
      kill();
  });
}

void proxy_state::remove(const std::string& cause) {
  removed = true;
  want(false, cause);
  when_adopted([this] { leave_if_removed(); });
}

// -- what becomes of its process ------------------------------------------------------

// Until it is adopted, whatever happens is in what the launcher will tell then.

void proxy_state::on_spawned(const spawned& what) {
  if (!adopted)
    return;
  if (what.incarnation == record.incarnation && has_process(record.now))
    return; // told twice
  // One that this proxy did not order was ordered by the one before it; one that comes
  // too late for that must not stay beside its successor.
  if (what.incarnation <= record.incarnation || has_process(record.now)
      || (launched && what.incarnation != last_number)) {
    caf::anon_send(args.services->launcher, sweep_atom_v, record.name, what.incarnation,
                   sweeping::all);
    return;
  }
  launched = taken_back = by_order = false;
  last_number = record.incarnation = what.incarnation;
  record.pid = what.pid;
  record.started = wall_now();
  record.settings = what.settings;
  was_ready = expired = is_stalled = linked = unresponsive = asked_to_end = false;
  kills = remarks = 0;
  lost_link.clear();
  last_remark.clear();
  record.printed.clear();
  const bool expected = find_transition(record.now, event::spawned);
  raise(expected ? event::spawned : event::adopt,
        "process " + std::to_string(what.pid) + " started");
  for (const auto& each : std::exchange(early, {}))
    if (each.incarnation == what.incarnation)
      heed(each);
  const auto to_recycle = std::exchange(recycle_cause, std::nullopt);
  put_in_force(); // new settings that came while it was being started
  if (!record.wanted)
    raise(event::stop, "nobody wants it up");
  else if (to_recycle)
    raise(event::recycle, *to_recycle);
  if (hurried)
    kill();
}

void proxy_state::on_spawn_failed(const spawn_failed& what) {
  if (!adopted || what.incarnation != last_number || !launched)
    return;
  launched = false;
  disarm(timer::start_limit);
  record.incarnation = what.incarnation;
  record.settings = spec->fingerprint;
  const bool asked_for = std::exchange(taken_back, false);
  if (record.now != state::waiting || asked_for) {
    recycle_cause.reset();
    if (record.now == state::waiting)
      ask(); // it was taken back, and then wanted after all
    else
      raise(event::ended_stopped, what.reason);
    report(false, record.why);
    return;
  }
  run_end failed;
  failed.spawned = false;
  judge_end(failed, "spawn-failed: " + what.reason);
}

void proxy_state::on_stalled(const stalled& what) {
  if (!adopted || what.incarnation != record.incarnation)
    return;
  is_stalled = what.stopped;
  if (what.stopped) {
    raise(event::impaired, fmt::format("stopped by signal {} from outside", what.signal));
  } else {
    if (record.now == state::starting && !checked())
      arm(timer::grace, spec->start_grace); // it may have run out meanwhile
    raise(event::recovered, "continued");
    watch_link();
  }
}

// -- the machine -----------------------------------------------------------------------

void proxy_state::raise(event what, std::string cause) {
  events.emplace_back(what, std::move(cause));
  if (stepping)
    return;
  stepping = true;
  while (!events.empty()) {
    auto [next, why] = std::move(events.front());
    events.pop_front();
    step(next, why);
  }
  stepping = false;
  leave_if_removed();
}

void proxy_state::step(event what, const std::string& cause) {
  if ((what == event::stop || what == event::recycle) && drains_first())
    what = event::drain;
  const auto* row = find_transition(record.now, what);
  if (!row) {
    say("refuses", fmt::format("{} while {} ({})", to_string(what), to_string(record.now), cause));
    return;
  }
  const auto from = record.now;
  spdlog::debug("proxy {}@{} hears {} while {} ({})", record.name, record.incarnation,
                to_string(what), to_string(from), cause);
  if (row->to == from)
    return perform(row->act);
  record.now = row->to;
  record.since = wall_now();
  record.why = cause;
  record.next.reset();
  if (!has_process(record.now)) {
    record.pid = 0;
    record.started = 0;
  }
  perform(row->act);
  // What is given up is not restarted now, so its end concerns no sibling; nor does a
  // process that never was.
  const bool concerns_siblings = what == event::ended_retry && concluded;
  publish(from, cause, concerns_siblings);
  if (record.now == state::failed && record.policy.probes <= 1) // one alert, not one a probe
    spdlog::error("proxy {} gives up: {}", record.name, cause);
}

void proxy_state::perform(action what) {
  switch (what) {
  case action::none:
    break;
  case action::ask:
    ask();
    break;
  case action::withdraw:
    withdraw();
    break;
  case action::watch_start:
    watch_start();
    break;
  case action::settle:
    disarm(timer::grace);
    disarm(timer::start_limit);
    was_ready = true;
    watch_silence();
    if (unresponsive)
      on_silent();
    break;
  case action::begin_drain:
    begin_drain();
    break;
  case action::begin_stop:
    begin_stop();
    break;
  case action::schedule_retry:
    schedule("retry");
    break;
  case action::schedule_probe:
    schedule("probe");
    break;
  case action::freeze:
    disarm(timer::watchdog);
    freeze(true);
    break;
  case action::thaw:
    freeze(false);
    watch_silence();
    watch_link();
    break;
  }
}

void proxy_state::publish(state from, const std::string& cause, bool ended) {
  tell_ledger(from, cause);
  report(ended, cause);
}

void proxy_state::tell_ledger(state from, const std::string& cause) {
  ledger_entry entry;
  // A change is told with the time when it came, whatever was done about it since.
  const auto at = from == record.now ? wall_now() : record.since;
  entry.change = {0, at, record.name, record.incarnation, from, record.now, cause};
  entry.record = record;
  entry.by = args.by;
  self->send(args.services->ledger, std::move(entry));
}

void proxy_state::report(bool ended, const std::string& cause) {
  told = true;
  told_busy = busy();
  // What has ended is not to be replaced: the order would hit its successor.
  const auto settings = has_process(record.now) && !has_ended() ? record.settings : 0;
  self->send(args.parent, child_report{record.name, record.now, record.wanted, ended, cause, busy(),
                                       record.printed, settings});
}

// -- actions ---------------------------------------------------------------------------

void proxy_state::ask() {
  if (end) {
    ask_when_swept = true;
    if (end->left == 0)
      return; // in a moment
    record.why = fmt::format("stuck-dying: {} processes of incarnation {} are still there",
                             end->left, record.incarnation);
    return;
  }
  disarm(timer::due);
  spdlog::debug("proxy {} asks to be admitted", record.name);
  self->send(args.parent, ask_atom_v, record.name);
}

void proxy_state::withdraw() {
  disarm(timer::due);
  ask_when_swept = false;
  take_back();
}

void proxy_state::take_back() {
  if (!launched)
    return;
  taken_back = true;
  arm(timer::start_limit, spec->stop_timeout); // its exec may hang for ever
  self->send(args.services->launcher, withdraw_atom_v, record.name, last_number);
}

// Its start_command or its exec hangs. When the process is gone the keeper says so; until
// then it counts.
void proxy_state::give_up_start() {
  record.why = "its start hangs (start_command or exec); it is killed";
  tell_ledger(record.now, record.why);
  kill();
  arm(timer::start_limit, spec->stop_timeout);
}

// start_timeout 0: it may take as long as it likes.
void proxy_state::limit_start() {
  deadline_began = monotonic_now(self);
  if (spec->start_timeout > 0ns)
    arm_deadline(timer::start_limit, spec->start_timeout);
  else
    disarm(timer::start_limit);
}

void proxy_state::watch_start() {
  disarm(timer::due);
  last_check.clear();
  limit_start();
  if (spec->ready.how == config::ready_spec::kind::link) {
    last_check = missing_link();
    record.why = "not ready yet: " + last_check;
  }
  if (checked()) {
    if (spec->start_timeout > 0ns)
      record.next = next_step{"start timeout", wall_now() + micros(spec->start_timeout), 0, 0};
    return;
  }
  const auto age =
      std::chrono::microseconds{std::max<std::int64_t>(0, wall_now() - record.started)};
  const auto left = std::max<std::chrono::nanoseconds>(spec->start_grace - age, 0ns);
  record.next = next_step{"ready", wall_now() + micros(left), 0, 0};
  arm(timer::grace, left);
}

void proxy_state::begin_stop() {
  for (auto each : {timer::grace, timer::start_limit, timer::due, timer::watchdog, timer::silence})
    disarm(each);
  leave_ladder();
  record.next = next_step{"kill", wall_now() + micros(spec->stop_timeout), 0, 0};
  deadline_began = monotonic_now(self);
  arm_deadline(timer::kill, spec->stop_timeout);
  hook_failed = false;
  if (!has_ended())
    ask_to_end();
}

// One that hangs is not asked by a command, which would talk to it.
void proxy_state::ask_to_end() {
  asked_to_end = true;
  if (spec->stop_command && !hook_failed && !expired)
    order_hook(hook::stop_command, record.incarnation);
  else
    signal_to_end();
  // One that is frozen or stopped cannot hear: it gets the order first and then goes on.
  caf::anon_send(args.services->launcher, freeze_atom_v, record.name, record.incarnation, false);
}

void proxy_state::signal_to_end() {
  const bool all = spec->kill == config::kill_mode::group;
  self->request(args.services->launcher, request_timeout, signal_atom_v, record.name,
                record.incarnation, spec->stop_signal, all)
      .then(
          [this](const std::string& why) {
            if (!why.empty())
              say("could not signal:", why);
          },
          [this](const caf::error&) { say("got no answer from", "the launcher"); });
}

void proxy_state::kill() {
  if (++kills == 4) {
    record.why = "stuck-dying: killed, and still there";
    publish(record.now, record.why);
  }
  if (!launched)
    arm(timer::kill, 1s);
  self->request(args.services->launcher, request_timeout, sweep_atom_v, record.name,
                launched ? last_number : record.incarnation, sweeping::all)
      .then([](std::uint32_t) {},
            [this](const caf::error&) { say("got no answer from", "the launcher"); });
}

void proxy_state::schedule(const char* what) {
  if (!last_judgement.again)
    return;
  record.next = next_step{what, wall_now() + micros(last_judgement.after), last_judgement.attempt,
                          last_judgement.of};
  if (last_judgement.after <= 0ns)
    raise(event::due, fmt::format("{} at once", what));
  else
    arm(timer::due, last_judgement.after);
}

// -- timers ----------------------------------------------------------------------------

void proxy_state::arm(timer which, std::chrono::nanoseconds delay) {
  disarm(which);
  self->delayed_send(self, delay, tick_atom_v, static_cast<std::uint8_t>(which),
                     generations[static_cast<std::size_t>(which)]);
}

void proxy_state::tick(std::uint8_t which, std::uint64_t generation) {
  if (which >= timer_count || generations[which] != generation)
    return;
  switch (static_cast<timer>(which)) {
  case timer::grace:
    if (!is_stalled)
      raise(event::ready, fmt::format("up for {}", uptime_text(micros(spec->start_grace))));
    break;
  case timer::start_limit:
    if (launched)
      return give_up_start();
    expired = true;
    raise(event::start_expired, last_check.empty()
                                    ? std::string{"not ready within start_timeout"}
                                    : "not ready within start_timeout: " + last_check);
    break;
  case timer::kill:
    if (has_ended())
      sweep_now(); // the main process went, others of its group did not
    else
      kill();
    break;
  case timer::due:
    raise(event::due, fmt::format("{} is due", record.now == state::failed ? "probe" : "retry"));
    break;
  case timer::sweep:
    sweep();
    break;
  case timer::adoption:
    begin_adoption();
    break;
  case timer::watchdog:
    raise_hung("silent for longer than its watchdog of "
               + uptime_text(micros(spec->watchdog.value_or(0ns))));
    break;
  case timer::step:
    rung_expired();
    break;
  case timer::unlinked:
    tell_link_lost();
    break;
  case timer::silence:
    on_silent();
    break;
  case timer::hook:
    note("on_crash: nobody told how it ended");
    end_cleaning();
    break;
  }
}

void proxy_state::say(const char* what, const std::string& detail) const {
  spdlog::warn("proxy {} {} {}", record.name, what, detail);
}

proxy_actor::behavior_type proxy(proxy_state::pointer self, proxy_args args) {
  auto* st = &self->state;
  self->set_default_handler(caf::drop);
  st->init(std::move(args));
  return {
      [st](wire_atom, const services_ptr& x) { st->wire(x); },
      [st](admit_atom) { st->admit(); },
      [st](hold_atom, const std::string& why) { st->hold(why); },
      [st](recycle_atom, const std::string& cause) { st->recycle(cause); },
      [st](stop_atom, const std::string& cause) { st->want(false, cause); },
      [st](hurry_atom) { st->hurry(); },
      [st](remove_atom, const std::string& cause) { st->remove(cause); },
      [st](const operation& order) { return st->operate(order); },
      [st](apply_atom, const config::bot_spec_ptr& spec) { st->apply(spec); },
      [st](const spawned& x) { st->on_spawned(x); },
      [st](const spawn_failed& x) { st->on_spawn_failed(x); },
      [st](const process_end& x) { st->on_end(x); },
      [st](const stalled& x) { st->on_stalled(x); },
      [st](const notice& x) { st->on_notice(x); },
      [st](const hook_end& x) { st->on_hook_end(x); },
      [st](tick_atom, std::uint8_t which, std::uint64_t n) { st->tick(which, n); },
  };
}

} // namespace troupe
