#pragma once

// The life of an instance: twelve states and one table.
//
// The table below is the only place that decides. A proxy turns whatever happens
// (an order, a timer, the end of its process) into one `event`, looks up the pair
// (state, event), moves to the state that the row names and carries out its
// action. A pair without a row is refused and logged: nothing moves.
//
// An end is judged before it becomes an event (restart_policy.hpp): the same exit
// is `ended_retry` for a permanent bot, `ended_completed` for a transient one and
// `ended_stopped` when somebody asked for it. What is merely interesting (crash
// loop, oom, unresponsive) is a cause, never a state.
//
// docs/lifecycle.md is generated from this table.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace troupe {

/// Where an instance stands.
enum class state : std::uint8_t {
  defined,   ///< known, not asked to run
  waiting,   ///< wanted; waits for dependencies, a start slot or a schedule
  starting,  ///< the process exists, not ready yet
  running,   ///< ready
  degraded,  ///< up, but a check is failing, or stopped from outside
  paused,    ///< frozen by request
  draining,  ///< gets no new work, finishes what it has
  stopping,  ///< asked to end; the kill timer runs
  stopped,   ///< ended by request
  completed, ///< ended by itself and is not to run again
  backoff,   ///< ended wrongly; a restart is scheduled
  failed,    ///< given up: a budget was passed, or it can never start
};
inline constexpr std::size_t state_count = 12;

/// What can happen to an instance.
enum class event : std::uint8_t {
  start,           ///< somebody wants it up
  stop,            ///< somebody wants it down
  recycle,         ///< somebody wants another process of it
  spawned,         ///< its process exists
  adopt,           ///< its process was there before its proxy was
  ready,           ///< its process lived for start_grace, or its check passed
  start_expired,   ///< it was not ready within start_timeout
  hung,            ///< it was silent for longer than its watchdog allows, or says so itself
  impaired,        ///< a check fails, or it was stopped from outside
  recovered,       ///< that is over
  pause,           ///< somebody wants it frozen
  resume,          ///< somebody wants it to go on
  drain,           ///< somebody wants it down, and it can be told so over its link
  drained,         ///< it has finished, or had the time for it
  ended_stopped,   ///< its process ended as asked
  ended_again,     ///< its process ended as asked, and another one is wanted
  ended_completed, ///< its process ended by itself and is not to run again
  ended_retry,     ///< its process ended or could not start; it is tried again
  ended_failed,    ///< the same, and a budget is passed or no restart can help
  due,             ///< the pause before the next try is over
  reset,           ///< somebody forgave its failures
};
inline constexpr std::size_t event_count = 21;

/// What a proxy does on the way into the next state.
enum class action : std::uint8_t {
  none,
  ask,            ///< ask the supervisor to be admitted
  withdraw,       ///< take that back; forget a scheduled try
  watch_start,    ///< arm start_grace and start_timeout
  settle,         ///< note that it is ready
  begin_drain,    ///< thaw it, tell it to finish and to cancel what is open
  begin_stop,     ///< thaw it, then climb the stop ladder
  schedule_retry, ///< arm the pause before the next try
  schedule_probe, ///< raise the alert, arm the slow probe
  freeze,         ///< stop its processes where they are
  thaw,           ///< let them go on
};

/// One row: in `from`, on `on`, go to `to` and do `act`.
struct transition_row {
  state from;
  event on;
  state to;
  action act = action::none;
};

