// How a proxy takes charge of an instance that may have a past: the ledger knows
// what was last recorded, the keeper's table knows what is. Where they differ the
// table is right, and the difference becomes events, so that nothing that happened
// while nobody looked is lost or told twice.

#include "actors/clocks.hpp"
#include "actors/ordering.hpp"
#include "actors/proxy.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace troupe {

using namespace std::chrono_literals;

void proxy_state::init(proxy_args given) {
  args = std::move(given);
  args.by = args.by.then(self->id());
  spec = args.spec;
  record.name = args.name;
  begin_adoption();
}

void proxy_state::begin_adoption() {
  if (adopted)
    return;
  // A replaced service makes this begin anew; what an older attempt hears is void.
  arm(timer::adoption, request_timeout);
  const auto attempt = generations[static_cast<std::size_t>(timer::adoption)];
  const auto is_void = [this, attempt] {
    return adopted || attempt != generations[static_cast<std::size_t>(timer::adoption)];
  };
  const auto failed = [this, is_void](const caf::error&) {
    if (is_void())
      return;
    say("got no answer", "while it was being adopted; it tries again");
    arm(timer::adoption, 1s);
  };
  self->request(args.services->ledger, request_timeout, adopt_atom_v, args.name, args.by)
      .then(
          [this, is_void, failed](const instance_record& known, std::uint64_t last) {
            if (!is_void())
              self->request(args.services->launcher, request_timeout, adopt_atom_v, args.name,
                            args.by)
                  .then(
                      [this, is_void, known, last](const adoptees& found) {
                        if (!is_void())
                          adopt(known, last, found);
                      },
                      failed);
          },
          failed);
}

void proxy_state::adopt(instance_record known, std::uint64_t last, adoptees found) {
  const bool restored = known.since != 0;
  spec = args.spec; // may have changed since this began
  spdlog::debug("proxy {}@{} (actor {}) takes over: recorded {}, {} slots, start {} under way",
                args.name, known.incarnation, self->id(), to_string(known.now), found.items.size(),
                found.launching);
  record = std::move(known);
  record.name = args.name;
  record.bot = bot_of(args.name);
  record.group = group_of(record.bot);
  const auto digits = std::string_view{args.name}.substr(record.bot.size() + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), record.index);
  if (!restored) { // one that comes back may have been stopped before it left
    record.wanted = args.spec->autostart && record.now != state::stopped;
    record.since = wall_now();
  }
  launched = found.launching > record.incarnation;
  last_number = launched ? found.launching : last;
  if (launched)
    limit_start();
  disarm(timer::adoption);
  adopted = true;
  asked_to_end = record.now == state::stopping || record.now == state::draining;
  auto& items = found.items;
  std::sort(items.begin(), items.end(),
            [](const auto& a, const auto& b) { return a.slot.incarnation < b.slot.incarnation; });
  for (const auto& each : items)
    last_number = std::max(last_number, each.slot.incarnation);
  for (const auto& each : items)
    if (each.slot.end && !restored) { // nobody remembers it, but its number is taken
      record.incarnation = std::max({record.incarnation, last, each.slot.incarnation});
      bury({*each.slot.end, each.left, each.output});
    } else
      adopt_slot(each, &each == &items.back());
  if (items.empty() && has_process(record.now)) {
    adopt_unwatched();
  } else if (items.empty() || items.back().slot.end) {
    resume();
  }
  if (record.wanted && (record.now == state::defined || record.now == state::stopped))
    raise(event::start, "autostart");
  else if (!record.wanted && record.now != state::stopping && record.now != state::defined)
    raise(event::stop, "nobody wants it up"); // the order came with the end of a runtime
  if (!told)
    publish(record.now, record.why);
  for (auto pending = std::exchange(until_adopted, {}); !pending.empty(); pending.pop_front())
    pending.front()();
}

void proxy_state::adopt_unwatched() {
  const auto cause = "its process was gone when the runtime came back";
  if (record.now == state::stopping || record.now == state::draining)
    return raise(record.wanted ? event::ended_again : event::ended_stopped, cause);
  if (!record.wanted)
    return raise(event::ended_completed, cause);
  run_end unseen;
  unseen.was_ready = has_been_ready(record.now);
  unseen.uptime = std::chrono::microseconds{wall_now() - record.started};
  judge_end(unseen, cause);
}

