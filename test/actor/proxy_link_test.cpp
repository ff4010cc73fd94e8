// What a link adds to the life of an instance: it is asked before it is told to end, and that
// it hangs shows.

#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <csignal>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

struct link_stage : stage {
  link_stage() { with_hub = true; }

  std::string now_of(const std::string& instance) {
    return std::string{to_string(state_of(instance))};
  }

  /// The events of an instance after the first so many: «draining», «stopping: why», «(remark)».
  std::string story(const std::string& instance, const std::string& after = {}) {
    advance(100ms); // they get committed
    std::string result;
    bool begun = after.empty();
    for (const auto& [seq, each] : store.transitions) {
      if (each.instance != instance)
        continue;
      const auto text =
          each.from == each.to ? fmt::format("({})", each.cause) : std::string{to_string(each.to)};
      if (begun)
        result += fmt::format("{}{}", result.empty() ? "" : " ", text);
      begun = begun || text == after;
    }
    return result;
  }

  std::string log_of(const std::string& instance) {
    std::string result;
    for (const auto& line : host.log)
      if (line.ends_with(" " + instance))
        result += fmt::format("{}{}", result.empty() ? "" : " ", line.substr(0, line.find(' ')));
    return result;
  }

  /// One bot `a` that has linked and runs.
  void run_linked(fleet_builder::change with = {}) {
    host.of("a#0").links_after = 100ms;
    run(fleet_builder{}.bot("a", with).build());
    advance(2s);
    BOOST_REQUIRE(now_of("a#0") == "running");
  }
};

void with_link(config::bot_spec& x) {
  x.ready.how = config::ready_spec::kind::link;
}

