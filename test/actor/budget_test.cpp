// Both budgets, on virtual hours.

#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(budgets, stage)

BOOST_AUTO_TEST_CASE(one_that_crashes_every_2_s_backs_off_and_is_given_up) {
  host.of("a#0").lives = 2s;
  run(fleet_builder{}.bot("a").build());
  advance(1min);
  // 0.5 + 1 + 2 + 4 + 8 + 16 s of pauses, ± 20 %, and 2 s of life each
  BOOST_TEST(host.spawns("a#0") >= 6u);
  BOOST_TEST(host.spawns("a#0") <= 8u);
  advance(9min);
  BOOST_TEST(host.spawns("a#0") <= 22u);
  advance(20min);
  BOOST_TEST(to_string(state_of("a#0")) == "failed");
  const auto next = record("a#0").next;
  BOOST_REQUIRE(next.has_value());
  BOOST_TEST(next->what == "probe");
  // For ever: no more than a probe an hour, and each event told.
  advance(12h);
  const auto before = host.spawns("a#0");
  advance(10h);
  BOOST_TEST(host.spawns("a#0") - before <= 12u);
  BOOST_TEST(host.spawns("a#0") - before >= 8u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(one_that_cannot_start_for_20_s_comes_up) {
  host.of("a#0").lives = 100ms;
  run(fleet_builder{}.bot("a").build());
  advance(20s);
  host.of("a#0").lives.reset();
  advance(40s);
  BOOST_TEST(to_string(state_of("a#0")) == "running");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(one_that_has_no_program_is_given_up_after_15_tries) {
  host.of("a#0").cannot_start = "exec /nonexistent: No such file or directory";
  run(fleet_builder{}.bot("a").build());
  advance(1s);
  BOOST_TEST(why("a#0") == "spawn-failed: exec /nonexistent: No such file or directory");
  advance(6min - 1s);
  const auto now = record("a#0");
  BOOST_TEST(to_string(now.now) == "failed");
  BOOST_TEST(now.why.find("15 starts failed in a row") != std::string::npos);
  BOOST_TEST(now.why.find("/nonexistent") != std::string::npos);
  BOOST_TEST(std::count(host.log.begin(), host.log.end(), "refuse a#0") == 15);
  BOOST_TEST(host.living_count() == 0u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_probe_that_stays_up_ends_it) {
  host.of("a#0").cannot_start = "no";
  run(fleet_builder{}.bot("a").build());
  advance(7min);
  BOOST_TEST(to_string(state_of("a#0")) == "failed");
  host.of("a#0").cannot_start.clear();
  advance(10min);
  BOOST_TEST(to_string(state_of("a#0")) == "running");
  // Forgiven: the next crash is a first one.
  host.end("a#0");
  settle();
  BOOST_TEST(to_string(state_of("a#0")) == "backoff");
  advance(2s);
  BOOST_TEST(to_string(state_of("a#0")) == "running");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(reset_forgives_at_once) {
  host.of("a#0").cannot_start = "no";
  run(fleet_builder{}.bot("a").build());
  advance(7min);
  host.of("a#0").cannot_start.clear();
  BOOST_TEST(operate(verb::reset, {"a#0"}).accepted == 1u);
  advance(1s);
  BOOST_TEST(to_string(state_of("a#0")) == "running");
  BOOST_TEST(record("a#0").policy.failed_starts == 0u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(without_probes_failed_is_for_good) {
  host.of("a#0").cannot_start = "no";
  run(fleet_builder{}
          .bot("a",
               [](auto& x) {
                 x.failed_starts = 2;
                 x.retry_failed.initial = 0s;
               })
          .build());
  advance(100h);
  BOOST_TEST(to_string(state_of("a#0")) == "failed");
  BOOST_TEST(!record("a#0").next.has_value());
  BOOST_TEST(std::count(host.log.begin(), host.log.end(), "refuse a#0") == 2);
}

BOOST_AUTO_TEST_CASE(one_that_is_never_ready_is_ended_and_counted) {
  // Its grace is longer than it may take to start.
  run(fleet_builder{}
          .bot("a",
               [](auto& x) {
                 x.start_grace = 10min;
                 x.start_timeout = 5s;
                 x.failed_starts = 3;
               })
          .build());
  advance(5s);
  BOOST_TEST(to_string(state_of("a#0")) == "backoff");
  advance(1min);
  BOOST_TEST(to_string(state_of("a#0")) == "failed");
  BOOST_TEST(host.spawns("a#0") == 3u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(the_alert_and_the_next_step_are_told) {
  host.of("a#0").lives = 100ms;
  run(fleet_builder{}.bot("a").build());
  advance(200ms);
  const auto now = record("a#0");
  BOOST_TEST(to_string(now.now) == "backoff");
  BOOST_REQUIRE(now.next.has_value());
  BOOST_TEST(now.next->what == "retry");
  BOOST_TEST(now.next->attempt == 1u);
  BOOST_TEST(now.next->of == 15u);
  BOOST_REQUIRE(now.last_exit.has_value());
  BOOST_TEST(now.last_exit->code == 1);
  BOOST_TEST(now.pid == 0);
}

BOOST_AUTO_TEST_CASE(restarts_of_a_whole_fleet_keep_the_rate) {
  fleet_builder fleet;
  fleet.runtime.restart_rate = 10;
  fleet.runtime.restart_burst = 5;
  fleet.bot("a", {}, 50);
  run(fleet.build());
  advance(2s);
  for (int i = 0; i < 50; ++i)
    host.end("a#" + std::to_string(i));
  advance(2s); // all pauses are over within 0.6 s
  BOOST_TEST(host.living_count() >= 15u);
  BOOST_TEST(host.living_count() <= 21u);
  advance(4s);
  BOOST_TEST(host.living_count() == 50u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_SUITE_END()
