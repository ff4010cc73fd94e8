// What goes wrong at a bad moment, each once seen to end badly.

#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using config::condition;
using config::strategy;

namespace {

config::retry_failed_spec never() {
  config::retry_failed_spec result;
  result.initial = 0s;
  return result;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(trouble, stage)

BOOST_AUTO_TEST_CASE(many_that_die_at_once_are_one_round) {
  run(fleet_builder{}
          .group("p", strategy::one_for_all)
          .group("p/g", strategy::one_for_all)
          .bot("p/g/a", {}, 7)
          .bot("p/x")
          .build());
  advance(70s);
  for (int i = 0; i < 7; ++i)
    host.end("p/g/a#" + std::to_string(i));
  advance(10s);
  BOOST_TEST(to_string(group("p/g")->now) == "running");
  BOOST_TEST(host.living_count() == 8u);
  BOOST_TEST(host.spawns("p/x#0") == 1u); // nothing escalated
}

BOOST_AUTO_TEST_CASE(one_that_is_given_up_lets_its_siblings_live) {
  run(fleet_builder{}
          .group("g", strategy::one_for_all)
          .bot("g/a")
          .bot("g/b",
               [](auto& x) {
                 x.failed_starts = 2;
                 x.retry_failed = never();
               })
          .bot("g/c")
          .build());
  advance(2s);
  host.end("g/a#0", {125, 0, false}); // no restart can help
  advance(10s);
  BOOST_TEST(to_string(state_of("g/a#0")) == "failed");
  BOOST_TEST(host.spawns("g/c#0") == 1u);
  host.of("g/b#0").lives = 100ms;
  host.end("g/b#0");
  advance(1h);
  BOOST_TEST(to_string(state_of("g/b#0")) == "failed");
  BOOST_TEST(to_string(state_of("g/c#0")) == "running");
}

BOOST_AUTO_TEST_CASE(a_root_that_gave_up_can_be_shut_down) {
  host.of("b#0").term_takes = 8s;
  run(fleet_builder{}.group("", strategy::one_for_all, {0, 1min}).bot("a").bot("b").build());
  advance(2s);
  host.end("a#0");
  advance(2s); // the root's own pause is over, b still ends
  stop_fleet();
  advance(10s);
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(*ended() == 0);
}

BOOST_AUTO_TEST_CASE(a_long_order_gets_the_time_it_needs_to_end) {
  const auto slow = [](auto& x) { x.stop_timeout = 10s; };
  for (const auto* each : {"a#0", "b#0", "c#0", "g/d#0", "g/e#0"})
    host.of(each).term_takes = 9s;
  run(fleet_builder{}
          .order("", {"a", "b", "c", "g"})
          .bot("a", slow)
          .bot("b", slow)
          .bot("c", slow)
          .bot("g/d", slow)
          .bot_after("g/e", {{"g/d", condition::ready, {}}}, slow)
          .build());
  advance(10s);
  BOOST_TEST(host.living_count() == 5u);
  stop_fleet();
  advance(2min);
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(*ended() == 0);
  BOOST_TEST(host.living_count() == 0u);
  BOOST_TEST(std::count_if(host.log.begin(), host.log.end(),
                           [](const auto& x) { return x.starts_with("kill"); })
             == 0);
}

BOOST_AUTO_TEST_CASE(what_never_ends_is_left_to_the_keeper) {
  host.of("a#0").ignores_term = true;
  host.of("a#0").children = 1;
  host.of("a#0").stubborn_sweeps = 10'000;
  run(fleet_builder{}.bot("a").build());
  advance(2s);
  stop_fleet();
  advance(1min);
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(*ended() == 1);
}

BOOST_AUTO_TEST_CASE(a_whole_group_that_is_asked_to_end_gets_the_time_for_it) {
  for (const auto* each : {"polite#0", "rude#0", "crashing#0"})
    host.of(each).children = 2;
  host.of("polite#0").children_take = 3s;
  const auto group = [](auto& x) { x.kill = config::kill_mode::group; };
  run(fleet_builder{}.bot("polite", group).bot("rude", group).bot("crashing", group).build());
  advance(2s);
  host.log.clear();
  operate(verb::stop, {"polite#0", "rude#0"});
  advance(2s);
  BOOST_TEST(to_string(state_of("polite#0")) == "stopping"); // its children have the time
  advance(2s);
  BOOST_TEST(to_string(state_of("polite#0")) == "stopped");
  BOOST_TEST(std::count(host.log.begin(), host.log.end(), "sweep polite#0") == 0);
  advance(5s);
  BOOST_TEST(std::count(host.log.begin(), host.log.end(), "sweep rude#0") == 0);
  advance(2s);
  BOOST_TEST(std::count(host.log.begin(), host.log.end(), "sweep rude#0") == 1);
  BOOST_TEST(to_string(state_of("rude#0")) == "stopped");
  host.end("crashing#0"); // nobody asked it: what it leaves is swept at once
  settle();
  BOOST_TEST(host.log.back() == "sweep crashing#0");
}

BOOST_AUTO_TEST_CASE(a_busy_start_is_not_called_stuck) {
  fleet_builder fleet;
  fleet.runtime.restart_rate = 1;
  fleet.runtime.restart_burst = 1;
  run(fleet.bot("a", {}, 5).build());
  advance(2s);
  for (int i = 0; i < 5; ++i)
    host.end("a#" + std::to_string(i));
  advance(800ms);
  for (int i = 0; i < 5; ++i)
    BOOST_TEST(why("a#" + std::to_string(i)).find("stuck-dying") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_restart_rate_is_not_for_operators) {
  fleet_builder fleet;
  fleet.runtime.restart_rate = 1;
  fleet.runtime.restart_burst = 1;
  run(fleet.bot("a", {}, 20).build());
  advance(2s);
  std::vector<std::string> all;
  for (int i = 0; i < 20; ++i)
    all.push_back("a#" + std::to_string(i));
  BOOST_TEST(operate(verb::restart, all).accepted == 20u);
  settle();
  BOOST_TEST(host.living_count() == 20u);
  BOOST_TEST(host.spawns("a#19") == 2u);
  host.end("a#0"); // but for those that die
  host.end("a#1");
  advance(800ms);
  BOOST_TEST(host.living_count() == 19u);
}

BOOST_AUTO_TEST_CASE(a_restart_ends_dependents_first) {
  host.of("z#0").term_takes = 1s;
  run(fleet_builder{}.bot("a").bot_after("z", {{"a", condition::ready, {}}}).bot("idle").build());
  advance(5s);
  operate(verb::stop, {"idle#0"});
  advance(1s);
  host.log.clear();
  BOOST_TEST(operate(verb::restart, {"a#0", "z#0", "idle#0"}).accepted == 3u);
  advance(5s);
  const std::vector<std::string> expected{"term z#0", "spawn idle#0", "exit z#0", "term a#0",
                                          "exit a#0", "spawn a#0",    "spawn z#0"};
  BOOST_TEST(host.log == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_healthy_stretch_counts_even_if_it_ended_as_asked) {
  host.of("g/a#0").cannot_start = "no";
  run(fleet_builder{}.group("g", strategy::one_for_all).bot("g/a").bot("g/b").build());
  advance(7min);
  BOOST_TEST(to_string(state_of("g/a#0")) == "failed");
  host.of("g/a#0").cannot_start.clear();
  advance(72h);
  BOOST_TEST(to_string(state_of("g/a#0")) == "running");
  host.end("g/b#0"); // a round recycles it
  advance(10s);
  BOOST_TEST(to_string(state_of("g/a#0")) == "running");
  host.end("g/a#0");
  settle();
  BOOST_TEST(to_string(state_of("g/a#0")) == "backoff");
}

BOOST_AUTO_TEST_CASE(health_does_not_empty_the_window_of_restarts) {
  run(fleet_builder{}.bot("a", [](auto& x) { x.max_restarts = {3, 24h}; }).build());
  for (int i = 0; i < 4; ++i) {
    advance(5min);
    host.end("a#0");
  }
  settle();
  BOOST_TEST(to_string(state_of("a#0")) == "failed");
}

BOOST_AUTO_TEST_CASE(an_acknowledged_start_survives_the_runtime) {
  const auto fleet = fleet_builder{}.bot("a").build();
  run(fleet);
  advance(2s);
  store.intents["a#0"] = true; // committed before the order is given
  operate(verb::stop, {"a#0"});
  advance(2s);
  BOOST_TEST(to_string(state_of("a#0")) == "stopped");
  store.intents["a#0"] = false;
  BOOST_TEST(operate(verb::start, {"a#0"}).accepted == 1u);
  drop(); // before the ledger has committed anything
  run(fleet);
  advance(5s);
  BOOST_TEST(to_string(state_of("a#0")) == "running");
}

BOOST_AUTO_TEST_CASE(a_clock_set_back_prolongs_no_pause) {
  const auto fleet = fleet_builder{}.bot("a").build();
  host.of("a#0").lives = 2s;
  run(fleet);
  advance(2s);
  settle();
  advance(100ms);
  BOOST_TEST(to_string(state_of("a#0")) == "backoff");
  drop();
  host.of("a#0").lives.reset();
  for (auto& [name, record] : store.records)
    if (record.next)
      record.next->at += 365LL * 24 * 3600 * 1'000'000;
  run(fleet);
  advance(2min);
  BOOST_TEST(to_string(state_of("a#0")) == "running");
}

BOOST_AUTO_TEST_CASE(an_exec_that_hangs_keeps_nobody_else_from_starting) {
  host.of("a#0").slow_start = host.of("a#1").slow_start = true;
  fleet_builder fleet;
  fleet.runtime.start_parallelism = 2;
  run(fleet.bot("a", {}, 2).bot("b").build());
  advance(20s);
  BOOST_TEST(to_string(state_of("b#0")) == "waiting");
  advance(20s);
  BOOST_TEST(to_string(state_of("b#0")) == "running");
  // It is given up like any other start; this one can be killed.
  advance(60s);
  BOOST_TEST(host.ended.contains({"a#0", 1}));
  BOOST_TEST(problems() == "");
  advance(1s);
  operate(verb::stop, {"a#0", "a#1"});
  settle();
  BOOST_TEST(to_string(state_of("a#0")) == "stopped");
  BOOST_TEST(host.living("a#0") == 0u);
  stop_fleet();
  advance(30s);
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(*ended() == 0);
}

BOOST_AUTO_TEST_CASE(many_that_wait_for_many_cost_little) {
  constexpr std::size_t count = 60;
  for (std::size_t i = 0; i < count; ++i)
    host.of("feed#" + std::to_string(i)).slow_start = true;
  run(fleet_builder{}
          .bot("feed", {}, count)
          .bot(
              "trader",
              [](auto& x) {
                x.depends_on = {{"feed", condition::started, {}}};
              },
              count)
          .build());
  advance(1s);
  const auto before = store.record_writes;
  host.answer_spawns();
  advance(10s);
  BOOST_TEST(host.living_count() == 2 * count);
  // Each instance changes a few times; who waits is not written for each that comes up.
  BOOST_TEST(store.record_writes - before < count * 20);
}

BOOST_AUTO_TEST_CASE(the_last_event_is_committed_before_the_end) {
  host.of("a#0").term_takes = 100ms;
  run(fleet_builder{}.bot("a").build());
  advance(2s);
  stop_fleet();
  while (!ended())
    step(1), advance(1ms);
  BOOST_TEST(*ended() == 0);
  BOOST_REQUIRE(!store.transitions.empty());
  BOOST_TEST(to_string(store.transitions.rbegin()->second.to) == "stopped");
  BOOST_TEST(store.deaths.size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
