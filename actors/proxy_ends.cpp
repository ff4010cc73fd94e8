// How the end of a process is taken in: whatever it left is swept, the end is judged
// once and told once, and only then may its successor start.

#include "actors/clocks.hpp"
#include "actors/proxy.hpp"
#include "actors/updating/changes.hpp"

#include <spdlog/spdlog.h>

namespace troupe {

using namespace std::chrono_literals;

namespace {

std::string end_text(const exited& how) {
  return to_string(how.status) + (how.out_of_memory ? ", out of memory" : "");
}

} // namespace

void proxy_state::on_end(const process_end& what) {
  spdlog::debug("proxy {} hears that incarnation {} ended, {} are left", record.name,
                what.how.incarnation, what.left);
  if (!adopted || (end && end->how.incarnation == what.how.incarnation))
    return; // heard, and not swept yet
  if (what.how.incarnation != record.incarnation || !has_process(record.now))
    return bury(what);
  if (end) {
    next_end = what;
    return;
  }
  end = what;
  concluded = cleaned = false;
  sweep_pause = 20ms;
  // It was to be replaced, and may have been told so: its end is none of its faults.
  if (record.wanted && out_of_date(record.settings, *args.spec))
    raise(event::recycle, describe_change(spec.get(), *args.spec));
  if (what.left == 0)
    return swept(0);
  // «stopped» must mean that nothing is left; of any other end we tell at once.
  if (record.now != state::stopping && record.now != state::draining)
    conclude();
  arm(timer::sweep, sweep_pause);
}

void proxy_state::conclude() {
  concluded = true;
  const auto& how = end->how;
  record.last_exit = how.status;
  record.last_exit_at = how.at;
  if (was_ready && std::chrono::microseconds{how.uptime} >= args.spec->delay.reset_after)
    forgive(record.policy);
  auto cause = end_text(how) + " after " + uptime_text(how.uptime);
  for (auto each : {timer::grace, timer::start_limit, timer::kill, timer::watchdog, timer::unlinked,
                    timer::silence})
    disarm(each);
  leave_ladder();
  linked = unresponsive = false;
  lost_link.clear();
  const bool asked = record.now == state::stopping || record.now == state::draining;
  crashed = is_crash(how, asked);
  if (asked && !record.wanted)
    return raise(event::ended_stopped, cause + ", as asked");
  if (asked && !expired)
    return raise(event::ended_again, cause + ", as asked");
  run_end run;
  run.status = how.status;
  run.was_ready = was_ready;
  run.expired = expired;
  run.uptime = std::chrono::microseconds{how.uptime};
  judge_end(run, std::move(cause));
}

void proxy_state::judge_end(const run_end& run, std::string cause) {
  if (!run.spawned)
    concluded = false;
  last_judgement = judge(*args.spec, record.policy, run, monotonic_now(self), roll());
  if (last_judgement.what == event::ended_retry)
    ++record.restarts;
  if (!last_judgement.reason.empty())
    cause += "; " + last_judgement.reason;
  raise(last_judgement.what, std::move(cause));
}

void proxy_state::sweep() {
  if (!end)
    return;
  // With kill_mode «group» all were asked to end, and all have the time for it.
  const bool patient = record.now == state::stopping && asked_to_end && kills == 0 && !hurried
                       && spec->kill == config::kill_mode::group;
  self->request(args.services->launcher, request_timeout, sweep_atom_v, record.name,
                end->how.incarnation, patient ? sweeping::look : sweeping::rest)
      .then([this](std::uint32_t left) { swept(left); },
            [this](const caf::error&) { arm(timer::sweep, 1s); });
}

void proxy_state::sweep_now() {
  ++kills;
  sweep_pause = 20ms;
  sweep();
}

void proxy_state::swept(std::uint32_t left) {
  if (!end)
    return;
  end->left = left;
  if (left > 0) {
    sweep_pause = std::min<std::chrono::nanoseconds>(sweep_pause * 2, 1s);
    arm(timer::sweep, sweep_pause);
    return;
  }
  // Told before anybody who waits for this end can go on. With an on_crash later: the
  // keeper holds the end until it is told, so that a new runtime sees to it too. Where there is a
  // successor already it has run.
  const bool may_clean = spec->on_crash && !cleaned && end->how.incarnation == last_number;
  if (!may_clean)
    tell_death(*end);
  if (!concluded)
    conclude();
  if (may_clean) {
    if (to_clean())
      return begin_cleaning();
    tell_death(*end);
  }
  end.reset();
  cleaning = false;
  if (const auto next = std::exchange(next_end, std::nullopt))
    return on_end(*next);
  if (std::exchange(ask_when_swept, false) && record.now == state::waiting)
    ask();
  if (told_busy && !busy())
    report(false, record.why);
  leave_if_removed();
}

void proxy_state::tell_death(const process_end& what) {
  const auto& how = what.how;
  self->send(args.services->ledger,
             death{record.name, how.incarnation, how.at, end_text(how), how.status, how.uptime,
                   how.cpu_time, how.max_memory, what.output});
}

void proxy_state::leave_if_removed() {
  if (!removed || !adopted || stepping || has_process(record.now) || end || launched)
    return;
  removed = false;
  // Should it come back before it is forgotten, it begins like a new one.
  record.wanted = args.spec->autostart;
  publish(record.now, record.why);
  self->quit();
}

} // namespace troupe