void restarts_when_it_hangs(config::bot_spec& x) {
  x.on_hang = config::hang_action::restart;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(links, link_stage)

// -- the ladder --------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(one_that_never_linked_is_not_asked_and_loses_no_time) {
  run(fleet_builder{}.bot("a").build());
  advance(2s);
  order(verb::stop, {"a#0"});
  settle();
  BOOST_TEST(now_of("a#0") == "stopped");
  BOOST_TEST(log_of("a#0") == "spawn term exit");
  BOOST_TEST(story("a#0", "running") == "stopping stopped");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_linked_one_drains_then_flattens_then_gets_its_signal) {
  host.of("a#0").drain_takes = 3s;
  host.of("a#0").flatten_takes = 2s;
  run_linked();
  order(verb::stop, {"a#0"});
  settle();
  BOOST_TEST(now_of("a#0") == "draining");
  BOOST_TEST(why("a#0") == "asked by a test");
  BOOST_REQUIRE(record("a#0").next);
  BOOST_TEST(record("a#0").next->what == "flatten");
  advance(3s);
  BOOST_TEST(now_of("a#0") == "draining");
  BOOST_TEST(record("a#0").next->what == "stop");
  BOOST_TEST(log_of("a#0") == "spawn drain flatten");
  advance(2s);
  BOOST_TEST(now_of("a#0") == "stopped");
  BOOST_TEST(log_of("a#0") == "spawn drain flatten term exit");
  BOOST_TEST(story("a#0", "running")
             == "draining (drained in 3.0 s) (flattened in 2.0 s) stopping stopped");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(one_that_does_not_answer_is_waited_for_so_long_and_no_longer) {
  host.of("a#0").drain_takes.reset();
  host.of("a#0").flatten_takes.reset();
  run_linked([](auto& x) {
    x.drain_timeout = 4s;
    x.flatten_timeout = 3s;
  });
  order(verb::stop, {"a#0"});
  advance(4400ms);
  BOOST_TEST(log_of("a#0") == "spawn drain");
  advance(200ms);
  BOOST_TEST(log_of("a#0") == "spawn drain flatten");
  advance(3600ms);
  BOOST_TEST(now_of("a#0") == "stopped");
  BOOST_TEST(story("a#0", "running")
             == "draining (drain timed out after 4.0 s) (flatten timed out after 3.0 s) stopping "
                "stopped");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_late_answer_is_not_taken_for_the_next_step) {
  host.of("a#0").drain_takes = 12s;
  host.of("a#0").flatten_takes = 5s;
  run_linked();
  order(verb::stop, {"a#0"});
  advance(13s);
  BOOST_TEST(now_of("a#0") == "draining");
  BOOST_TEST(log_of("a#0") == "spawn drain flatten");
  advance(3s);
  BOOST_TEST(now_of("a#0") == "stopped");
}

BOOST_AUTO_TEST_CASE(a_timeout_of_0_leaves_a_step_out) {
  host.of("a#0").links_after = host.of("b#0").links_after = host.of("c#0").links_after = 100ms;
  host.of("b#0").drain_takes.reset();
  host.of("c#0").flatten_takes.reset();
  run(fleet_builder{}
          .bot("a", [](auto& x) { x.drain_timeout = x.flatten_timeout = 0s; })
          .bot("b", [](auto& x) { x.drain_timeout = 0s; })
          .bot("c", [](auto& x) { x.flatten_timeout = 0s; })
          .build());
  advance(2s);
  order(verb::stop, {"a#0", "b#0", "c#0"});
  advance(1ms);
  BOOST_TEST(log_of("a#0") == "spawn term exit");
  BOOST_TEST(log_of("b#0") == "spawn flatten term exit");
  BOOST_TEST(log_of("c#0") == "spawn drain term exit");
  BOOST_TEST(story("a#0", "running") == "stopping stopped");
  BOOST_TEST(story("b#0", "running") == "draining (flattened in 0.0 s) stopping stopped");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(one_without_a_handler_says_so) {
  host.of("a#0").drain_says = "it has no handler for drain";
  run_linked();
  order(verb::stop, {"a#0"});
  settle();
  BOOST_TEST(story("a#0", "running")
             == "draining (not drained: it has no handler for drain) (flattened in 0.0 s) stopping "
                "stopped");
}

BOOST_AUTO_TEST_CASE(one_that_ends_when_it_has_drained_needs_no_signal) {
  host.of("a#0").drain_takes = 1s;
  host.of("a#0").ends_drained = 0;
  run_linked();
  order(verb::stop, {"a#0"});
  advance(2s);
  BOOST_TEST(now_of("a#0") == "stopped");
  BOOST_TEST(log_of("a#0") == "spawn drain exit");
  BOOST_TEST(why("a#0") == "exited with code 0 after 3.0 s, as asked");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(one_that_dies_while_it_drains_has_ended) {
  host.of("a#0").drain_takes = 5s;
  run_linked();
  operate(verb::restart, {"a#0"});
  advance(1s);
  BOOST_TEST(now_of("a#0") == "draining");
  host.end("a#0", {-1, SIGSEGV, false});
  advance(2s);
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(host.spawns("a#0") == 2u);
  BOOST_TEST(record("a#0").restarts == 0u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_restart_drains_too) {
  host.of("a#0").drain_takes = 1s;
  run_linked();
  operate(verb::restart, {"a#0"});
  BOOST_TEST(now_of("a#0") == "draining");
  advance(3s);
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(log_of("a#0") == "spawn drain flatten term exit spawn");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(the_end_in_a_hurry_waits_for_no_answer) {
  host.of("a#0").drain_takes.reset();
  run_linked();
  stop_fleet();
  advance(1s);
  BOOST_TEST(now_of("a#0") == "draining");
  stop_fleet();
  advance(200ms);
  BOOST_TEST(ended().value_or(-1) == 0);
  BOOST_TEST(host.living_count() == 0u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_fleet_with_a_slow_chain_may_take_its_time) {
  for (const auto* each : {"a#0", "b#0", "c#0"}) {
    host.of(each).links_after = 100ms;
    host.of(each).drain_takes.reset();
    host.of(each).flatten_takes.reset();
    host.of(each).term_takes = 9s;
  }
  run(fleet_builder{}
          .bot("a")
          .bot_after("b", {{"a", config::condition::ready, {}}})
          .bot_after("c", {{"b", config::condition::ready, {}}})
          .build());
  advance(10s);
  stop_fleet();
  advance(89s);
  BOOST_TEST(!ended());
  advance(3s);
  BOOST_TEST(ended().value_or(-1) == 0);
  BOOST_TEST(std::count(host.log.begin(), host.log.end(), "kill a#0") == 0);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_start_while_it_drains_brings_it_back) {
  host.of("a#0").drain_takes = 3s;
  run_linked();
  order(verb::stop, {"a#0"});
  advance(1s);
  operate(verb::start, {"a#0"});
  BOOST_TEST(now_of("a#0") == "draining");
  advance(5s);
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(host.spawns("a#0") == 2u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_paused_one_is_thawed_before_it_is_asked) {
  run_linked();
  operate(verb::pause, {"a#0"});
  host.say("a#0", notice::kind::silent);
  order(verb::stop, {"a#0"});
  advance(1ms);
  BOOST_TEST(now_of("a#0") == "stopped");
  BOOST_TEST(log_of("a#0") == "spawn freeze thaw drain flatten term exit");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(one_that_is_still_starting_is_not_asked) {
  host.of("a#0").links_after = 100ms;
  run(fleet_builder{}.bot("a", with_link).build());
  advance(1s);
  order(verb::stop, {"a#0"});
  settle();
  BOOST_TEST(log_of("a#0") == "spawn term exit");
}

BOOST_AUTO_TEST_CASE(whoever_depends_on_one_that_drains_waits) {
  host.of("a#0").drain_takes = 5s;
  host.of("a#0").links_after = 100ms;
  run(fleet_builder{}
          .bot("a")
          .bot_after("b", {{"a", config::condition::ready, {}}},
                     [](auto& x) { x.autostart = false; })
          .build());
  advance(2s);
  operate(verb::restart, {"a#0"});
  operate(verb::start, {"b#0"});
  BOOST_TEST(now_of("a#0") == "draining");
  BOOST_TEST(now_of("b#0") == "waiting");
  advance(10s);
  BOOST_TEST(now_of("b#0") == "running");
  BOOST_TEST(problems() == "");
}

// -- what is lost in the middle --------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_new_runtime_asks_again_what_the_old_one_had_asked) {
  host.of("a#0").drain_takes = 4s;
  run_linked();
  const auto fleet = fleet_builder{}.bot("a").build();
  order(verb::stop, {"a#0"});
  advance(1s);
  BOOST_TEST(now_of("a#0") == "draining");
  drop();
  raise(fleet);
  advance(1s);
  BOOST_TEST(now_of("a#0") == "draining");
  advance(5s);
  BOOST_TEST(now_of("a#0") == "stopped");
  BOOST_TEST(log_of("a#0") == "spawn drain drain flatten term exit");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_new_runtime_gives_it_no_more_time_than_the_old_one) {
  host.of("a#0").drain_takes.reset();
  host.of("a#0").flatten_takes.reset();
  run_linked();
  const auto fleet = fleet_builder{}.bot("a").build();
  order(verb::stop, {"a#0"});
  advance(12s); // it flattens
  drop();
  raise(fleet);
  advance(8200ms); // wall time is the real one's: only the bound can be shown
  BOOST_TEST(now_of("a#0") == "draining");
  advance(3s);
  BOOST_TEST(now_of("a#0") == "stopped");
  BOOST_TEST(log_of("a#0") == "spawn drain flatten flatten term exit");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(one_that_does_not_link_again_is_not_waited_for) {
  host.of("a#0").drain_takes.reset();
  run_linked();
  const auto fleet = fleet_builder{}.bot("a").build();
  order(verb::stop, {"a#0"});
  advance(1s);
  host.of("a#0").links_after.reset();
  drop();
  raise(fleet);
  advance(4s);
  BOOST_TEST(now_of("a#0") == "draining");
  advance(7s);
  BOOST_TEST(now_of("a#0") == "stopped");
  BOOST_TEST(story("a#0", "draining")
             == "(drain left out: its link did not come back) (flatten left out: its link did not "
                "come back) stopping stopped");
}

BOOST_AUTO_TEST_CASE(one_that_ended_while_nobody_looked_has_ended) {
  host.of("a#0").drain_takes.reset();
  run_linked();
  const auto fleet = fleet_builder{}.bot("a").build();
  operate(verb::restart, {"a#0"});
  advance(1s);
  drop();
  host.end("a#0", {0, 0, false});
  raise(fleet);
  advance(3s);
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(host.spawns("a#0") == 2u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_link_that_breaks_in_the_middle_and_comes_back_is_asked_again) {
  host.of("a#0").drain_takes = 2s;
  run_linked();
  order(verb::stop, {"a#0"});
  advance(1s);
  host.unlink("a#0", "bad_frame");
  advance(2s);
  BOOST_TEST(now_of("a#0") == "draining");
  host.link("a#0");
  advance(3s);
  BOOST_TEST(now_of("a#0") == "stopped");
  BOOST_TEST(story("a#0", "running")
             == "draining (link lost: bad_frame) (linked: fake 1.0) (drained in 5.0 s) (flattened "
                "in 0.0 s) stopping stopped");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_new_hub_is_asked_again) {
  host.of("a#0").drain_takes = 2s;
  run_linked();
  order(verb::stop, {"a#0"});
  advance(1s);
  break_actor(all().hub);
  advance(4s);
  BOOST_TEST(now_of("a#0") == "stopped");
  BOOST_TEST(log_of("a#0") == "spawn drain drain flatten term exit");
}

BOOST_AUTO_TEST_CASE(replaced_actors_know_who_is_linked) {
  run_linked();
  break_actor(all().root); // and all below it
  advance(1s);
  break_actor(all().launcher);
  advance(1s);
  break_actor(all().root);
  advance(1s);
  BOOST_REQUIRE(now_of("a#0") == "running");
  operate(verb::restart, {"a#0"});
  advance(3s);
  BOOST_TEST(log_of("a#0") == "spawn drain flatten term exit spawn");
  BOOST_TEST(problems() == "");
}

// -- the link itself ---------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(links_that_come_and_go_are_remarks) {
  run_linked();
  host.unlink("a#0", "too_slow");
  advance(1s);
  BOOST_TEST(now_of("a#0") == "running");
  host.link("a#0");
  BOOST_TEST(story("a#0", "starting")
             == "(linked: fake 1.0) running (link lost: too_slow) (linked: fake 1.0)");
}

// The end of a process ends its link; that is no news.
BOOST_AUTO_TEST_CASE(the_link_of_one_that_died_is_no_remark) {
  run_linked();
  host.end("a#0", {1, 0, false});
  BOOST_TEST(story("a#0", "running") == "backoff");
}

BOOST_AUTO_TEST_CASE(c06_one_that_is_silent_is_degraded_until_it_answers) {
  run_linked();
  host.say("a#0", notice::kind::silent);
  settle();
  BOOST_TEST(now_of("a#0") == "degraded");
  BOOST_TEST(why("a#0") == "unresponsive: no answer over its link for 30 s");
  host.say("a#0", notice::kind::answers);
  settle();
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(why("a#0") == "it answers over its link again");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(c06_or_it_is_restarted_and_that_was_a_failure) {
  run_linked(restarts_when_it_hangs);
  host.say("a#0", notice::kind::silent);
  settle();
  BOOST_TEST(story("a#0", "running") == "stopping backoff");
  BOOST_TEST(log_of("a#0") == "spawn term exit"); // what hangs is not asked
  advance(3s);
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(record("a#0").restarts == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(what_is_unresponsive_is_not_asked_to_drain) {
  run_linked();
  host.say("a#0", notice::kind::silent);
  settle();
  order(verb::stop, {"a#0"});
  settle();
  BOOST_TEST(log_of("a#0") == "spawn term exit");
}

BOOST_AUTO_TEST_CASE(one_that_links_again_is_responsive) {
  run_linked();
  host.say("a#0", notice::kind::silent);
  host.unlink("a#0", "eof");
  settle();
  BOOST_TEST(now_of("a#0") == "degraded");
  host.link("a#0");
  settle();
  BOOST_TEST(now_of("a#0") == "running");
}

BOOST_AUTO_TEST_CASE(one_that_is_stopped_from_outside_stays_degraded_for_both_reasons) {
  run_linked();
  host.stall("a#0", true);
  host.say("a#0", notice::kind::silent);
  settle();
  BOOST_TEST(why("a#0") == "stopped by signal 19 from outside");
  host.say("a#0", notice::kind::answers); // it was on its way
  settle();
  BOOST_TEST(now_of("a#0") == "degraded");
  host.say("a#0", notice::kind::silent);
  host.stall("a#0", false);
  settle();
  BOOST_TEST(now_of("a#0") == "running");
  advance(29s);
  BOOST_TEST(now_of("a#0") == "running");
  advance(2s); // it goes on, and hangs all the same
  BOOST_TEST(now_of("a#0") == "degraded");
  BOOST_TEST(why("a#0") == "unresponsive: no answer over its link for 30 s");
}

BOOST_AUTO_TEST_CASE(one_that_links_again_after_it_was_stopped_has_answered) {
  run_linked();
  host.stall("a#0", true);
  host.say("a#0", notice::kind::silent);
  host.stall("a#0", false);
  host.link("a#0");
  advance(1min);
  BOOST_TEST(now_of("a#0") == "running");
}

BOOST_AUTO_TEST_CASE(a_paused_one_is_not_expected_to_answer) {
  run_linked(restarts_when_it_hangs);
  operate(verb::pause, {"a#0"});
  host.say("a#0", notice::kind::silent);
  advance(1min);
  BOOST_TEST(now_of("a#0") == "paused");
  operate(verb::resume, {"a#0"});
  advance(10s);
  BOOST_TEST(now_of("a#0") == "running");
  host.say("a#0", notice::kind::answers);
  advance(1min);
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(host.spawns("a#0") == 1u);
}

BOOST_AUTO_TEST_CASE(a_new_proxy_learns_that_it_is_unresponsive) {
  run_linked();
  host.say("a#0", notice::kind::silent);
  settle();
  break_actor(all().root);
  advance(1s);
  BOOST_TEST(now_of("a#0") == "degraded");
}

// -- ready: "link" -------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(with_the_check_link_it_is_ready_when_it_says_so) {
  host.of("a#0").links_after = 2s;
  run(fleet_builder{}.bot("a", with_link).build());
  advance(1s);
  BOOST_TEST(now_of("a#0") == "starting");
  BOOST_TEST(why("a#0") == "not ready yet: it has not linked");
  advance(2s);
  BOOST_TEST(why("a#0") == "not ready yet: it has linked, and has not said that it is ready");
  host.say("a#0", notice::kind::says_ready);
  settle();
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(why("a#0") == "it says that it is ready");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(with_another_check_that_word_does_not_count) {
  run(fleet_builder{}
          .bot("a", [](auto& x) { x.ready.how = config::ready_spec::kind::tcp; })
          .build());
  host.link("a#0");
  host.say("a#0", notice::kind::says_ready);
  advance(1s);
  BOOST_TEST(now_of("a#0") == "starting");
}

BOOST_AUTO_TEST_CASE(c07_one_that_never_links_is_ended_and_counted) {
  run(fleet_builder{}.bot("a", with_link).build());
  advance(91s);
  BOOST_TEST(story("a#0", "starting") == "stopping backoff waiting starting");
  advance(1s);
  bool told = false;
  for (const auto& [seq, each] : store.transitions)
    told = told || each.cause == "not ready within start_timeout: it has not linked";
  BOOST_TEST(told);
  BOOST_TEST(record("a#0").policy.failed_starts == 1u);
  BOOST_TEST(problems() == "");
}

// Under load its link may be heard of before its exec is.
BOOST_AUTO_TEST_CASE(what_it_says_before_its_exec_is_confirmed_counts) {
  host.of("a#0").slow_start = true;
  run(fleet_builder{}.bot("a", with_link).build());
  const auto incarnation = host.table.begin()->first.second;
  host.sink(notice{"a#0", incarnation, notice::kind::linked, "fake 1.0", {}});
  host.sink(notice{"a#0", incarnation, notice::kind::says_ready, {}, {}});
  settle();
  host.answer_spawns();
  settle();
  BOOST_TEST(now_of("a#0") == "running");
}

// Its word may have come while nobody was there to hear it.
BOOST_AUTO_TEST_CASE(a_new_runtime_hears_that_it_is_ready) {
  host.of("a#0").links_after = 1s;
  run(fleet_builder{}.bot("a", with_link).build());
  advance(500ms);
  drop();
  host.of("a#0").says_ready = true;
  raise(fleet_builder{}.bot("a", with_link).build());
  advance(3s);
  BOOST_TEST(now_of("a#0") == "running");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_SUITE_END()
