#include "actors/restart_policy.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <random>

namespace troupe {

namespace {

using std::chrono::nanoseconds;

/// So many failed starts in a row are called what they are.
constexpr std::uint32_t crash_loop = 3;

bool contains(const std::vector<int>& codes, const exit_status& status) {
  return status.signal == 0 && std::find(codes.begin(), codes.end(), status.code) != codes.end();
}

std::string seconds_text(nanoseconds d) {
  const auto s = std::chrono::duration_cast<std::chrono::seconds>(d).count();
  if (s >= 60 && s % 60 == 0)
    return std::to_string(s / 60) + " min";
  return std::to_string(s) + " s";
}

nanoseconds probe_pause(const config::retry_failed_spec& spec, std::uint32_t probes, double dice) {
  return pause_before({spec.initial, 2.0, spec.max, 0.1, {}}, probes, dice);
}

judgement give_up(const config::bot_spec& spec, policy_memory& memory, std::string reason,
                  double dice) {
  judgement result{event::ended_failed, {}, false, 0, 0, std::move(reason)};
  if (spec.retry_failed.initial > nanoseconds::zero()) {
    ++memory.probes;
    result.again = true;
    result.after = probe_pause(spec.retry_failed, memory.probes, dice);
    result.attempt = memory.probes;
  }
  return result;
}

judgement retry(const config::bot_spec& spec, policy_memory& memory, const run_end& end,
                monotonic now, double dice) {
  if (end.spawned && end.was_ready && end.uptime >= spec.delay.reset_after)
    forgive(memory);
  if (memory.probes > 0)
    return give_up(spec, memory, "the probe failed too", dice);
  ++memory.attempt;
  memory.failed_starts = end.was_ready ? 0 : memory.failed_starts + 1;
  if (memory.failed_starts >= spec.failed_starts)
    return give_up(spec, memory, std::to_string(memory.failed_starts) + " starts failed in a row",
                   dice);
  if (passes(memory.restarts, spec.max_restarts, now))
    return give_up(spec, memory,
                   "more than " + std::to_string(spec.max_restarts.count) + " restarts within "
                       + seconds_text(spec.max_restarts.within),
                   dice);
  judgement result{
      event::ended_retry, pause_before(spec.delay, memory.attempt, dice), true, 0, 0, {}};
  if (memory.failed_starts >= crash_loop)
    result.reason = "crash-loop";
  if (memory.failed_starts > 0) {
    result.attempt = memory.failed_starts;
    result.of = spec.failed_starts;
  } else {
    result.attempt = static_cast<std::uint32_t>(memory.restarts.size());
    result.of = spec.max_restarts.count;
  }
  return result;
}

} // namespace

void forgive(policy_memory& memory) {
  if (memory.probes > 0)
    memory.restarts.clear(); // that count was passed and has had its consequence
  memory.attempt = memory.failed_starts = memory.probes = 0;
}

bool passes(std::vector<std::int64_t>& times, const config::rate_spec& limit, monotonic now) {
  const auto oldest = (now - limit.within).count();
  std::erase_if(times, [&](std::int64_t t) { return t <= oldest; });
  times.push_back(now.count());
  const bool passed = times.size() > limit.count;
  // What is over the limit decides nothing any more; the list stays bounded.
  while (times.size() > std::size_t{limit.count} + 1)
    times.erase(times.begin());
  return passed;
}

std::uint32_t jitter_seed() {
  static std::atomic<std::uint32_t> next{std::random_device{}()};
  return next += 0x9e3779b9; // the golden ratio spreads well
}

nanoseconds pause_before(const config::delay_spec& delay, std::uint32_t attempt, double dice) {
  if (delay.initial <= nanoseconds::zero() || attempt == 0)
    return nanoseconds::zero();
  const double cap = static_cast<double>(std::max(delay.max, delay.initial).count());
  const double grown =
      static_cast<double>(delay.initial.count()) * std::pow(delay.factor, attempt - 1.0);
  // pow may overflow to infinity, which the cap takes care of.
  const double capped = std::min(grown, cap);
  return nanoseconds{static_cast<std::int64_t>(capped * (1.0 + delay.jitter * dice))};
}

judgement judge(const config::bot_spec& spec, policy_memory& memory, const run_end& end,
                monotonic now, double dice) {
  const bool success = end.spawned && !end.expired && contains(spec.success_codes, end.status);
  if (end.spawned && !success && contains(spec.no_restart_codes, end.status))
    return {event::ended_failed, {}, false, 0, 0, "the code is one of no_restart_codes"};
  if (spec.restart == config::restart_type::temporary)
    return {success ? event::ended_completed : event::ended_failed,
            {},
            false,
            0,
            0,
            success ? "" : "restart is \"temporary\""};
  if (spec.restart == config::restart_type::transient && success)
    return {event::ended_completed, {}, false, 0, 0, {}};
  return retry(spec, memory, end, now, dice);
}

judgement judge_group(policy_memory& memory, nanoseconds uptime, monotonic now, double dice) {
  static const config::bot_spec defaults;
  run_end end;
  end.was_ready = uptime >= defaults.start_grace;
  end.uptime = uptime;
  return retry(defaults, memory, end, now, dice);
}

} // namespace troupe
