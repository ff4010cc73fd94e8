// One bot and what may become of it.

#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(life, stage)

BOOST_AUTO_TEST_CASE(a_bot_starts_becomes_ready_and_stops) {
  run(fleet_builder{}.bot("a").build());
  BOOST_TEST(to_string(state_of("a#0")) == "starting");
  BOOST_TEST(host.living("a#0") != 0u);
  advance(1s);
  BOOST_TEST(to_string(state_of("a#0")) == "running");
  BOOST_TEST(operate(verb::stop, {"a#0"}).accepted == 1u);
  advance(1s);
  BOOST_TEST(to_string(state_of("a#0")) == "stopped");
  BOOST_TEST(host.living("a#0") == 0u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(the_fleet_stops_and_the_runtime_ends_with_0) {
  run(fleet_builder{}.bot("a").bot("g/b").bot("g/h/c").build());
  advance(2s);
  BOOST_TEST(host.living_count() == 3u);
  stop_fleet();
  advance(1s);
  BOOST_TEST(host.living_count() == 0u);
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(*ended() == 0);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_new_runtime_finds_what_runs) {
  auto fleet = fleet_builder{}.bot("a").build();
  run(fleet);
  advance(2s);
  const auto before = host.living("a#0");
  drop();
  run(fleet);
  advance(2s);
  BOOST_TEST(host.living("a#0") == before);
  BOOST_TEST(to_string(state_of("a#0")) == "running");
  BOOST_TEST(host.spawns("a#0") == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(two_thousand_start_and_stop) {
  run(fleet_builder{}
          .bot("base", {}, 1000)
          .bot_after("g/top", {{"base", config::condition::started, {}}})
          .bot_after("late", {{"g/", config::condition::ready, {}}},
                     [](auto& x) { x.stop_timeout = std::chrono::seconds{1}; })
          .bot("free", {}, 998)
          .build());
  advance(5s);
  BOOST_TEST(host.living_count() == 2000u);
  stop_fleet();
  advance(5s);
  BOOST_TEST(host.living_count() == 0u);
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(*ended() == 0);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_SUITE_END()
