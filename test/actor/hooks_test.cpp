// The commands beside a bot: stop_command and on_crash.

#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

void with_stop_command(config::bot_spec& x) {
  x.stop_command = config::hook_spec{{"./stop"}, 10s};
}

void with_on_crash(config::bot_spec& x) {
  x.on_crash = config::hook_spec{{"./clean"}, 10s};
}

struct hooks_stage : stage {
  std::size_t count(const std::string& line) {
    return static_cast<std::size_t>(std::count(host.log.begin(), host.log.end(), line));
  }
  /// Where that line stands in the log, from 1; 0: nowhere.
  std::size_t place(const std::string& line) {
    const auto at = std::find(host.log.begin(), host.log.end(), line);
    return at == host.log.end() ? 0 : static_cast<std::size_t>(at - host.log.begin()) + 1;
  }
  bool told(const std::string& instance, const std::string& cause) {
    return std::any_of(store.transitions.begin(), store.transitions.end(), [&](const auto& x) {
      return x.second.instance == instance && x.second.cause == cause;
    });
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(hooks, hooks_stage)

BOOST_AUTO_TEST_CASE(stop_command_takes_the_place_of_the_signal) {
  host.of("a#0").hook_takes = 1s;
  run(fleet_builder{}.bot("a", with_stop_command).build());
  advance(2s);
  operate(verb::stop, {"a#0"});
  advance(2s);
  BOOST_TEST(to_string(state_of("a#0")) == "stopped");
  BOOST_TEST(count("stop_command a#0") == 1u);
  BOOST_TEST(count("term a#0") == 0u);
  BOOST_TEST(told("a#0", "stop_command exited with code 0"));
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(when_it_fails_the_signal_is_sent_after_all) {
  host.of("a#0").hook_fails = true;
  run(fleet_builder{}.bot("a", with_stop_command).build());
  advance(2s);
  operate(verb::stop, {"a#0"});
  advance(2s);
  BOOST_TEST(to_string(state_of("a#0")) == "stopped");
  BOOST_TEST(count("term a#0") == 1u);
  BOOST_TEST(told("a#0", "stop_command exited with code 1"));
}

BOOST_AUTO_TEST_CASE(when_it_does_nothing_stop_timeout_ends_it) {
  host.of("a#0").stops_by_command = false;
  run(fleet_builder{}.bot("a", with_stop_command).build());
  advance(2s);
  operate(verb::stop, {"a#0"});
  advance(9s);
  BOOST_TEST(to_string(state_of("a#0")) == "stopping");
  advance(2s);
  BOOST_TEST(to_string(state_of("a#0")) == "stopped");
  BOOST_TEST(count("kill a#0") == 1u);
}

BOOST_AUTO_TEST_CASE(a_stop_command_is_not_run_twice_when_the_runtime_dies) {
  host.of("a#0").hook_takes = 5s;
  auto fleet = fleet_builder{}.bot("a", with_stop_command).build();
  run(fleet);
  advance(2s);
  operate(verb::stop, {"a#0"});
  advance(1s);
  drop();
  run(fleet);
  advance(6s);
  BOOST_TEST(to_string(state_of("a#0")) == "stopped");
  BOOST_TEST(count("stop_command a#0") == 1u);
  BOOST_TEST(count("term a#0") == 0u);
  BOOST_TEST(problems() == "");
}

// -- on_crash ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(on_crash_runs_after_a_crash_and_before_the_next_start) {
  host.of("a#0").hook_takes = 3s;
  run(fleet_builder{}.bot("a", with_on_crash).build());
  advance(2s);
  host.end("a#0");
  advance(1s); // the pause before the restart is over by now
  BOOST_TEST(host.living("a#0") == 0u);
  advance(3s);
  BOOST_TEST(host.spawns("a#0") == 2u);
  BOOST_TEST(place("on_crash of a#0 ended") > place("exit a#0"));
  BOOST_TEST(host.log.back() == "spawn a#0");
  BOOST_TEST(told("a#0", "on_crash exited with code 0"));
  BOOST_TEST(store.deaths.size() == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(on_crash_does_not_run_after_an_end_as_asked) {
  for (const int code : {0, 143}) {
    host.of("a#0").term_ends_with = {code, 0, false};
    run(fleet_builder{}.bot("a", with_on_crash).build());
    advance(2s);
    operate(verb::stop, {"a#0"});
    advance(2s);
    BOOST_TEST(to_string(state_of("a#0")) == "stopped");
    BOOST_TEST(count("on_crash a#0") == 0u);
    operate(verb::start, {"a#0"});
    drop();
  }
}

// It left open what it had open: nothing in it heard the signal.
BOOST_AUTO_TEST_CASE(on_crash_runs_when_the_stop_signal_itself_was_its_end) {
  run(fleet_builder{}.bot("a", with_on_crash).build());
  advance(2s);
  operate(verb::stop, {"a#0"});
  advance(2s);
  BOOST_TEST(to_string(state_of("a#0")) == "stopped");
  BOOST_TEST(count("on_crash a#0") == 1u);
}

BOOST_AUTO_TEST_CASE(on_crash_runs_when_a_stop_had_to_kill) {
  host.of("a#0").ignores_term = true;
  host.of("a#0").hook_takes = 2s;
  run(fleet_builder{}.bot("a", with_on_crash).build());
  advance(2s);
  stop_fleet();
  advance(11s);
  BOOST_TEST(count("on_crash a#0") == 1u);
  BOOST_TEST(!ended().has_value()); // the fleet waits for it
  advance(2s);
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(count("on_crash of a#0 ended") == 1u);
}

BOOST_AUTO_TEST_CASE(exits_that_count_as_success_are_no_crash) {
  run(fleet_builder{}.bot("a", with_on_crash).build());
  advance(2s);
  host.end("a#0", {0, 0, false});
  advance(2s);
  host.end("a#0", {125, 0, false});
  advance(2s);
  BOOST_TEST(count("on_crash a#0") == 0u);
}

// The end of the crashed one was not written down, but its on_crash has run and its successor is
// there: that is not cleaned up under, and can be stopped.
BOOST_AUTO_TEST_CASE(on_crash_does_not_run_beside_a_successor) {
  auto fleet = fleet_builder{}.bot("a", with_on_crash).build();
  run(fleet);
  advance(5s);
  store.trouble = "the disk is full";
  host.end("a#0", {-1, 11, true});
  advance(5s);
  BOOST_TEST(count("on_crash a#0") == 1u);
  BOOST_TEST(host.spawns("a#0") == 2u);
  drop();
  store.trouble.clear();
  host.of("a#0").hook_takes = 1min;
  run(fleet);
  BOOST_TEST(count("on_crash a#0") == 1u);
  const auto mark = host.log.size();
  order(verb::stop, {"a#0"});
  advance(1s);
  BOOST_TEST(
      std::count(host.log.begin() + static_cast<std::ptrdiff_t>(mark), host.log.end(), "term a#0")
      == 1);
  BOOST_TEST(host.living("a#0") == 0u);
  advance(2min);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_new_runtime_waits_for_the_on_crash_of_the_old_one) {
  host.of("a#0").hook_takes = 5s;
  auto fleet = fleet_builder{}.bot("a", with_on_crash).build();
  run(fleet);
  advance(2s);
  host.end("a#0");
  advance(1s);
  drop();
  run(fleet);
  advance(3s);
  BOOST_TEST(host.spawns("a#0") == 1u);
  advance(3s);
  BOOST_TEST(host.spawns("a#0") == 2u);
  BOOST_TEST(count("on_crash a#0") == 1u);
  BOOST_TEST(store.deaths.size() == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_hurried_end_does_not_wait_for_hooks) {
  host.of("a#0").ignores_term = true;
  host.of("a#0").hook_takes = 8s;
  run(fleet_builder{}.bot("a", with_on_crash).build());
  advance(2s);
  stop_fleet();
  advance(1s);
  stop_fleet();
  advance(1s);
  BOOST_TEST(ended().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
