// Changes of a running fleet: one transaction, batches, and what comes back when it goes wrong.

#include "test/actor/fleet_world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using nlohmann::json;

BOOST_FIXTURE_TEST_SUITE(changes, fleet_world)

// -- a change ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_first_start_is_the_first_version) {
  begin(two_bots);
  BOOST_TEST(states() == std::vector<std::string>{"healthy"}, boost::test_tools::per_element());
  BOOST_TEST(host.living_count() == 5u);
  BOOST_TEST(version() == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_change_touches_only_what_changed) {
  begin(two_bots);
  write("a.json", bot("two", R"("replicas": 4)"));
  const auto plan = change("plan");
  BOOST_TEST(int(last_exit) == 1);
  BOOST_TEST(plan["changes"]["restart"] == 4);
  const auto before = settings("a#0");
  const auto done = apply();
  BOOST_TEST(done["applied"] == true);
  BOOST_TEST(done["number"] == 2);
  BOOST_TEST(done["state"] == "updating");
  advance(1min);
  BOOST_TEST(how() == "healthy");
  for (int i = 0; i < 4; ++i) {
    BOOST_TEST(host.spawns("a#" + std::to_string(i)) == 2u);
    BOOST_TEST(settings("a#" + std::to_string(i)) != before);
  }
  BOOST_TEST(host.spawns("b#0") == 1u);
  BOOST_TEST(states() == (std::vector<std::string>{"healthy", "healthy"}),
             boost::test_tools::per_element());
  BOOST_TEST(was_said("version 2 applied by uid 0: 4 restarts"));
  BOOST_TEST(was_said("version 2: a 3 of 4 instances changed"));
  BOOST_TEST(was_said("version 2 is healthy"));
  change("plan");
  BOOST_TEST(int(last_exit) == 0);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(what_needs_no_new_process_is_in_force_at_once) {
  begin(two_bots);
  write("b.json", bot("other", R"("limits": {"memory": "64MiB"})"));
  const auto done = apply();
  BOOST_TEST(done["state"] == "healthy");
  BOOST_TEST(done["changes"]["adjust"] == 1);
  advance(1min);
  BOOST_TEST(host.spawns("b#0") == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(the_same_again_is_no_version) {
  begin(two_bots);
  const auto done = apply();
  BOOST_TEST(int(last_exit) == 0);
  BOOST_TEST(done["applied"] == false);
  BOOST_TEST(store.versions.size() == 1u);
  BOOST_TEST(store.audits.back().outcome == "done: nothing to change");
}

BOOST_AUTO_TEST_CASE(what_does_not_load_changes_nothing) {
  begin(two_bots);
  write("a.json", R"({"command": "one"})");
  const auto refused = apply();
  BOOST_TEST(int(last_exit) == int(exit_code::config_invalid));
  BOOST_TEST(refused["error"]["code"] == "config-invalid");
  BOOST_TEST(refused["problems"].size() >= 1u);
  BOOST_TEST(store.versions.size() == 1u);
  BOOST_TEST(standing()["disk"]["state"] == "invalid");
  advance(1min);
  BOOST_TEST(host.living_count() == 5u);
  BOOST_TEST(host.spawns("a#0") == 1u);
}

BOOST_AUTO_TEST_CASE(whoever_was_not_up_to_date_is_told_so) {
  begin(two_bots);
  write("b.json", bot("third"));
  const auto refused = apply({{"if_version", 7}});
  BOOST_TEST(refused["error"]["code"] == "version-changed");
  BOOST_TEST(store.versions.size() == 1u);
  BOOST_TEST(apply({{"if_version", 1}})["applied"] == true);
}

BOOST_AUTO_TEST_CASE(nothing_is_told_that_could_not_be_written) {
  begin(two_bots);
  write("b.json", bot("third"));
  store.trouble = "disk full";
  const auto refused = apply();
  BOOST_TEST(refused["error"]["code"] == "audit-unavailable");
  advance(1min);
  BOOST_TEST(host.spawns("b#0") == 1u);
  store.trouble.clear();
  BOOST_TEST(apply()["applied"] == true);
  advance(1min);
  BOOST_TEST(host.spawns("b#0") == 2u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(too_many_changes_are_refused) {
  begin(two_bots);
  std::vector<change_handle> begun;
  for (int i = 0; i < 30; ++i)
    begun.push_back(
        begin_change("set", {{"bot", "b"}, {"path", "description"}, {"value", std::to_string(i)}}));
  settle();
  std::size_t refused = 0;
  for (const auto& each : begun) {
    BOOST_REQUIRE(each.reply->has_value());
    refused += (*each.reply)->exit != exit_code::done ? 1 : 0;
  }
  BOOST_TEST(refused >= 10u);
  BOOST_TEST(refused < 30u);
  BOOST_TEST(store.versions.size() == 31 - refused);
}

// -- going wrong ---------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_command_that_crashes_comes_back_by_itself) {
  begin(two_bots);
  write("a.json", bot("crashes", R"("replicas": 4)"));
  const auto good = settings("a#0");
  host.of("a#0").lives = 200ms;
  apply();
  while (version() < 3)
    advance(50ms);
  host.of("a#0").lives.reset();
  advance(2min);
  BOOST_TEST(version() == 3u);
  BOOST_TEST(states() == (std::vector<std::string>{"healthy", "rolled back", "healthy"}),
             boost::test_tools::per_element());
  BOOST_TEST(was_said("version 2 failed: a#0"));
  BOOST_TEST(was_said("version 1 comes back as 3"));
  for (int i = 0; i < 4; ++i)
    BOOST_TEST(settings("a#" + std::to_string(i)) == good);
  BOOST_TEST(host.spawns("a#1") == 1u);
  BOOST_TEST(store.versions[2].hash == store.versions[0].hash);
  BOOST_TEST(store.versions[2].reason.starts_with("rollback of 2: a#0 "));
  BOOST_TEST(store.audits.back().origin == "update");
  BOOST_TEST(store.audits.back().version == 3u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(or_it_stops_there_for_somebody_to_see) {
  const std::string more = R"("replicas": 4, "update": {"on_failure": "stop"})";
  begin({{"a.json", bot("one", more)}});
  const auto good = settings("a#1");
  write("a.json", bot("crashes", more));
  host.of("a#0").lives = 200ms;
  apply();
  advance(1min);
  BOOST_TEST(how() == "stopped");
  BOOST_TEST(settings("a#1") == good);
  BOOST_TEST(settings("a#3") == good);
  // It stays so for the next runtime too …
  drop();
  raise(tree_of(tree));
  advance(1min);
  BOOST_TEST(how() == "stopped");
  BOOST_TEST(settings("a#1") == good);
  BOOST_TEST(host.spawns("a#1") == 1u);
  // … until somebody goes on.
  host.of("a#0").lives.reset();
  advance(1min);
  BOOST_TEST(apply()["applied"] == true);
  advance(2min);
  BOOST_TEST(how() == "healthy");
  for (int i = 0; i < 4; ++i)
    BOOST_TEST(settings("a#" + std::to_string(i)) != good);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_newer_change_takes_over) {
  begin(two_bots);
  write("a.json", bot("two", R"("replicas": 4)"));
  apply();
  advance(1500ms); // one of four
  BOOST_TEST(how() == "updating");
  write("a.json", bot("three", R"("replicas": 4)"));
  BOOST_TEST(apply()["number"] == 3);
  advance(1min);
  BOOST_TEST(how() == "healthy");
  BOOST_TEST(states() == (std::vector<std::string>{"healthy", "superseded", "healthy"}),
             boost::test_tools::per_element());
  for (int i = 1; i < 4; ++i)
    BOOST_TEST(settings("a#" + std::to_string(i)) == settings("a#0"));
  BOOST_TEST(host.spawns("a#3") == 2u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_rollback_that_cannot_be_written_is_tried_until_it_can) {
  begin(two_bots);
  write("b.json", bot("crashes"));
  host.of("b#0").lives = 200ms;
  apply();
  settle();
  store.trouble = "disk full";
  advance(20s);
  BOOST_TEST(version() == 2u);
  store.trouble.clear();
  host.of("b#0").lives.reset();
  advance(1min);
  BOOST_TEST(version() == 3u);
  BOOST_TEST(how() == "healthy");
  BOOST_TEST(problems() == "");
}

// -- the end of a runtime ------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_runtime_may_die_at_any_moment_of_an_update) {
  for (const bool crashes : {false, true})
    for (std::size_t step = 0; step < 400; step += 7) {
      fleet_world w;
      w.begin({{"a.json", bot("one", R"("replicas": 3)")}});
      const auto good = w.settings("a#0");
      if (crashes)
        w.host.of("a#1").lives = 300ms;
      w.write("a.json", bot("two", R"("replicas": 3)"));
      w.begin_change("apply");
      // By messages first, then by time.
      w.step(step);
      if (step > 200)
        w.advance(std::chrono::milliseconds{(step - 200) * 20});
      w.drop();
      w.raise(tree_of(w.tree));
      w.advance(3s);
      w.host.of("a#1").lives.reset();
      w.advance(2min);
      BOOST_TEST_CONTEXT("step " << step << (crashes ? ", crashing" : "")) {
        BOOST_TEST(w.how() == "healthy");
        const auto now = w.settings("a#0");
        for (int i = 1; i < 3; ++i)
          BOOST_TEST(w.settings("a#" + std::to_string(i)) == now);
        if (w.store.versions.back().hash == w.store.versions.front().hash)
          BOOST_TEST(now == good);
        else
          BOOST_TEST(now != good);
        BOOST_TEST(w.problems() == "");
      }
    }
}

BOOST_AUTO_TEST_CASE(a_replaced_config_actor_goes_on) {
  begin(two_bots);
  write("a.json", bot("two", R"("replicas": 4)"));
  apply();
  for (int i = 0; i < 5; ++i) {
    advance(700ms);
    break_actor(all().config);
  }
  advance(1min);
  BOOST_TEST(how() == "healthy");
  BOOST_TEST(version() == 2u);
  for (int i = 0; i < 4; ++i)
    BOOST_TEST(host.spawns("a#" + std::to_string(i)) == 2u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(services_that_are_replaced_meanwhile_lose_no_change) {
  begin(two_bots);
  host.of("b#0").term_takes = 3s;
  const auto before = settings("b#0");
  write("b.json", bot("another"));
  apply();
  advance(1s);
  break_actor(all().ledger);
  break_actor(all().launcher);
  advance(1min);
  BOOST_TEST(settings("b#0") != before);
  BOOST_TEST(record("b#0").settings == settings("b#0"));
  BOOST_TEST(host.spawns("b#0") == 2u);
  BOOST_TEST(how() == "healthy");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(the_fleet_may_end_in_the_middle) {
  begin(two_bots);
  write("a.json", bot("two", R"("replicas": 4)"));
  apply();
  stop_fleet();
  advance(30s);
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(*ended() == 0);
  BOOST_TEST(host.living_count() == 0u);
  BOOST_TEST(states().back() == "updating");
}

// -- rollback ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_rollback_is_a_new_version) {
  begin(two_bots);
  const auto first = settings("b#0");
  write("b.json", bot("third"));
  apply();
  advance(10s);
  change("set", {{"bot", "b"}, {"path", "description"}, {"value", "x"}});
  BOOST_TEST(version() == 3u);
  const auto back = change("rollback", {{"number", 1}});
  BOOST_TEST(back["number"] == 4);
  advance(10s);
  BOOST_TEST(settings("b#0") == first);
  BOOST_TEST(store.overrides.empty());
  BOOST_TEST(store.versions.back().reason == "rollback to 1");
  BOOST_TEST(change("rollback", {{"number", 99}})["error"]["code"] == "no-such-version");
  BOOST_TEST(problems() == "");
}

// -- overrides -----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_value_that_was_taken_away_is_explained) {
  begin({{"b.json", bot("b", R"("limits": {"memory": "64MiB"})")}});
  change("set", {{"bot", "b"}, {"path", "limits.memory"}, {"value", nullptr}});
  const auto found = change("explain", {{"bot", "b"}, {"path", "limits.memory"}});
  BOOST_REQUIRE(found["values"].size() == 1u);
  BOOST_TEST(found["values"][0]["value"].is_null());
  BOOST_TEST(found["values"][0]["scope"] == "override");
  const auto typo = change("explain", {{"bot", "b"}, {"path", "comand"}});
  BOOST_TEST(typo["error"]["code"] == "no-such-value");
  BOOST_TEST(typo["error"]["message"].get<std::string>().find("command") != std::string::npos);
  BOOST_TEST(change("explain", {{"bot", "x"}})["error"]["code"] == "no-such-bot");
  BOOST_TEST(change("explain", {{"bot", "x"}, {"path", "command"}})["error"]["code"]
             == "no-such-bot");
}

BOOST_AUTO_TEST_CASE(an_override_holds_and_goes) {
  begin(two_bots);
  BOOST_TEST(change("set", {{"bot", "a#2"}, {"path", "environment.X"}, {"value", "1"}})["applied"]
             == true);
  advance(20s);
  BOOST_TEST(host.spawns("a#2") == 2u);
  BOOST_TEST(host.spawns("a#1") == 1u);
  const auto found = change("explain", {{"bot", "a#2"}, {"path", "environment.X"}});
  BOOST_TEST(found["values"][0]["scope"] == "override");
  drop();
  raise(tree_of(tree));
  advance(10s);
  BOOST_TEST(host.spawns("a#2") == 2u);
  BOOST_TEST(change("unset", {{"bot", "a#2"}})["applied"] == true);
  advance(20s);
  BOOST_TEST(host.spawns("a#2") == 3u);
  BOOST_TEST(store.overrides.empty());
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(what_no_override_may_be) {
  begin(two_bots);
  const auto refused = [&](json arguments) {
    change("set", arguments);
    return last_exit != exit_code::done && store.versions.size() == 1;
  };
  BOOST_TEST(refused({{"bot", "nobody"}, {"path", "description"}, {"value", "x"}}));
  BOOST_TEST(refused({{"bot", "b"}, {"path", ""}, {"value", "x"}}));
  BOOST_TEST(refused({{"bot", "b"}, {"path", "limits..memory"}, {"value", "1MiB"}}));
  BOOST_TEST(refused({{"bot", "b"}, {"path", "limits.memory"}, {"value", 5}}));
  BOOST_TEST(refused({{"bot", "b"}, {"path", "comand"}, {"value", "x"}}));
  BOOST_TEST(refused({{"bot", "b#x"}, {"path", "description"}, {"value", "x"}}));
  BOOST_TEST(refused({{"bot", "b"}, {"path", "environment.API_TOKEN"}, {"value", "hunter2"}}));
  BOOST_TEST(refused({{"bot", 3}, {"path", 4}, {"value", 5}}));
  BOOST_TEST(refused({{"bot", "b"}, {"path", "description"}}));
  for (const auto& each : store.audits)
    BOOST_TEST(each.patch.find("hunter2") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_conflict_is_shown_and_resolved) {
  begin(two_bots);
  change("set", {{"bot", "b"}, {"path", "description"}, {"value", "mine"}});
  write("b.json", bot("other", R"("description": "theirs")"));
  auto refused = apply();
  BOOST_TEST(refused["error"]["code"] == "conflict");
  BOOST_REQUIRE(refused["conflicts"].size() == 1u);
  BOOST_TEST(refused["conflicts"][0]["mine"] == "mine");
  BOOST_TEST(refused["conflicts"][0]["theirs"] == "theirs");
  BOOST_TEST(standing()["disk"]["state"] == "conflict");
  const auto set_by = refused["conflicts"][0]["set_by"];
  BOOST_TEST(!set_by.is_null());
  const auto planned = [&](const char* side) {
    auto plan = change("plan", {{side, true}});
    BOOST_TEST(static_cast<int>(last_exit) == 1);
    BOOST_TEST(plan["conflicts"][0]["set_by"] == set_by);
    return plan["instances"][0]["changes"].dump();
  };
  BOOST_TEST(planned("theirs").find("description") != std::string::npos);
  BOOST_TEST(planned("mine").find("description") == std::string::npos);
  BOOST_TEST(change("plan", {{"theirs", true}, {"mine", true}})["error"]["code"]
             == "bad-arguments");
  BOOST_TEST(apply({{"mine", true}})["applied"] == true);
  BOOST_TEST(store.overrides.contains("b"));
  write("b.json", bot("other", R"("description": "theirs again")"));
  BOOST_TEST(apply({{"theirs", true}})["applied"] == true);
  BOOST_TEST(!store.overrides.contains("b"));
}

// -- looks ---------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(versions_can_be_looked_at) {
  begin(two_bots);
  write("b.json", bot("third"));
  apply({{"reason", "a better one"}});
  advance(10s);
  const auto list = change("versions");
  BOOST_REQUIRE(list["versions"].size() == 2u);
  BOOST_TEST(list["versions"][0]["number"] == 2);
  BOOST_TEST(list["versions"][0]["reason"] == "a better one");
  BOOST_TEST(list["versions"][1]["state"] == "healthy");
  BOOST_TEST(change("show", {{"number", 1}})["files"].size() == 2u);
  BOOST_TEST(change("export")["files"][1]["text"] == bot("third"));
  const auto difference = change("diff", {{"from", 1}});
  BOOST_TEST(int(last_exit) == 1);
  BOOST_REQUIRE(difference["files"].size() == 1u);
  BOOST_TEST(difference["files"][0]["path"] == "b.json");
  BOOST_TEST(difference["changes"]["restart"] == 1);
  BOOST_TEST(change("show", {{"number", 9}})["error"]["code"] == "no-such-version");
  BOOST_TEST(change("dance")["error"]["code"] == "bad-arguments");
}

BOOST_AUTO_TEST_SUITE_END()
