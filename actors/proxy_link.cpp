// What a link adds to the life of an instance: that it hangs shows without a watchdog, and
// before it is told to end it can be asked to finish (drain) and to cancel what it has open
// outside (flatten).

#include "actors/clocks.hpp"
#include "actors/ordering.hpp"
#include "actors/proxy.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace troupe {

using namespace std::chrono_literals;

namespace {

/// The link of a process that died is lost a moment before we hear of the death: what is
/// told of it waits so long.
constexpr auto death_shows = 500ms;

/// A process whose runtime died links again within so long, or is not asked.
constexpr auto relink = 5s;

constexpr auto heartbeats = 30s; // three of them

/// Of all remarks of one life.
constexpr std::uint32_t link_remarks = 50;

const std::string unresponsive_text = "unresponsive: no answer over its link for 30 s";

} // namespace

void proxy_state::on_link_notice(const notice& what) {
  using kind = notice::kind;
  if (!has_process(record.now) || has_ended())
    return; // too late
  switch (what.what) {
  case kind::linked:
    tell_link_lost();
    if (!std::exchange(linked, true))
      note_link("linked" + (what.text.empty() ? "" : ": " + what.text));
    responds("it has linked again");
    if (record.now == state::starting && spec->ready.how == config::ready_spec::kind::link)
      hold_back(missing_link());
    if (now_on != rung::none && !rung_asked)
      ask_rung();
    break;
  case kind::unlinked:
    link_lost(what.text);
    break;
  case kind::silent:
    on_silent();
    break;
  case kind::answers:
    responds("it answers over its link again");
    break;
  case kind::drained:
  case kind::flattened:
    if (rung_asked && now_on == (what.what == kind::drained ? rung::drain : rung::flatten)) {
      const auto* done = what.what == kind::drained ? "drained" : "flattened";
      const auto took = uptime_text(micros(monotonic_now(self) - rung_began));
      end_rung(what.text.empty() ? fmt::format("{} in {}", done, took)
                                 : fmt::format("not {}: {}", done, what.text));
    }
    break;
  default:
    break;
  }
}

// -- the link ------------------------------------------------------------------------------

void proxy_state::link_lost(const std::string& why) {
  if (!std::exchange(linked, false))
    return;
  lost_link = "link lost" + (why.empty() ? "" : ": " + why);
  arm(timer::unlinked, death_shows);
  if (record.now == state::starting && spec->ready.how == config::ready_spec::kind::link)
    hold_back(missing_link());
  if (now_on != rung::none && std::exchange(rung_asked, false)) // it may link again
    arm(timer::step, std::min<std::chrono::nanoseconds>(rung_ends - monotonic_now(self), relink));
}

// A link that comes and goes for ever must leave room for what else is to be told.
void proxy_state::note_link(const std::string& text) {
  if (remarks < link_remarks)
    note(text);
}

void proxy_state::tell_link_lost() {
  disarm(timer::unlinked);
  if (!lost_link.empty())
    note_link(std::exchange(lost_link, {}));
}

// What a check «link» still waits for.
std::string proxy_state::missing_link() const {
  return linked ? "it has linked, and has not said that it is ready" : "it has not linked";
}

// One that is frozen cannot answer; whether it hangs shows when it goes on.
void proxy_state::on_silent() {
  unresponsive = true;
  if (record.now == state::paused)
    return;
  if (spec->on_hang == config::hang_action::restart)
    raise_hung(unresponsive_text);
  else
    raise(event::impaired, unresponsive_text);
}

void proxy_state::responds(const char* how) {
  disarm(timer::silence);
  if (std::exchange(unresponsive, false) && !is_stalled)
    raise(event::recovered, how);
}

// It goes on after it was frozen or stopped: it has as long as any other to answer.
void proxy_state::watch_link() {
  if (unresponsive)
    arm(timer::silence, heartbeats);
}

// -- the ladder ----------------------------------------------------------------------------

// What hangs is not asked. What is stopped goes on first, and is.
bool proxy_state::drains_first() const {
  return linked && args.services->hub && !hurried && !has_ended() && has_been_ready(record.now)
         && record.now != state::draining
         && (!unresponsive || is_stalled || record.now == state::paused)
         && (spec->drain_timeout > 0ns || spec->flatten_timeout > 0ns);
}

void proxy_state::begin_drain() {
  caf::anon_send(args.services->launcher, freeze_atom_v, record.name, record.incarnation, false);
  if (spec->drain_timeout > 0ns)
    begin_rung(rung::drain, spec->drain_timeout);
  else
    begin_rung(rung::flatten, spec->flatten_timeout);
}

// What it had begun when the runtime died; it was asked already, and is asked again when it
// has linked again.
void proxy_state::resume_drain() {
  const auto at = record.next ? record.next->at : 0;
  const bool at_drain =
      (record.next && record.next->what == "flatten") || spec->flatten_timeout <= 0ns;
  const auto longest = at_drain ? spec->drain_timeout : spec->flatten_timeout;
  const auto left = std::clamp<std::chrono::nanoseconds>(std::chrono::microseconds{at - wall_now()},
                                                         0ns, longest);
  begin_rung(at_drain ? rung::drain : rung::flatten, left);
}

void proxy_state::begin_rung(rung which, std::chrono::nanoseconds time) {
  now_on = which;
  rung_asked = false;
  if (time <= 0ns)
    return end_rung({});
  const bool flattens = which == rung::drain && spec->flatten_timeout > 0ns;
  record.next = next_step{flattens ? "flatten" : "stop", wall_now() + micros(time), 0, 0};
  rung_began = monotonic_now(self);
  rung_ends = rung_began + time;
  if (linked)
    ask_rung();
  else
    arm(timer::step, std::min<std::chrono::nanoseconds>(time, relink));
}

void proxy_state::ask_rung() {
  const auto left = std::max<std::chrono::nanoseconds>(rung_ends - monotonic_now(self), 1ms);
  rung_asked = true;
  arm(timer::step, left + answer_slack);
  if (args.services->hub)
    self->send(args.services->hub, ask_atom_v, record.name, record.incarnation,
               now_on == rung::drain ? messaging::link_order::drain
                                     : messaging::link_order::flatten,
               static_cast<std::uint32_t>(
                   std::chrono::duration_cast<std::chrono::milliseconds>(left).count()));
}

void proxy_state::end_rung(const std::string& outcome) {
  disarm(timer::step);
  if (!outcome.empty())
    note(outcome);
  if (now_on == rung::drain) {
    begin_rung(rung::flatten, spec->flatten_timeout);
    if (now_on == rung::flatten)
      tell_ledger(record.now, record.why);
    return;
  }
  now_on = rung::none;
  raise(event::drained, record.why); // who wanted it down is still the cause
}

void proxy_state::rung_expired() {
  const bool drains = now_on == rung::drain;
  const auto time = drains ? spec->drain_timeout : spec->flatten_timeout;
  end_rung(std::string{drains ? "drain " : "flatten "}
           + (rung_asked ? "timed out after " + uptime_text(micros(time))
                         : "left out: its link did not come back"));
}

void proxy_state::leave_ladder() {
  disarm(timer::step);
  now_on = rung::none;
}

} // namespace troupe
