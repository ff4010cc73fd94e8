// What follows an end, as a pure function.

#include "actors/restart_policy.hpp"

#include <boost/test/unit_test.hpp>

#include <string_view>
#include <tuple>

using namespace troupe;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

constexpr exit_status success{0, 0, false};
constexpr exit_status failure{1, 0, false};
constexpr exit_status by_term{-1, 15, false};

config::bot_spec make_spec(config::restart_type type = config::restart_type::permanent) {
  config::bot_spec result;
  result.restart = type;
  return result;
}

run_end ready_run(exit_status status, nanoseconds uptime) {
  run_end result;
  result.status = status;
  result.was_ready = true;
  result.uptime = uptime;
  return result;
}

run_end failed_start(exit_status status = failure) {
  run_end result;
  result.status = status;
  return result;
}

double as_seconds(nanoseconds x) {
  return std::chrono::duration<double>(x).count();
}

} // namespace

BOOST_AUTO_TEST_CASE(the_pause_doubles_up_to_the_cap) {
  const config::delay_spec delay;
  const double expected[] = {0.5, 1, 2, 4, 8, 16, 30, 30, 30};
  for (std::uint32_t attempt = 1; attempt <= std::size(expected); ++attempt)
    BOOST_TEST(as_seconds(pause_before(delay, attempt, 0)) == expected[attempt - 1]);
}

