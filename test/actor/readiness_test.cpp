// When a bot counts as ready, and what it may say while it runs.

#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

void with_check(config::bot_spec& x) {
  x.ready.how = config::ready_spec::kind::tcp;
  x.ready.value = "127.0.0.1:1";
}

void with_watchdog(config::bot_spec& x) {
  x.ready.how = config::ready_spec::kind::notify;
  x.watchdog = 5s;
}

struct readiness_stage : stage {
  std::string now_of(const std::string& instance) {
    return std::string{to_string(state_of(instance))};
  }
  std::string event_of(const std::string& instance, const std::string& part) {
    for (const auto& [seq, each] : store.transitions)
      if (each.instance == instance && each.cause.find(part) != std::string::npos)
        return std::string{to_string(each.from)} + " to " + std::string{to_string(each.to)};
    return "none";
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(readiness, readiness_stage)

BOOST_AUTO_TEST_CASE(with_a_check_time_alone_makes_nothing_ready) {
  host.of("a#0").ready_after = 20s;
  run(fleet_builder{}.bot("a", with_check).build());
  advance(19s);
  BOOST_TEST(now_of("a#0") == "starting");
  advance(2s);
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(why("a#0") == "its check passed");
  BOOST_TEST(problems() == "");
}

// C07: it never says that it is up.
BOOST_AUTO_TEST_CASE(c07_one_that_never_becomes_ready_is_ended_and_counted) {
  run(fleet_builder{}.bot("a", with_check).build());
  host.say("a#0", notice::kind::not_ready, "tcp 127.0.0.1:1: Connection refused");
  settle();
  BOOST_TEST(why("a#0") == "not ready yet: tcp 127.0.0.1:1: Connection refused");
  BOOST_REQUIRE(record("a#0").next);
  BOOST_TEST(record("a#0").next->what == "start timeout");
  advance(89s);
  BOOST_TEST(now_of("a#0") == "starting");
  advance(1500ms);
  BOOST_TEST(event_of("a#0", "not ready within start_timeout: tcp 127.0.0.1:1: Connection refused")
             == "starting to stopping");
  BOOST_TEST(record("a#0").policy.failed_starts == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(without_a_start_timeout_it_may_take_as_long_as_it_likes) {
  host.of("a#0").ready_after = 2h;
  run(fleet_builder{}
          .bot("a",
               [](auto& x) {
                 with_check(x);
                 x.start_timeout = 0s;
               })
          .bot("b", [](auto& x) { x.start_timeout = 0s; })
          .build());
  advance(1h);
  BOOST_TEST(now_of("a#0") == "starting");
  BOOST_TEST(now_of("b#0") == "running");
  BOOST_TEST(!record("a#0").next);
  advance(2h);
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(host.spawns("a#0") == 1u);
}

BOOST_AUTO_TEST_CASE(who_waits_for_ready_waits_for_the_check) {
  host.of("a#0").ready_after = 10s;
  run(fleet_builder{}
          .bot("a", with_check)
          .bot_after("b", {{"a", config::condition::ready, {}}})
          .build());
  advance(9s);
  BOOST_TEST(now_of("b#0") == "waiting");
  advance(3s);
  BOOST_TEST(now_of("b#0") == "running");
}

BOOST_AUTO_TEST_CASE(a_ready_check_holds_a_start_slot) {
  fleet_builder fleet;
  fleet.runtime.start_parallelism = 1;
  host.of("a#0").ready_after = 10s;
  run(fleet.bot("a", with_check).bot("b").build());
  advance(9s);
  BOOST_TEST(host.spawns("b#0") == 0u);
  advance(2s);
  BOOST_TEST(host.spawns("b#0") == 1u);
}

BOOST_AUTO_TEST_CASE(a_start_that_waits_for_a_slot_does_not_hang) {
  fleet_builder fleet;
  fleet.runtime.start_parallelism = 1;
  host.of("a#0").ready_after = 80s;
  host.of("b#0").ready_after = 80s;
  run(fleet.bot("a", with_check).bot("b", with_check).bot("c").build());
  advance(165s);
  BOOST_TEST(host.spawns("a#0") == 1u);
  BOOST_TEST(host.spawns("b#0") == 1u);
  BOOST_TEST(now_of("c#0") == "running");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_changed_check_is_for_the_next_process) {
  fleet_builder fleet;
  fleet.runtime.start_parallelism = 1;
  host.of("a#0").ready_after = 10s;
  run(fleet.bot("a", with_check).build());
  advance(1s);
  apply(fleet.bot("a").bot("b").build());
  advance(3s);
  BOOST_TEST(now_of("a#0") == "starting");
  advance(10s);
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(now_of("b#0") == "running");
}

BOOST_AUTO_TEST_CASE(a_start_that_fails_frees_its_slot) {
  fleet_builder fleet;
  fleet.runtime.start_parallelism = 1;
  host.of("a#0").lives = 2s;
  run(fleet
          .bot("a",
               [](auto& x) {
                 with_check(x);
                 x.restart = config::restart_type::temporary;
               })
          .bot("b")
          .build());
  BOOST_TEST(host.spawns("b#0") == 0u);
  advance(3s);
  BOOST_TEST(host.spawns("b#0") == 1u);
}

BOOST_AUTO_TEST_CASE(a_new_runtime_hears_again_that_it_is_ready) {
  host.of("a#0").ready_after = 5s;
  auto fleet = fleet_builder{}.bot("a", with_check).build();
  run(fleet);
  advance(1s);
  drop();
  host.advance_to(host.now() + 10s); // it becomes ready while nobody listens
  run(fleet);
  advance(1s);
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(host.spawns("a#0") == 1u);
  BOOST_TEST(problems() == "");
}

// -- the watchdog ------------------------------------------------------------------------

// C08, for one that speaks to the watchdog: its loop is stuck.
BOOST_AUTO_TEST_CASE(c08_silence_beyond_the_watchdog_is_a_failure) {
  host.of("a#0").ready_after = 1s;
  run(fleet_builder{}.bot("a", with_watchdog).build());
  for (int i = 0; i < 5; ++i) {
    advance(4s);
    host.say("a#0", notice::kind::alive);
    settle();
  }
  BOOST_TEST(host.spawns("a#0") == 1u);
  advance(6s);
  BOOST_TEST(event_of("a#0", "silent for longer than its watchdog of 5.0 s")
             == "running to stopping");
  BOOST_TEST(host.spawns("a#0") == 2u);
  BOOST_TEST(record("a#0").restarts == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(one_that_says_it_hangs_is_restarted_at_once) {
  host.of("a#0").ready_after = 1s;
  run(fleet_builder{}.bot("a", with_watchdog).build());
  advance(2s);
  host.say("a#0", notice::kind::hung);
  advance(2s);
  BOOST_TEST(event_of("a#0", "WATCHDOG=trigger") == "running to stopping");
  BOOST_TEST(host.spawns("a#0") == 2u);
}

BOOST_AUTO_TEST_CASE(one_that_says_it_hangs_while_it_ends_as_asked_has_not_failed) {
  host.of("a#0").ready_after = 1s;
  host.of("a#0").term_takes = 2s;
  run(fleet_builder{}.bot("a", with_watchdog).build());
  advance(2s);
  operate(verb::restart, {"a#0"});
  advance(1s);
  BOOST_TEST(now_of("a#0") == "stopping");
  host.say("a#0", notice::kind::hung);
  advance(3s);
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(record("a#0").restarts == 0u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_frozen_bot_cannot_speak_and_is_not_blamed) {
  host.of("a#0").ready_after = 1s;
  run(fleet_builder{}.bot("a", with_watchdog).build());
  advance(2s);
  operate(verb::pause, {"a#0"});
  advance(60s);
  BOOST_TEST(now_of("a#0") == "paused");
  operate(verb::resume, {"a#0"});
  advance(4s);
  BOOST_TEST(now_of("a#0") == "running"); // a full period from then on
  advance(3s);
  BOOST_TEST(host.spawns("a#0") == 2u);
}

BOOST_AUTO_TEST_CASE(a_new_runtime_grants_a_full_watchdog_period) {
  host.of("a#0").ready_after = 1s;
  auto fleet = fleet_builder{}.bot("a", with_watchdog).build();
  run(fleet);
  advance(5s);
  drop();
  run(fleet);
  advance(4s);
  BOOST_TEST(now_of("a#0") == "running");
  advance(2s);
  BOOST_TEST(event_of("a#0", "silent for longer") == "running to stopping");
}

BOOST_AUTO_TEST_CASE(one_that_says_it_is_stopping_need_not_speak_any_more) {
  host.of("a#0").ready_after = 1s;
  run(fleet_builder{}.bot("a", with_watchdog).build());
  advance(2s);
  host.say("a#0", notice::kind::stopping);
  advance(60s);
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(event_of("a#0", "it says that it is stopping") == "running to running");
  BOOST_TEST(problems() == "");
}

// -- more time -----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_bot_may_ask_for_more_time_to_start) {
  host.of("a#0").ready_after = 150s;
  run(fleet_builder{}.bot("a", with_check).build());
  advance(80s);
  host.say("a#0", notice::kind::extend, {}, 100s);
  advance(80s);
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(host.spawns("a#0") == 1u);
}

BOOST_AUTO_TEST_CASE(it_never_gets_less_time_nor_time_without_end) {
  host.of("a#0").ignores_term = true;
  run(fleet_builder{}.bot("a").build());
  advance(2s);
  operate(verb::stop, {"a#0"});
  host.say("a#0", notice::kind::extend, {}, 1us);
  advance(9s);
  BOOST_TEST(now_of("a#0") == "stopping");
  // For ever is ten minutes beyond its stop_timeout.
  const auto began = host.now();
  for (int i = 0; i < 100 && now_of("a#0") == "stopping"; ++i) {
    host.say("a#0", notice::kind::extend, {}, std::chrono::microseconds::max());
    advance(10s);
  }
  BOOST_TEST(now_of("a#0") == "stopped");
  BOOST_TEST(host.now() - began < 11min);
  BOOST_TEST(host.now() - began > 9min);
  BOOST_TEST(problems() == "");
}

// -- output that others wait for -------------------------------------------------------------

BOOST_AUTO_TEST_CASE(who_waits_for_output_waits_for_that_line) {
  auto fleet = fleet_builder{}
                   .bot("g/a", [](auto& x) { x.awaited_output = {"open"}; })
                   .bot_after("b", {{"g/a", config::condition::output, "open"}})
                   .bot_after("g/c", {{"g/a", config::condition::output, "open"}})
                   .build();
  run(fleet);
  advance(5s);
  BOOST_TEST(now_of("b#0") == "waiting");
  BOOST_TEST(why("b#0") == "waits for g/a#0 (running, has not written open)");
  host.say("g/a#0", notice::kind::printed, "open");
  advance(2s);
  BOOST_TEST(now_of("b#0") == "running");
  BOOST_TEST(now_of("g/c#0") == "running");
  // What was printed is not forgotten with the runtime, but with the process.
  drop();
  run(fleet);
  operate(verb::restart, {"b#0"});
  advance(2s);
  BOOST_TEST(now_of("b#0") == "running");
  host.end("g/a#0");
  operate(verb::restart, {"b#0"});
  advance(5s);
  BOOST_TEST(now_of("b#0") == "waiting");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_remark_is_an_event_that_changes_nothing) {
  run(fleet_builder{}.bot("a").build());
  advance(2s);
  host.say("a#0", notice::kind::remark, "closed its output");
  advance(1s);
  BOOST_TEST(event_of("a#0", "closed its output") == "running to running");
  BOOST_TEST(why("a#0") == "up for 1.0 s");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_SUITE_END()
