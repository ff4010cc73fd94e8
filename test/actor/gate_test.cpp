// What must come up before a version is healthy, and what comes back when it does not.

#include "test/actor/fleet_world.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using nlohmann::json;

BOOST_FIXTURE_TEST_SUITE(gates, fleet_world)

BOOST_AUTO_TEST_CASE(a_new_bot_that_crashes_goes_again) {
  begin(two_bots);
  host.of("c#0").lives = 100ms;
  write("c.json", bot("crashes"));
  apply();
  BOOST_TEST(how() == "updating");
  advance(1min);
  BOOST_TEST(states() == (std::vector<std::string>{"healthy", "rolled back", "healthy"}),
             boost::test_tools::per_element());
  BOOST_TEST(host.living("c#0") == 0u);
  BOOST_TEST(host.spawns("a#0") == 1u);
  BOOST_TEST(standing()["disk"]["state"] == "differs");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(another_change_is_no_way_around_it) {
  begin(two_bots);
  host.of("b#0").lives = 100ms;
  write("b.json", bot("crashes"));
  apply();
  advance(50ms);
  BOOST_TEST(change("set", {{"bot", "a"}, {"path", "description"}, {"value", "x"}})["number"] == 3);
  BOOST_TEST(how() == "updating");
  host.of("b#0").lives.reset();
  advance(1min);
  BOOST_TEST(states()
                 == (std::vector<std::string>{"healthy", "superseded", "rolled back", "healthy"}),
             boost::test_tools::per_element());
  BOOST_TEST(was_said("version 1 comes back as 4, and 2 is undone too"));
  BOOST_TEST(record("b#0").settings == settings("b#0"));
  BOOST_TEST(how() == "healthy");
}

BOOST_AUTO_TEST_CASE(nor_is_the_death_of_the_runtime) {
  for (const bool replaced : {false, true}) {
    fleet_world w;
    w.begin(two_bots);
    const auto good = w.settings("b#0");
    w.host.of("b#0").lives = 100ms;
    w.write("b.json", bot("crashes"));
    w.apply();
    w.advance(50ms);
    w.host.end("b#0"); // while nobody looks
    if (replaced) {
      w.break_actor(w.all().config);
    } else {
      w.drop();
      w.raise(tree_of(w.tree));
    }
    w.advance(2s);
    w.host.of("b#0").lives.reset();
    w.advance(1min);
    BOOST_TEST(w.states() == (std::vector<std::string>{"healthy", "rolled back", "healthy"}),
               boost::test_tools::per_element());
    BOOST_TEST(w.settings("b#0") == good);
  }
}

BOOST_AUTO_TEST_CASE(an_old_process_that_ends_while_nobody_looks_is_no_failure) {
  for (const int deaths : {1, 2}) {
    fleet_world w;
    w.begin(two_bots);
    w.host.of("b#0").term_takes = 1s;
    w.write("b.json", bot("another"));
    w.apply();
    w.advance(500ms);
    w.drop(); // TERM is sent, and it ends by it
    w.host.end("b#0", {0, 0, false});
    for (int i = 0; i < deaths; ++i) {
      w.drop();
      w.raise(tree_of(w.tree));
      w.advance(100ms);
    }
    w.advance(1min);
    BOOST_TEST(w.states() == (std::vector<std::string>{"healthy", "healthy"}),
               boost::test_tools::per_element());
    BOOST_TEST(w.record("b#0").restarts == 0u);
    BOOST_TEST(w.problems() == "");
  }
}

BOOST_AUTO_TEST_CASE(what_was_removed_while_a_runtime_died_is_ended_and_told) {
  for (const bool ended : {false, true}) {
    fleet_world w;
    w.begin(two_bots);
    w.write("a.json", bot("one", R"("replicas": 3)"));
    w.host.of("a#3").term_takes = 1min;
    w.apply();
    w.drop(); // it is written down, and hardly told
    if (ended)
      w.host.end("a#3");
    w.raise(tree_of(w.tree));
    w.advance(10s);
    BOOST_TEST(w.host.living("a#3") == 0u);
    const auto seen = w.view();
    for (const auto& each : seen->records)
      BOOST_TEST(each.name != "a#3");
    BOOST_TEST(w.store.records.count("a#3") == 0u);
    BOOST_TEST(w.store.path("a#3").back().ends_with(">stopped"));
    BOOST_TEST(w.problems() == "");
  }
}

BOOST_AUTO_TEST_CASE(who_was_down_before_is_nobodys_failure) {
  tree = two_bots;
  host.of("b#0").lives = 100ms;
  begin(two_bots);
  advance(10s);
  write("group.json", R"({"defaults": {"environment": {"NEW": "1"}}})");
  apply();
  advance(1min);
  BOOST_TEST(how() == "healthy");
  BOOST_TEST(version() == 2u);
}

BOOST_AUTO_TEST_CASE(nor_is_it_when_a_runtime_dies_meanwhile) {
  for (const bool replaced : {false, true}) {
    fleet_world w;
    w.host.of("b#0").lives = 100ms;
    for (int i = 0; i < 4; ++i)
      w.host.of("a#" + std::to_string(i)).term_takes = 5s;
    w.begin(two_bots);
    w.advance(10s);
    w.write("group.json", R"({"defaults": {"environment": {"NEW": "1"}}})");
    w.apply();
    w.advance(6s);
    BOOST_TEST(w.how() == "updating");
    if (replaced) {
      w.break_actor(w.all().config);
    } else {
      w.drop();
      w.raise(tree_of(w.tree));
    }
    w.advance(2min);
    BOOST_TEST(w.states() == (std::vector<std::string>{"healthy", "healthy"}),
               boost::test_tools::per_element());
    BOOST_TEST(w.problems() == "");
  }
}

// What the next runtime knows of them it knows from the keeper alone.
BOOST_AUTO_TEST_CASE(nothing_is_proven_by_what_was_not_committed) {
  for (const bool is_new : {false, true}) {
    fleet_world w;
    w.begin({{"a.json", bot("one")}});
    if (is_new)
      w.write("x.json", bot("crashes", R"("start_grace": "5s")"));
    else
      w.write("a.json", bot("crashes", R"("start_grace": "5s")"));
    w.apply();
    w.store.trouble = "the disk is full";
    w.advance(100ms);
    const std::string instance = is_new ? "x#0" : "a#0";
    BOOST_TEST(w.host.spawns(instance) == (is_new ? 1u : 2u));
    w.drop();
    w.store.trouble.clear();
    w.raise(tree_of(w.tree));
    w.advance(1s);
    BOOST_TEST(w.how() == "updating");
    w.host.end(instance);
    w.advance(1min);
    BOOST_TEST(w.states() == (std::vector<std::string>{"healthy", "rolled back", "healthy"}),
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(what_stopped_does_not_spread_by_the_death_of_a_runtime) {
  const std::string more = R"("replicas": 4, "update": {"on_failure": "stop"})";
  begin({{"a.json", bot("one", more)}});
  const auto good = settings("a#1");
  write("a.json", bot("crashes", more));
  host.of("a#0").lives = 200ms;
  apply();
  advance(1min);
  BOOST_TEST(how() == "stopped");
  drop();
  host.end("a#1"); // while nobody looks
  raise(tree_of(tree));
  advance(1min);
  BOOST_TEST(how() == "stopped");
  BOOST_TEST(settings("a#1") == good);
  BOOST_TEST(host.spawns("a#1") == 2u);
  // And one that is in its pause.
  host.of("a#2").lives = 50ms;
  host.end("a#2");
  advance(30s);
  drop();
  host.of("a#2").lives.reset();
  raise(tree_of(tree));
  advance(10min);
  BOOST_TEST(settings("a#2") == good);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_rollback_that_cannot_be_written_does_not_hold_up_the_end) {
  begin(two_bots);
  host.of("b#0").lives = 100ms;
  write("b.json", bot("crashes"));
  apply();
  store.trouble = "the disk is full";
  advance(10s);
  BOOST_TEST(version() == 2u);
  stop_fleet();
  advance(2min);
  BOOST_TEST(ended().has_value());
}

BOOST_AUTO_TEST_CASE(what_was_seen_is_what_comes) {
  begin(two_bots);
  write("b.json", bot("another"));
  const auto seen = change("plan")["hash"].get<std::string>();
  write("a.json", bot("surprise", R"("replicas": 4)"));
  BOOST_TEST(apply({{"if_hash", seen}})["error"]["code"] == "tree-changed");
  BOOST_TEST(version() == 1u);
  const auto now = change("plan")["hash"].get<std::string>();
  BOOST_TEST(apply({{"if_hash", now}})["number"] == 2);
}

BOOST_AUTO_TEST_CASE(a_version_comes_back_to_where_the_fleet_is_now) {
  begin(two_bots);
  write("b.json", bot("another"));
  apply();
  advance(1min);
  auto moved = tree_of(tree);
  moved.root = "/var";
  on_disk = moved;
  apply();
  advance(1min);
  change("rollback", {{"number", 1}});
  advance(1min);
  BOOST_TEST(standing()["root"] == "/var");
  BOOST_TEST(how() == "healthy");
}

BOOST_AUTO_TEST_SUITE_END()
