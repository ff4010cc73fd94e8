// How new settings come into force. A process that is out of date by them is replaced, which is
// its supervisor's business, as others may depend on it; it lives by the old ones to its end.
// For any other they hold at once, but for what is used at a start only.

#include "actors/clocks.hpp"
#include "actors/proxy.hpp"
#include "actors/updating/changes.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace troupe {

using namespace std::chrono_literals;

void proxy_state::apply(config::bot_spec_ptr fresh) {
  const auto before = std::exchange(args.spec, std::move(fresh));
  if (!adopted) // that begins with what holds by then
    return;
  if (launched) {
    // Its process may come to be all the same, and is then out of date.
    if (record.now == state::waiting && spec->fingerprint != args.spec->fingerprint)
      recycle(describe_change(spec.get(), *args.spec));
    return; // else it is seen to when it is there
  }
  if (has_process(record.now) || end)
    put_in_force();
  else
    spec = args.spec;
  if (record.now != state::backoff && record.now != state::failed)
    return;
  if (record.wanted && deserves_new_try(*before, *args.spec)) {
    record.policy = {};
    raise(event::start, describe_change(before.get(), *args.spec));
  } else {
    reschedule(*before);
  }
}

// Of the process that is there; `spec` is what has held for it so far.
void proxy_state::put_in_force() {
  if (spec == args.spec || has_ended() || out_of_date(record.settings, *args.spec))
    return;
  const auto before = std::exchange(spec, in_force(spec, args.spec));
  if (*before == *spec)
    return;
  spdlog::debug("proxy {}@{} goes on under new settings", record.name, record.incarnation);
  if (reaches_process(*before, *spec))
    adjust();
  if (record.now == state::stopping && kills == 0 && before->stop_timeout != spec->stop_timeout) {
    const auto now = monotonic_now(self);
    const auto left =
        std::max<std::chrono::nanoseconds>(deadline_began + spec->stop_timeout - now, 0ns);
    record.next = next_step{"kill", wall_now() + micros(left), 0, 0};
    arm_deadline(timer::kill, left);
    tell_ledger(record.now, record.why);
  }
  if (unresponsive && before->on_hang != spec->on_hang && counts_as_up(record.now))
    on_silent();
}

void proxy_state::adjust() {
  const auto incarnation = record.incarnation;
  const auto tell = [this, incarnation](const std::string& problem) {
    if (!problem.empty() && record.incarnation == incarnation && has_process(record.now))
      note(problem);
  };
  self->request(args.services->launcher, request_timeout, adjust_atom_v,
                launch{record.name, incarnation, spec})
      .then(tell, [tell](const caf::error&) {
        tell("its new settings of limits and log may not hold before the next start: the launcher "
             "did not answer");
      });
}

// The pause that it is in never lasts longer than the new settings allow.
void proxy_state::reschedule(const config::bot_spec& before) {
  const auto& now = *args.spec;
  std::chrono::nanoseconds longest{};
  if (record.now == state::backoff) {
    if (before.delay == now.delay)
      return;
    longest = std::chrono::duration_cast<std::chrono::nanoseconds>(now.delay.max
                                                                   * (1 + now.delay.jitter));
  } else {
    if (before.retry_failed == now.retry_failed)
      return;
    longest = record.next ? now.retry_failed.max : now.retry_failed.initial;
    if (now.retry_failed.initial == 0ns) { // it is probed no more
      disarm(timer::due);
      record.next.reset();
      return publish(record.now, record.why);
    }
  }
  if (!record.next)
    record.next = next_step{record.now == state::failed ? "probe" : "retry",
                            wall_now() + micros(longest), 0, 0};
  const auto left = std::clamp<std::chrono::nanoseconds>(
      std::chrono::microseconds{record.next->at - wall_now()}, 0ns, longest);
  record.next->at = wall_now() + micros(left);
  arm(timer::due, left);
  publish(record.now, record.why);
}

} // namespace troupe
