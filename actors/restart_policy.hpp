#pragma once

// What follows when a process ends by itself. Pure: memory, numbers and a clock
// reading in, a judgement out.
//
// The pause grows by `factor` from `initial` to `max` (cap first, then jitter) and
// starts anew after a healthy stretch of `reset_after`, not after a first second:
// that a bot came up proves little. Two budgets are counted, starts that failed in
// a row and restarts within a window; whichever is passed, the instance is given
// up and only probed slowly. One that becomes healthy again is forgiven.

#include "config/spec.hpp"
#include "messages/records.hpp"

#include <chrono>
#include <string>

namespace troupe {

/// How a run ended.
struct run_end {
  bool spawned = true; ///< false: there never was a process
  exit_status status;  ///< of a process
  bool was_ready = false;
  bool expired = false; ///< we ended it, because it was not ready in time
  std::chrono::nanoseconds uptime{};
};

/// What to do about it.
struct judgement {
  event what = event::ended_retry;  ///< ended_completed, ended_retry or ended_failed
  std::chrono::nanoseconds after{}; ///< pause before the retry or the probe
  bool again = false;               ///< whether a try is scheduled at all
  std::uint32_t attempt = 0;        ///< «retry `attempt` of `of`»
  std::uint32_t of = 0;
  std::string reason; ///< what the budget or the restart type had to say; may be empty
};

/// A point of the monotonic clock, in nanoseconds.
using monotonic = std::chrono::nanoseconds;

/// Decides and updates `memory`. `dice` is a random number in [-1, 1].
judgement judge(const config::bot_spec& spec, policy_memory& memory, const run_end& end,
                monotonic now, double dice);

/// The same for a group that passed its intensity: always wrong, with the built-in
/// delay and budgets.
judgement judge_group(policy_memory& memory, std::chrono::nanoseconds uptime, monotonic now,
                      double dice);

/// After a healthy stretch the pause and the row of failed starts begin anew; the window of
/// `max_restarts` goes on.
void forgive(policy_memory& memory);

/// A seed for jitter, another one at each call; from the system's entropy once a process.
std::uint32_t jitter_seed();

/// The pause before try number `attempt` (1, 2, …).
std::chrono::nanoseconds pause_before(const config::delay_spec& delay, std::uint32_t attempt,
                                      double dice);

/// Notes that a thing happened at `now`, forgets what lies outside the window, and
/// tells whether there were more than `limit.count`. After Erlang/OTP's
/// add_restart: a pure function of times and limits.
bool passes(std::vector<std::int64_t>& times, const config::rate_spec& limit, monotonic now);

} // namespace troupe