namespace detail {

using enum state;
using ev = event;
using enum action;

// Rows whose two states are equal are heard and change nothing: asking for what
// is already so is no error.
inline constexpr transition_row rows[] = {
    {defined, ev::start, waiting, ask},
    {defined, ev::recycle, waiting, ask},
    {defined, ev::stop, defined},
    {defined, ev::reset, defined},
    {defined, ev::adopt, starting, watch_start},

    {waiting, ev::start, waiting},
    {waiting, ev::recycle, waiting},
    {waiting, ev::reset, waiting},
    {waiting, ev::stop, stopped, withdraw},
    {waiting, ev::spawned, starting, watch_start},
    {waiting, ev::adopt, starting, watch_start},
    {waiting, ev::ended_retry, backoff, schedule_retry},
    {waiting, ev::ended_failed, failed, schedule_probe},
    {waiting, ev::ended_completed, completed},

    {starting, ev::start, starting},
    {starting, ev::reset, starting},
    {starting, ev::impaired, starting},
    {starting, ev::recovered, starting},
    {starting, ev::ready, running, settle},
    {starting, ev::stop, stopping, begin_stop},
    {starting, ev::recycle, stopping, begin_stop},
    {starting, ev::start_expired, stopping, begin_stop},
    {starting, ev::hung, stopping, begin_stop},
    {starting, ev::ended_completed, completed},
    {starting, ev::ended_retry, backoff, schedule_retry},
    {starting, ev::ended_failed, failed, schedule_probe},

    {running, ev::start, running},
    {running, ev::reset, running},
    {running, ev::recovered, running},
    {running, ev::resume, running},
    {running, ev::hung, stopping, begin_stop},
    {running, ev::impaired, degraded},
    {running, ev::pause, paused, freeze},
    {running, ev::drain, draining, begin_drain},
    {running, ev::stop, stopping, begin_stop},
    {running, ev::recycle, stopping, begin_stop},
    {running, ev::ended_completed, completed},
    {running, ev::ended_retry, backoff, schedule_retry},
    {running, ev::ended_failed, failed, schedule_probe},

    {degraded, ev::start, degraded},
    {degraded, ev::reset, degraded},
    {degraded, ev::impaired, degraded},
    {degraded, ev::hung, stopping, begin_stop},
    {degraded, ev::recovered, running},
    {degraded, ev::pause, paused, freeze},
    {degraded, ev::resume, degraded, thaw},
    {degraded, ev::drain, draining, begin_drain},
    {degraded, ev::stop, stopping, begin_stop},
    {degraded, ev::recycle, stopping, begin_stop},
    {degraded, ev::ended_completed, completed},
    {degraded, ev::ended_retry, backoff, schedule_retry},
    {degraded, ev::ended_failed, failed, schedule_probe},

    {paused, ev::start, paused},
    {paused, ev::pause, paused},
    {paused, ev::reset, paused},
    {paused, ev::impaired, paused},
    {paused, ev::hung, paused},
    {paused, ev::recovered, paused},
    {paused, ev::resume, running, thaw},
    {paused, ev::drain, draining, begin_drain},
    {paused, ev::stop, stopping, begin_stop},
    {paused, ev::recycle, stopping, begin_stop},
    {paused, ev::ended_completed, completed},
    {paused, ev::ended_retry, backoff, schedule_retry},
    {paused, ev::ended_failed, failed, schedule_probe},

    {draining, ev::drain, draining},
    {draining, ev::start, draining},
    {draining, ev::stop, draining},
    {draining, ev::recycle, draining},
    {draining, ev::reset, draining},
    {draining, ev::impaired, draining},
    {draining, ev::hung, stopping, begin_stop},
    {draining, ev::recovered, draining},
    {draining, ev::drained, stopping, begin_stop},
    {draining, ev::ended_stopped, stopped},
    {draining, ev::ended_again, waiting, ask},
    {draining, ev::ended_retry, backoff, schedule_retry},
    {draining, ev::ended_failed, failed, schedule_probe},

    {stopping, ev::start, stopping},
    {stopping, ev::stop, stopping},
    {stopping, ev::recycle, stopping},
    {stopping, ev::reset, stopping},
    {stopping, ev::impaired, stopping},
    {stopping, ev::hung, stopping},
    {stopping, ev::recovered, stopping},
    {stopping, ev::ended_stopped, stopped},
    {stopping, ev::ended_again, waiting, ask},
    {stopping, ev::ended_retry, backoff, schedule_retry},
    {stopping, ev::ended_failed, failed, schedule_probe},

    {stopped, ev::stop, stopped},
    {stopped, ev::reset, stopped},
    {stopped, ev::start, waiting, ask},
    {stopped, ev::recycle, waiting, ask},
    {stopped, ev::adopt, starting, watch_start},
    // The order to stop crossed a spawn that was under way.
    {stopped, ev::spawned, stopping, begin_stop},
    {stopped, ev::ended_stopped, stopped},

    {completed, ev::start, waiting, ask},
    {completed, ev::recycle, waiting, ask},
    {completed, ev::stop, stopped},
    {completed, ev::reset, completed},
    {completed, ev::adopt, starting, watch_start},

    {backoff, ev::due, waiting, ask},
    {backoff, ev::start, waiting, ask},
    {backoff, ev::recycle, waiting, ask},
    {backoff, ev::reset, waiting, ask},
    {backoff, ev::stop, stopped, withdraw},
    {backoff, ev::adopt, starting, watch_start},

    {failed, ev::due, waiting, ask},
    {failed, ev::start, waiting, ask},
    {failed, ev::recycle, waiting, ask},
    {failed, ev::reset, waiting, ask},
    {failed, ev::stop, stopped, withdraw},
    {failed, ev::adopt, starting, watch_start},
};

constexpr auto make_matrix() {
  std::array<std::int16_t, state_count * event_count> result{};
  result.fill(-1);
  std::int16_t index = 0;
  for (const auto& row : rows)
    result[static_cast<std::size_t>(row.from) * event_count + static_cast<std::size_t>(row.on)] =
        index++;
  return result;
}

inline constexpr auto matrix = make_matrix();

constexpr bool each_pair_stands_once() {
  std::size_t filled = 0;
  for (auto index : matrix)
    filled += index >= 0;
  return filled == std::size(rows);
}
static_assert(each_pair_stands_once(), "a pair (state, event) stands twice in the table");

} // namespace detail

/// The whole table, in the order of the source.
inline constexpr const auto& transition_table = detail::rows;

/// The row for a pair, or null when the pair is refused.
constexpr const transition_row* find_transition(state from, event on) {
  const auto index =
      detail::matrix[static_cast<std::size_t>(from) * event_count + static_cast<std::size_t>(on)];
  return index < 0 ? nullptr : &detail::rows[index];
}

/// Whether an instance in this state does its work.
constexpr bool counts_as_up(state s) {
  return s == state::running || s == state::degraded || s == state::draining;
}

/// Whether the process of an instance in this state was ready once.
constexpr bool has_been_ready(state s) {
  return counts_as_up(s) || s == state::paused;
}

/// Whether an instance in this state has a process.
constexpr bool has_process(state s) {
  return has_been_ready(s) || s == state::starting || s == state::stopping;
}

std::string_view to_string(state);
std::string_view to_string(event);
std::string_view to_string(action);

/// One line that says what the state means, for help and docs.
std::string_view describe(state);
std::string_view describe(event);
std::string_view describe(action);

/// The state of that name, or nothing.
std::optional<state> state_from(std::string_view name);

} // namespace troupe
