// Rounds of one_for_all and rest_for_one, and groups that give up.

#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using config::condition;
using config::strategy;

namespace {

/// Where a line of the host's log stands, from `from` on; the end when it is missing.
std::size_t place(const fake_host& host, const std::string& line, std::size_t from = 0) {
  const auto begin = host.log.begin() + static_cast<std::ptrdiff_t>(from);
  return static_cast<std::size_t>(std::find(begin, host.log.end(), line) - host.log.begin());
}

bool has(const fake_host& host, const std::string& line, std::size_t from) {
  return place(host, line, from) < host.log.size();
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(rounds, stage)

BOOST_AUTO_TEST_CASE(all_are_down_before_any_starts) {
  host.of("g/a#0").term_takes = 3s;
  host.of("g/c#0").term_takes = 5s;
  run(fleet_builder{}.group("g", strategy::one_for_all).bot("g/a").bot("g/b").bot("g/c").build());
  advance(2s);
  const auto mark = host.log.size();
  host.end("g/b#0");
  advance(4s); // b's pause is over, c still lives
  BOOST_TEST(!has(host, "spawn g/a#0", mark));
  BOOST_TEST(!has(host, "spawn g/b#0", mark));
  BOOST_TEST(why("g/b#0").find("one_for_all") == 0u, why("g/b#0"));
  advance(2s);
  for (const auto* each : {"g/a#0", "g/b#0", "g/c#0"})
    BOOST_TEST(place(host, std::string{"spawn "} + each, mark) > place(host, "exit g/c#0", mark));
  advance(2s);
  BOOST_TEST(host.living_count() == 3u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(the_pause_of_the_culprit_is_awaited_by_all) {
  run(fleet_builder{}
          .group("g", strategy::one_for_all)
          .bot("g/a")
          .bot("g/b",
               [](auto& x) {
                 x.delay.initial = 20s;
                 x.delay.jitter = 0;
               })
          .build());
  advance(2s);
  host.end("g/b#0");
  advance(19s);
  BOOST_TEST(host.living_count() == 0u);
  BOOST_TEST(to_string(state_of("g/a#0")) == "waiting");
  advance(2s);
  BOOST_TEST(host.living_count() == 2u);
}

BOOST_AUTO_TEST_CASE(rest_for_one_follows_the_order_of_the_group) {
  run(fleet_builder{}
          .group("g", strategy::rest_for_one)
          .order("g", {"z", "m", "a"})
          .bot("g/z")
          .bot("g/m")
          .bot("g/a")
          .bot("g/q") // not in `order`: after those that are
          .build());
  advance(5s);
  const auto mark = host.log.size();
  host.end("g/m#0");
  advance(5s);
  BOOST_TEST(!has(host, "exit g/z#0", mark));
  BOOST_TEST(has(host, "term g/a#0", mark));
  BOOST_TEST(has(host, "term g/q#0", mark));
  BOOST_TEST(place(host, "spawn g/m#0", mark) < place(host, "spawn g/a#0", mark));
  BOOST_TEST(host.living_count() == 4u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(rest_for_one_leaves_fellow_replicas_alone) {
  run(fleet_builder{}.group("g", strategy::rest_for_one).bot("g/a", {}, 3).bot("g/b").build());
  advance(2s);
  host.end("g/a#1");
  advance(3s);
  BOOST_TEST(host.spawns("g/a#0") == 1u);
  BOOST_TEST(host.spawns("g/a#2") == 1u);
  BOOST_TEST(host.spawns("g/a#1") == 2u);
  BOOST_TEST(host.spawns("g/b#0") == 2u);
}

BOOST_AUTO_TEST_CASE(a_round_restarts_in_the_order_of_dependencies) {
  run(fleet_builder{}
          .group("g", strategy::one_for_all)
          .bot("g/z")
          .bot_after("g/m", {{"g/z", condition::ready, {}}})
          .bot_after("g/a", {{"g/m", condition::ready, {}}})
          .build());
  advance(5s);
  const auto mark = host.log.size();
  host.end("g/m#0");
  advance(10s);
  // Down: dependents first. Up: what they depend on first.
  BOOST_TEST(place(host, "exit g/a#0", mark) < place(host, "exit g/z#0", mark));
  BOOST_TEST(place(host, "spawn g/z#0", mark) < place(host, "spawn g/m#0", mark));
  BOOST_TEST(place(host, "spawn g/m#0", mark) < place(host, "spawn g/a#0", mark));
  BOOST_TEST(host.living_count() == 3u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_second_death_in_a_round_delays_it_and_no_more) {
  host.of("g/a#0").term_takes = 3s;
  run(fleet_builder{}
          .group("g", strategy::one_for_all)
          .bot("g/a")
          .bot("g/b")
          .bot("g/c", [](auto& x) { x.delay.initial = 10s; })
          .build());
  advance(2s);
  host.of("g/c#0").ignores_term = true;
  host.end("g/b#0");
  host.end("g/c#0", {7, 0, false}); // before it hears of the round
  advance(4s);
  BOOST_TEST(host.living_count() == 0u); // c's pause
  advance(12s);
  BOOST_TEST(host.living_count() == 3u);
  for (const auto* each : {"g/a#0", "g/b#0", "g/c#0"})
    BOOST_TEST(host.spawns(each) == 2u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_culprit_that_is_stopped_holds_up_nobody) {
  run(fleet_builder{}
          .group("g", strategy::one_for_all)
          .bot("g/a")
          .bot("g/b", [](auto& x) { x.delay.initial = 1min; })
          .build());
  advance(2s);
  host.end("g/b#0");
  advance(2s);
  BOOST_TEST(host.living_count() == 0u);
  operate(verb::stop, {"g/b#0"});
  advance(2s);
  BOOST_TEST(to_string(state_of("g/a#0")) == "running");
  BOOST_TEST(to_string(state_of("g/b#0")) == "stopped");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_sibling_that_is_stopped_in_a_round_stays_down) {
  host.of("g/a#0").term_takes = 3s;
  run(fleet_builder{}.group("g", strategy::one_for_all).bot("g/a").bot("g/b").bot("g/c").build());
  advance(2s);
  host.end("g/b#0");
  advance(1s);
  operate(verb::stop, {"g/a#0", "g/c#0"});
  advance(10s);
  BOOST_TEST(to_string(state_of("g/a#0")) == "stopped");
  BOOST_TEST(to_string(state_of("g/c#0")) == "stopped");
  BOOST_TEST(to_string(state_of("g/b#0")) == "running");
}

BOOST_AUTO_TEST_CASE(a_round_does_not_take_back_a_stop_that_waits_for_dependents) {
  host.of("g/z#0").term_takes = 5s;
  run(fleet_builder{}
          .group("g", strategy::one_for_all)
          .bot("g/a")
          .bot("g/c")
          .bot_after("g/z", {{"g/a", condition::ready, {}}})
          .build());
  advance(3s);
  operate(verb::stop, {"g/a#0", "g/z#0"}); // a waits until z is down
  advance(1s);
  host.end("g/c#0");
  advance(20s);
  BOOST_TEST(to_string(state_of("g/a#0")) == "stopped");
  BOOST_TEST(to_string(state_of("g/z#0")) == "stopped");
  BOOST_TEST(to_string(state_of("g/c#0")) == "running");
}

BOOST_AUTO_TEST_CASE(a_sibling_that_is_just_being_started_takes_part_in_a_round) {
  host.of("g/b#0").slow_start = true;
  run(fleet_builder{}.group("g", strategy::one_for_all).bot("g/a").bot("g/b").build());
  advance(2s);
  host.end("g/a#0"); // b's start is under way
  advance(3s);
  BOOST_TEST(host.living_count() == 0u); // it may still come up, so nobody starts
  host.of("g/b#0").slow_start = false;
  host.answer_spawns();
  advance(10s);
  BOOST_TEST(host.living_count() == 2u);
  BOOST_TEST(to_string(state_of("g/a#0")) == "running");
  BOOST_TEST(to_string(state_of("g/b#0")) == "running");
  BOOST_TEST(host.spawns("g/b#0") == 2u); // the first was recycled
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_spawn_that_fails_concerns_no_sibling) {
  host.of("g/b#0").cannot_start = "no";
  run(fleet_builder{}.group("g", strategy::one_for_all).bot("g/a").bot("g/b").build());
  advance(1min);
  BOOST_TEST(host.spawns("g/a#0") == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_completed_is_not_brought_back_by_a_round) {
  run(fleet_builder{}
          .group("g", strategy::one_for_all)
          .bot("g/a", [](auto& x) { x.restart = config::restart_type::transient; })
          .bot("g/b")
          .build());
  advance(2s);
  host.end("g/a#0", {0, 0, false});
  advance(2s);
  host.end("g/b#0");
  advance(5s);
  BOOST_TEST(to_string(state_of("g/a#0")) == "completed");
  BOOST_TEST(to_string(state_of("g/b#0")) == "running");
}

BOOST_AUTO_TEST_CASE(a_group_that_is_held_while_nobody_wants_it_comes_back) {
  host.of("g/b#0").term_takes = 5s;
  run(fleet_builder{}.group("g", strategy::one_for_all).bot("g/a").bot("g/b").bot("g/h/c").build());
  advance(2s);
  host.end("g/a#0");
  advance(1s); // h is down and waits for b to be so
  operate(verb::stop, {"g/h/c#0"});
  operate(verb::start, {"g/h/c#0"});
  advance(10s);
  BOOST_TEST(host.living_count() == 3u);
}

// -- intensity -------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(too_many_rounds_and_the_group_gives_up_for_a_while) {
  run(fleet_builder{}
          .group("g", strategy::one_for_all, {2, 1min})
          .bot("g/a")
          .bot("g/b")
          .bot("other")
          .build());
  for (int i = 0; i < 2; ++i) {
    advance(5s);
    host.end("g/a#0");
  }
  advance(5s);
  BOOST_TEST(host.living_count() == 3u);
  host.end("g/a#0");
  settle();
  BOOST_TEST(host.living("g/b#0") == 0u);
  BOOST_TEST(to_string(group("g")->now) == "backoff");
  BOOST_TEST(group("g")->why.find("more than 2 restarts within 60 s") != std::string::npos,
             group("g")->why);
  advance(5s);
  BOOST_TEST(host.living_count() == 3u);
  BOOST_TEST(to_string(group("g")->now) == "running");
  BOOST_TEST(host.spawns("other#0") == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_group_that_gives_up_is_one_failed_child_of_its_parent) {
  run(fleet_builder{}
          .group("p", strategy::one_for_all, {1, 1min})
          .group("p/g", strategy::one_for_all, {0, 1min})
          .bot("p/g/a")
          .bot("p/g/b")
          .bot("p/x")
          .bot("other")
          .build());
  advance(2s);
  host.end("p/g/a#0"); // more than 0: g gives up, p goes into a round
  settle();
  BOOST_TEST(host.living_count() == 1u);
  advance(10s);
  BOOST_TEST(host.living_count() == 4u);
  BOOST_TEST(host.spawns("p/x#0") == 2u);
  host.end("p/g/a#0"); // now p gives up too; the root is one_for_one
  settle();
  BOOST_TEST(host.living_count() == 1u);
  BOOST_TEST(to_string(group("p")->now) == "backoff");
  advance(30s);
  BOOST_TEST(host.living_count() == 4u);
  BOOST_TEST(host.spawns("other#0") == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_group_that_never_holds_is_failed_and_probed) {
  host.of("g/a#0").lives = 2s;
  const auto patient = [](auto& x) { x.max_restarts.count = 10'000; };
  run(fleet_builder{}
          .group("g", strategy::one_for_all, {0, 1min})
          .bot("g/a", patient)
          .bot("g/b")
          .build());
  advance(3h);
  BOOST_TEST(to_string(group("g")->now) == "failed");
  host.of("g/a#0").lives.reset();
  advance(3h);
  BOOST_TEST(host.living_count() == 2u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(start_ends_the_pause_of_a_group_that_gave_up) {
  host.of("g/a#0").lives = 2s;
  run(fleet_builder{}.group("g", strategy::one_for_all, {1, 1min}).bot("g/a").bot("g/b").build());
  advance(3h);
  host.of("g/a#0").lives.reset();
  operate(verb::start, {"g/a#0", "g/b#0"});
  advance(2s);
  BOOST_TEST(host.living_count() == 2u);
  BOOST_TEST(to_string(group("g")->now) == "running");
}

BOOST_AUTO_TEST_CASE(a_root_that_gave_up_still_ends_in_order) {
  host.of("a#0").lives = 2s;
  run(fleet_builder{}.group("", strategy::one_for_all, {0, 1min}).bot("a").bot("b").build());
  advance(2s);
  BOOST_TEST(to_string(group("")->now) == "backoff");
  stop_fleet();
  advance(1s);
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(*ended() == 0);
}

BOOST_AUTO_TEST_CASE(one_for_one_groups_never_give_up) {
  for (int i = 0; i < 5; ++i)
    host.of("g/a#" + std::to_string(i)).lives = 3s;
  run(fleet_builder{}
          .group("g", strategy::one_for_one, {1, 1min})
          .bot("g/a", {}, 5)
          .bot("g/b")
          .build());
  advance(5min);
  BOOST_TEST(host.spawns("g/b#0") == 1u);
  BOOST_TEST(to_string(group("g")->now) == "running");
}

BOOST_AUTO_TEST_SUITE_END()