// After a service was replaced: what it knew and may have taken with it.
void proxy_state::catch_up(const adoptees& found, bool new_launcher) {
  spdlog::debug("proxy {}@{} catches up while {}: {} slots, start {} under way", record.name,
                record.incarnation, to_string(record.now), found.items.size(), found.launching);
  for (const auto& each : found.items) {
    const auto& slot = each.slot;
    if (slot.incarnation > record.incarnation)
      on_spawned({record.name, slot.incarnation, slot.pid, slot.settings});
    if (!slot.end) {
      if (slot.incarnation == record.incarnation && is_stalled != (slot.stopped_by != 0))
        on_stalled({record.name, slot.incarnation, slot.stopped_by != 0, slot.stopped_by});
      continue;
    }
    if (slot.incarnation == record.incarnation && has_process(record.now) && !has_ended()) {
      adopt_ended(each);
    } else if (!end || end->how.incarnation != slot.incarnation) {
      bury({*slot.end, each.left, each.output});
    }
  }
  if (!new_launcher)
    return;
  if (cleaning)
    order_hook(hook::on_crash, end->how.incarnation);
  // That order went down with the old one. One that the new one has got already must not
  // be given twice: should it fail, the second would start what nobody waits for.
  if (launched && found.launching != last_number && launched_by != args.services->launcher)
    launch_now(false);
  if (record.now == state::stopping && !has_ended())
    ask_to_end();
  // The new one does not know who is linked, and whoever comes after us asks it.
  if (linked)
    self->send(args.services->launcher,
               notice{record.name, record.incarnation, notice::kind::linked, {}, {}});
}

void proxy_state::adopt_slot(const adoptee& found, bool newest) {
  if (found.slot.end)
    adopt_ended(found);
  else if (newest)
    adopt_living(found.slot);
  else // two at once must not be; the older one goes
    caf::anon_send(args.services->launcher, sweep_atom_v, record.name, found.slot.incarnation,
                   sweeping::all);
}

void proxy_state::adopt_living(const slot_info& slot) {
  const bool same = slot.incarnation == record.incarnation && has_process(record.now);
  if (!same && has_process(record.now)) {
    const bool judged = std::exchange(concluded, false); // of an older end that is pending
    raise(event::ended_retry, "its end was not seen");
    concluded = judged;
    disarm(timer::due);
  }
  record.incarnation = slot.incarnation;
  record.pid = slot.pid;
  record.started = slot.started;
  if (slot.settings != 0 || !same)
    record.settings = slot.settings;
  was_ready = same && record.now != state::starting;
  if (same) {
    resume();
    watch_silence();
  } else {
    record.printed.clear();
    raise(event::adopt, "found running, process " + std::to_string(slot.pid));
  }
  self->send(args.services->launcher, attend_atom_v, launch{record.name, slot.incarnation, spec},
             checked() && record.now == state::starting);
  if (slot.stopped_by != 0 || record.now == state::degraded)
    on_stalled({record.name, slot.incarnation, slot.stopped_by != 0, slot.stopped_by});
}

void proxy_state::adopt_ended(const adoptee& found) {
  const auto& slot = found.slot;
  const process_end what{*slot.end, found.left, found.output};
  if (slot.incarnation > record.incarnation) {
    record.incarnation = slot.incarnation;
    record.pid = slot.pid;
    record.started = slot.started;
    record.settings = 0; // it is not to be replaced any more
    raise(event::adopt, "found ended");
  }
  if (slot.incarnation == record.incarnation && has_process(record.now)) {
    was_ready = has_been_ready(record.now);
    if (slot.settings != 0)
      record.settings = slot.settings;
    on_end(what);
    return;
  }
  bury(what);
}

// Its end was judged already. It may have been told but not committed; the journal
// knows doubles.
void proxy_state::bury(const process_end& what) {
  const bool may_clean = spec->on_crash && what.how.incarnation == record.incarnation
                         && what.how.incarnation == last_number;
  if (end || (what.left == 0 && !may_clean))
    return tell_death(what);
  end = what;
  concluded = true;
  cleaned = false;
  crashed = may_clean && is_crash(what.how, record.now == state::stopped);
  if (what.left == 0)
    return swept(0);
  sweep_pause = 20ms;
  arm(timer::sweep, sweep_pause);
}

void proxy_state::resume() {
  // Bounded by what the policy can give: the clock may have been set meanwhile.
  const auto left = [this](std::chrono::nanoseconds longest) {
    const auto at = record.next ? record.next->at : 0;
    return std::clamp<std::chrono::nanoseconds>(std::chrono::microseconds{at - wall_now()}, 0ns,
                                                longest);
  };
  switch (record.now) {
  case state::starting:
    watch_start();
    break;
  case state::stopping:
    begin_stop();
    break;
  case state::draining:
    resume_drain();
    break;
  case state::waiting:
    ask();
    break;
  case state::backoff:
    arm(timer::due, left(args.spec->delay.max * 2));
    break;
  case state::failed:
    if (record.next)
      arm(timer::due, left(args.spec->retry_failed.max * 2));
    break;
  default:
    break;
  }
}

} // namespace troupe
