// Who starts after whom, and the way down.

#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using config::condition;

namespace {

std::vector<std::string> only(const fake_host& host, const std::string& what) {
  std::vector<std::string> result;
  for (const auto& line : host.log)
    if (line.starts_with(what + " "))
      result.push_back(line.substr(what.size() + 1));
  return result;
}

using list = std::vector<std::string>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(order_of_starts, stage)

BOOST_AUTO_TEST_CASE(independent_ones_start_together) {
  run(fleet_builder{}.bot("a", {}, 10).bot("b").bot("g/c").build());
  BOOST_TEST(host.living_count() == 12u);
}

BOOST_AUTO_TEST_CASE(started_ready_and_completed_are_waited_for) {
  host.of("job#0").lives = 5s;
  host.of("job#0").ends_with = {0, 0, false};
  run(fleet_builder{}
          .bot("base")
          .bot_after("s", {{"base", condition::started, {}}})
          .bot_after("r", {{"base", condition::ready, {}}})
          .bot("job", [](auto& x) { x.restart = config::restart_type::transient; })
          .bot_after("c", {{"job", condition::completed, {}}})
          .build());
  BOOST_TEST(host.living("s#0") != 0u);
  BOOST_TEST(host.living("r#0") == 0u);
  BOOST_TEST(why("r#0") == "waits for base#0 (starting)");
  advance(1s);
  BOOST_TEST(host.living("r#0") != 0u);
  BOOST_TEST(host.living("c#0") == 0u);
  advance(4s);
  BOOST_TEST(to_string(state_of("job#0")) == "completed");
  BOOST_TEST(host.living("c#0") != 0u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_dependency_in_another_group_is_waited_for) {
  host.of("z/feed#0").slow_start = true;
  run(fleet_builder{}
          .bot("z/feed")
          .bot_after("a/b/trader", {{"z/feed", condition::ready, {}}})
          .bot_after("x", {{"a/", condition::ready, {}}})
          .build());
  advance(5s);
  BOOST_TEST(host.living_count() == 0u);
  BOOST_TEST(why("a/b/trader#0") == "waits for z/feed#0 (waiting)");
  host.answer_spawns();
  advance(1500ms);
  BOOST_TEST(only(host, "spawn") == (list{"z/feed#0", "a/b/trader#0"}),
             boost::test_tools::per_element());
  advance(2s);
  BOOST_TEST(host.living_count() == 3u);
}

BOOST_AUTO_TEST_CASE(an_end_of_the_dependency_does_not_end_the_dependent) {
  run(fleet_builder{}.bot("a").bot_after("b", {{"a", condition::ready, {}}}).build());
  advance(3s);
  host.end("a#0");
  advance(3s);
  BOOST_TEST(host.spawns("b#0") == 1u);
  // But a dependent that ends meanwhile waits again.
  operate(verb::stop, {"a#0"});
  host.end("b#0");
  advance(5s);
  BOOST_TEST(to_string(state_of("b#0")) == "waiting");
  BOOST_TEST(why("b#0") == "waits for a#0 (stopped)");
  operate(verb::start, {"a#0"});
  advance(2s);
  BOOST_TEST(host.living("b#0") != 0u);
}

BOOST_AUTO_TEST_CASE(order_starts_one_after_the_other) {
  run(fleet_builder{}.order("", {"c", "g", "a"}).bot("a").bot("c").bot("g/x").bot("g/y").build());
  advance(3s);
  const auto spawns = only(host, "spawn");
  BOOST_REQUIRE_EQUAL(spawns.size(), 4u);
  BOOST_TEST(spawns.front() == "c#0");
  BOOST_TEST(spawns.back() == "a#0");
}

BOOST_AUTO_TEST_CASE(order_goes_on_past_what_is_not_started_by_itself) {
  run(fleet_builder{}
          .order("", {"manual", "b"})
          .bot("manual", [](auto& x) { x.autostart = false; })
          .bot("b")
          .build());
  advance(2s);
  BOOST_TEST(to_string(state_of("manual#0")) == "defined");
  BOOST_TEST(to_string(state_of("b#0")) == "running");
}

BOOST_AUTO_TEST_CASE(the_fleet_ends_in_reverse) {
  for (const auto* each : {"db#0", "mid#0", "front#0", "loose#0"})
    host.of(each).term_takes = 2s;
  run(fleet_builder{}
          .bot("db")
          .bot_after("mid", {{"db", condition::ready, {}}})
          .bot_after("front", {{"mid", condition::ready, {}}})
          .bot("loose")
          .build());
  advance(5s);
  stop_fleet();
  advance(1s);
  BOOST_TEST(only(host, "term") == (list{"front#0", "loose#0"}), boost::test_tools::per_element());
  advance(10s);
  BOOST_TEST(only(host, "exit") == (list{"front#0", "loose#0", "mid#0", "db#0"}),
             boost::test_tools::per_element());
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(*ended() == 0);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(groups_end_in_reverse_too) {
  host.of("app/x#0").term_takes = 1s;
  run(fleet_builder{}
          .bot("infra/db")
          .bot("infra/log")
          .bot_after("app/x", {{"infra/db", condition::ready, {}}})
          .build());
  advance(5s);
  stop_fleet();
  advance(5s);
  BOOST_TEST(only(host, "exit").front() == "app/x#0");
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(host.living_count() == 0u);
}

BOOST_AUTO_TEST_CASE(one_that_ignores_term_holds_up_only_what_it_depends_on) {
  host.of("front#0").ignores_term = true;
  run(fleet_builder{}
          .bot("db")
          .bot_after("front", {{"db", condition::ready, {}}})
          .bot("loose")
          .build());
  advance(5s);
  stop_fleet();
  advance(9s);
  BOOST_TEST(only(host, "exit") == list{"loose#0"}, boost::test_tools::per_element());
  advance(2s);
  BOOST_TEST(only(host, "exit") == (list{"loose#0", "front#0", "db#0"}),
             boost::test_tools::per_element());
  BOOST_TEST(*ended() == 0);
}

BOOST_AUTO_TEST_CASE(a_start_outlives_a_stop_that_still_waits) {
  host.of("front#0").term_takes = 5s;
  run(fleet_builder{}.bot("db").bot_after("front", {{"db", condition::ready, {}}}).build());
  advance(3s);
  operate(verb::stop, {"db#0", "front#0"}); // db waits for front
  advance(1s);
  operate(verb::start, {"db#0"});
  advance(10s);
  BOOST_TEST(to_string(state_of("db#0")) == "running");
  BOOST_TEST(to_string(state_of("front#0")) == "stopped");
}

BOOST_AUTO_TEST_SUITE_END()