BOOST_AUTO_TEST_CASE(jitter_comes_after_the_cap) {
  const config::delay_spec delay;
  BOOST_TEST(as_seconds(pause_before(delay, 20, 1)) == 36.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(as_seconds(pause_before(delay, 20, -1)) == 24.0, boost::test_tools::tolerance(1e-9));
  for (double dice = -1; dice <= 1; dice += 0.125) {
    const auto pause = as_seconds(pause_before(delay, 3, dice));
    BOOST_TEST(pause >= 2 * 0.8 - 1e-9);
    BOOST_TEST(pause <= 2 * 1.2 + 1e-9);
  }
}

BOOST_AUTO_TEST_CASE(extreme_pauses_stay_in_range) {
  config::delay_spec delay;
  BOOST_TEST((pause_before(delay, 4'000'000'000u, 1) == 36s));
  delay.factor = 1e300;
  BOOST_TEST((pause_before(delay, 1000, 0) == 30s));
  delay.factor = 1;
  BOOST_TEST((pause_before(delay, 1000, 0) == 500ms));
  delay.initial = 0s;
  BOOST_TEST((pause_before(delay, 5, 1) == 0s));
  // A cap below the first pause does not shorten it.
  delay = {};
  delay.initial = 60s;
  BOOST_TEST((pause_before(delay, 1, 0) == 60s));
  BOOST_TEST((pause_before(delay, 2, 0) == 60s));
  BOOST_TEST((pause_before(delay, 0, 0) == 0s));
}

BOOST_AUTO_TEST_CASE(restart_type_and_exit_decide) {
  using enum config::restart_type;
  using ev = event;
  const std::tuple<config::restart_type, exit_status, event> expected[] = {
      {permanent, success, ev::ended_retry},     {permanent, failure, ev::ended_retry},
      {permanent, by_term, ev::ended_retry},     {transient, success, ev::ended_completed},
      {transient, failure, ev::ended_retry},     {transient, by_term, ev::ended_retry},
      {temporary, success, ev::ended_completed}, {temporary, failure, ev::ended_failed},
      {temporary, by_term, ev::ended_failed},
  };
  for (const auto& [type, status, then] : expected) {
    policy_memory memory;
    const auto verdict = judge(make_spec(type), memory, ready_run(status, 5s), 100s, 0);
    BOOST_TEST_CONTEXT(to_string(status)) {
      BOOST_TEST(to_string(verdict.what) == to_string(then));
      BOOST_TEST(verdict.again == (then == ev::ended_retry));
    }
  }
}

BOOST_AUTO_TEST_CASE(success_is_what_the_bot_calls_so) {
  auto spec = make_spec(config::restart_type::transient);
  spec.success_codes = {0, 3};
  policy_memory memory;
  BOOST_TEST(
      (judge(spec, memory, ready_run({3, 0, false}, 5s), 1s, 0).what == event::ended_completed));
  // A signal is never a success, whatever its code field says.
  BOOST_TEST((judge(spec, memory, ready_run({0, 9, false}, 5s), 1s, 0).what == event::ended_retry));
  run_end expired = failed_start(success);
  expired.expired = true;
  BOOST_TEST((judge(spec, memory, expired, 1s, 0).what == event::ended_retry));
}

BOOST_AUTO_TEST_CASE(a_code_that_forbids_restarts_is_final) {
  for (auto type : {config::restart_type::permanent, config::restart_type::transient,
                    config::restart_type::temporary}) {
    policy_memory memory;
    const auto verdict = judge(make_spec(type), memory, ready_run({125, 0, false}, 5s), 1s, 0);
    BOOST_TEST((verdict.what == event::ended_failed));
    BOOST_TEST(!verdict.again);
    BOOST_TEST(verdict.reason.find("no_restart_codes") != std::string::npos);
  }
  // One that is a success too is that first.
  auto spec = make_spec(config::restart_type::transient);
  spec.success_codes = {0, 125};
  policy_memory memory;
  BOOST_TEST(
      (judge(spec, memory, ready_run({125, 0, false}, 5s), 1s, 0).what == event::ended_completed));
}

BOOST_AUTO_TEST_CASE(failed_starts_in_a_row_are_counted) {
  const auto spec = make_spec();
  policy_memory memory;
  monotonic now = 0s;
  for (std::uint32_t i = 1; i < spec.failed_starts; ++i) {
    const auto verdict = judge(spec, memory, failed_start(), now += 40s, 0);
    BOOST_REQUIRE((verdict.what == event::ended_retry));
    BOOST_TEST(verdict.attempt == i);
    BOOST_TEST(verdict.of == spec.failed_starts);
  }
  const auto last = judge(spec, memory, failed_start(), now += 40s, 0);
  BOOST_TEST((last.what == event::ended_failed));
  BOOST_TEST(last.reason == "15 starts failed in a row");
  BOOST_TEST((last.after == 5min));
}

BOOST_AUTO_TEST_CASE(one_start_that_succeeds_breaks_the_row) {
  const auto spec = make_spec();
  policy_memory memory;
  monotonic now = 0s;
  for (int i = 0; i < 40; ++i) {
    now += 60s; // outside the other budget
    const bool ready = i % 10 == 9;
    const auto run = ready ? ready_run(failure, 2s) : failed_start();
    BOOST_REQUIRE((judge(spec, memory, run, now, 0).what == event::ended_retry));
  }
}

BOOST_AUTO_TEST_CASE(restarts_within_the_window_are_counted) {
  auto spec = make_spec();
  spec.max_restarts = {3, 10min};
  policy_memory memory;
  for (int i = 1; i <= 3; ++i)
    BOOST_TEST(
        (judge(spec, memory, ready_run(failure, 2s), i * 1min, 0).what == event::ended_retry));
  const auto over = judge(spec, memory, ready_run(failure, 2s), 4min, 0);
  BOOST_TEST((over.what == event::ended_failed));
  BOOST_TEST(over.reason == "more than 3 restarts within 10 min");
}

BOOST_AUTO_TEST_CASE(restarts_outside_the_window_are_forgotten) {
  auto spec = make_spec();
  spec.max_restarts = {3, 10min};
  policy_memory memory;
  for (int i = 1; i <= 50; ++i)
    BOOST_REQUIRE(
        (judge(spec, memory, ready_run(failure, 2s), i * 201s, 0).what == event::ended_retry));
  BOOST_TEST(memory.restarts.size() <= 4u);
}

BOOST_AUTO_TEST_CASE(a_healthy_stretch_forgives_all_but_the_window) {
  const auto spec = make_spec();
  policy_memory memory;
  monotonic now = 0s;
  for (int i = 0; i < 10; ++i)
    judge(spec, memory, failed_start(), now += 10s, 0);
  BOOST_TEST(memory.attempt == 10u);
  // 59 s are not enough, 60 s are.
  BOOST_TEST((judge(spec, memory, ready_run(failure, 59s), now += 10s, 0).after == 30s));
  BOOST_TEST((judge(spec, memory, ready_run(failure, 60s), now += 10s, 0).after == 500ms));
  BOOST_TEST(memory.attempt == 1u);
  BOOST_TEST(memory.failed_starts == 0u);
  BOOST_TEST(memory.restarts.size() == 12u);
}

BOOST_AUTO_TEST_CASE(probes_double_up_to_an_hour) {
  auto spec = make_spec();
  spec.failed_starts = 1;
  policy_memory memory;
  const nanoseconds expected[] = {5min, 10min, 20min, 40min, 60min, 60min};
  monotonic now = 0s;
  for (auto pause : expected) {
    const auto verdict = judge(spec, memory, failed_start(), now, 0);
    BOOST_TEST((verdict.what == event::ended_failed));
    BOOST_TEST(verdict.again);
    BOOST_TEST(as_seconds(verdict.after) == as_seconds(pause));
    now += verdict.after;
  }
  // A probe that lives, but not for long, is a failed probe; a healthy one ends it.
  BOOST_TEST((judge(spec, memory, ready_run(failure, 30s), now, 0).what == event::ended_failed));
  BOOST_TEST(memory.probes == 7u);
  spec.failed_starts = 15;
  BOOST_TEST((judge(spec, memory, ready_run(failure, 61s), now, 0).what == event::ended_retry));
  BOOST_TEST(memory.probes == 0u);
}

BOOST_AUTO_TEST_CASE(probes_may_be_off) {
  auto spec = make_spec();
  spec.failed_starts = 1;
  spec.retry_failed.initial = 0s;
  policy_memory memory;
  const auto verdict = judge(spec, memory, failed_start(), 1s, 0);
  BOOST_TEST((verdict.what == event::ended_failed));
  BOOST_TEST(!verdict.again);
}

BOOST_AUTO_TEST_CASE(a_spawn_that_fails_is_a_failed_start_of_any_type_but_temporary) {
  run_end never;
  never.spawned = false;
  never.status = success; // must not be looked at
  policy_memory memory;
  BOOST_TEST((judge(make_spec(config::restart_type::transient), memory, never, 1s, 0).what
              == event::ended_retry));
  BOOST_TEST(memory.failed_starts == 1u);
  BOOST_TEST((judge(make_spec(config::restart_type::temporary), memory, never, 1s, 0).what
              == event::ended_failed));
}

BOOST_AUTO_TEST_CASE(passes_counts_what_lies_within) {
  std::vector<std::int64_t> times;
  const config::rate_spec limit{2, 10s};
  BOOST_TEST(!passes(times, limit, 0s));
  BOOST_TEST(!passes(times, limit, 5s));
  BOOST_TEST(passes(times, limit, 9s));
  BOOST_TEST(!passes(times, limit, 15s)); // 0 s and 5 s are out
  BOOST_TEST(passes(times, limit, 16s));
  for (int i = 0; i < 1000; ++i)
    passes(times, limit, 17s);
  BOOST_TEST(times.size() <= 3u);
}

BOOST_AUTO_TEST_CASE(a_group_that_gives_up_pauses_longer_each_time) {
  policy_memory memory;
  const auto first = judge_group(memory, 5s, 0s, 0);
  const auto second = judge_group(memory, 5s, 60s, 0);
  BOOST_TEST((first.what == event::ended_retry));
  BOOST_TEST((first.after == 500ms));
  BOOST_TEST((second.after == 1s));
  BOOST_TEST((judge_group(memory, 2min, 5min, 0).after == 500ms));
  event last = event::ended_retry;
  for (int i = 0; i < 30 && last == event::ended_retry; ++i)
    last = judge_group(memory, 2s, 6min + i * 1s, 0).what;
  BOOST_TEST((last == event::ended_failed));
}
