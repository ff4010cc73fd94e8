// Actors that throw: each is replaced, and no process notices.

#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <functional>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

fleet_builder some_fleet() {
  fleet_builder result;
  result.bot("a", {}, 3)
      .bot_after("g/b", {{"a", config::condition::ready, {}}})
      .bot("g/h/c")
      .group("s", config::strategy::one_for_all)
      .bot("s/d")
      .bot("s/e");
  return result;
}

using breaker = std::function<void(stage&)>;

const std::pair<const char*, breaker> services_to_break[] = {
    {"journal", [](stage& x) { x.break_actor(x.all().journal); }},
    {"ledger", [](stage& x) { x.break_actor(x.all().ledger); }},
    {"launcher", [](stage& x) { x.break_actor(x.all().launcher); }},
    {"config", [](stage& x) { x.break_actor(x.all().config); }},
    {"admin", [](stage& x) { x.break_actor(x.all().admin); }},
    {"root", [](stage& x) { x.break_actor(x.all().root); }},
};

} // namespace

BOOST_AUTO_TEST_CASE(processes_do_not_notice) {
  for (const auto& [name, breaks] : services_to_break)
    BOOST_TEST_CONTEXT(name) {
      stage world;
      world.run(some_fleet().build());
      world.advance(5s);
      const auto before = world.host.log;
      breaks(world);
      world.advance(10s);
      BOOST_TEST(world.host.log == before, boost::test_tools::per_element());
      BOOST_TEST(world.host.living_count() == 7u);
      BOOST_TEST(world.problems() == "");
      // And everything still works.
      world.host.end("s/d#0");
      world.host.end("a#1");
      world.advance(5s);
      BOOST_TEST(world.host.living_count() == 7u);
      BOOST_TEST(world.host.spawns("s/e#0") == 2u);
      BOOST_TEST(to_string(world.state_of("a#1")) == "running");
      BOOST_TEST(world.operate(verb::stop, {"g/b#0"}).accepted == 1u);
      world.advance(1s);
      BOOST_TEST(to_string(world.state_of("g/b#0")) == "stopped");
      world.stop_fleet();
      world.advance(5s);
      BOOST_REQUIRE(world.ended().has_value());
      BOOST_TEST(*world.ended() == 0);
      BOOST_TEST(world.problems() == "");
    }
}

BOOST_AUTO_TEST_CASE(a_break_at_any_moment_of_the_start_is_survived) {
  for (const auto& [name, breaks] : services_to_break)
    for (std::size_t steps = 1; steps < 150; steps += 3)
      BOOST_TEST_CONTEXT(name << " after " << steps << " messages") {
        stage world;
        world.raise(some_fleet().build());
        world.step(steps);
        if (!world.up())
          continue;
        breaks(world);
        world.advance(2min);
        BOOST_TEST(!world.ended().has_value());
        BOOST_TEST(world.host.living_count() == 7u);
        for (const auto* each : {"a#0", "g/b#0", "g/h/c#0", "s/d#0", "s/e#0"})
          BOOST_TEST(world.host.spawns(each) == 1u);
        BOOST_TEST(world.problems() == "");
      }
}

BOOST_AUTO_TEST_CASE(a_break_at_any_moment_of_a_round_is_survived) {
  for (const auto& [name, breaks] : services_to_break)
    for (std::size_t steps = 0; steps < 80; steps += 2)
      BOOST_TEST_CONTEXT(name << " after " << steps << " messages") {
        stage world;
        world.run(some_fleet().build());
        world.advance(5s);
        world.host.end("s/d#0");
        world.host.end("a#0");
        world.step(steps);
        breaks(world);
        world.advance(2min);
        BOOST_TEST(world.host.living_count() == 7u);
        BOOST_TEST(world.host.spawns("g/b#0") == 1u);
        BOOST_TEST(world.problems() == "");
      }
}

BOOST_AUTO_TEST_CASE(a_break_at_any_moment_of_the_end_is_survived) {
  for (const auto& [name, breaks] : services_to_break)
    for (std::size_t steps = 0; steps < 150; steps += 3)
      BOOST_TEST_CONTEXT(name << " after " << steps << " messages") {
        stage world;
        for (const auto* each : {"a#0", "g/b#0", "s/d#0"})
          world.host.of(each).term_takes = 1s;
        world.run(some_fleet().build());
        world.advance(5s);
        world.stop_fleet();
        world.step(steps);
        if (!world.ended())
          breaks(world);
        world.advance(2min);
        BOOST_REQUIRE(world.ended().has_value());
        BOOST_TEST(*world.ended() == 0);
        BOOST_TEST(world.host.living_count() == 0u);
      }
}

BOOST_FIXTURE_TEST_SUITE(replacement, stage)

BOOST_AUTO_TEST_CASE(services_that_keep_dying_end_the_runtime) {
  run(some_fleet().build());
  advance(5s);
  for (int i = 0; i < 11; ++i) {
    break_actor(all().admin);
    settle();
  }
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(*ended() == 70);
}

BOOST_AUTO_TEST_CASE(the_keeper_is_answered_by_actors) {
  run(some_fleet().build());
  BOOST_TEST(ask_for_life() == 1u);
  // A ledger that has died and cannot come back is no life.
  store.unreadable = "disk gone";
  break_actor(all().ledger);
  settle();
  BOOST_TEST(ask_for_life() == 1u);
  store.unreadable.clear();
  advance(5s);
  BOOST_TEST(ask_for_life() == 3u); // the question before is answered too
}

BOOST_AUTO_TEST_CASE(a_replaced_ledger_does_not_take_a_store_that_fails_for_an_empty_one) {
  run(some_fleet().build());
  advance(5s);
  store.unreadable = "locked";
  break_actor(all().ledger);
  host.end("a#0");
  advance(10s);
  store.unreadable.clear();
  advance(30s);
  BOOST_TEST(!ended().has_value());
  BOOST_TEST(host.living_count() == 7u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_store_that_stays_unreadable_is_an_error_and_asked_for_again) {
  run(some_fleet().build());
  advance(5s);
  store.unreadable = "locked";
  break_actor(all().ledger);
  settle();
  const auto first = all().ledger; // the one that took over
  advance(50s);
  BOOST_TEST(!ended().has_value());
  BOOST_TEST((all().ledger != first)); // it has given up, and its successor waits
  store.unreadable.clear();
  advance(30s);
  BOOST_TEST(to_string(state_of("a#0")) == "running");
  BOOST_TEST(host.living_count() == 7u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(now_and_then_is_no_reason_to_give_up) {
  run(some_fleet().build());
  advance(5s);
  for (int i = 0; i < 50; ++i) {
    break_actor(all().ledger);
    break_actor(all().launcher);
    advance(20s);
  }
  BOOST_TEST(!ended().has_value());
  BOOST_TEST(host.living_count() == 7u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(what_was_scaled_stays_so) {
  config::tree tree;
  tree.root = "/tmp";
  tree.documents = {{"a.json", R"({"command": ["/bin/true"], "replicas": 2})"},
                    {"b.json", R"({"command": ["/bin/true"]})"}};
  raise(tree);
  advance(2s);
  BOOST_TEST(host.living_count() == 3u);
  BOOST_TEST(scale("a", 4) == "");
  advance(2s);
  BOOST_TEST(host.living_count() == 5u);
  break_actor(all().config);
  advance(2s);
  BOOST_TEST(host.living_count() == 5u);
  BOOST_TEST(scale("b", 2) == "");
  advance(2s);
  BOOST_TEST(host.living_count() == 6u);
  drop();
  raise(tree);
  advance(2s);
  BOOST_TEST(host.living_count() == 6u);
  BOOST_TEST(scale("a", 1) == "");
  advance(2s);
  BOOST_TEST(host.living_count() == 3u);
  BOOST_TEST(host.living("a#0") != 0u);
  BOOST_TEST(record("a#3").name == ""); // gone from status
  BOOST_TEST(scale("a", 0) == "");      // back to what the tree says
  advance(2s);
  BOOST_TEST(host.living("a#1") != 0u);
  BOOST_TEST(host.living_count() == 4u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(two_bots_are_scaled_at_once) {
  config::tree tree;
  tree.root = "/tmp";
  tree.documents = {{"a.json", R"({"command": ["/bin/true"]})"},
                    {"b.json", R"({"command": ["/bin/true"]})"}};
  raise(tree);
  advance(2s);
  caf::anon_send(all().config, scale_atom_v, std::string{"a"}, 3u, audit_entry{});
  caf::anon_send(all().config, scale_atom_v, std::string{"b"}, 2u, audit_entry{});
  advance(2s);
  BOOST_TEST(host.living_count() == 5u);
  BOOST_TEST(scale("nobody", 1) == "there is no bot nobody");
  BOOST_TEST(scale("a", 10'001).find("limit") != std::string::npos);
  store.trouble = "disk full";
  BOOST_TEST(scale("a", 1) == "audit-unavailable: disk full");
  advance(1s);
  BOOST_TEST(host.living_count() == 5u);
}

BOOST_AUTO_TEST_CASE(down_and_up_again_before_anybody_noticed) {
  config::tree tree;
  tree.root = "/tmp";
  tree.documents = {{"a.json", R"({"command": ["/bin/true"], "replicas": 3})"}};
  host.of("a#2").term_takes = 5s;
  raise(tree);
  advance(2s);
  BOOST_TEST(scale("a", 1) == "");
  advance(1s);
  BOOST_TEST(scale("a", 3) == "");
  advance(20s);
  BOOST_TEST(host.living_count() == 3u);
  BOOST_TEST(to_string(state_of("a#2")) == "running");
  BOOST_TEST(problems() == "");
}

// -- the disk ----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_disk_that_fails_for_a_while_loses_nothing) {
  run(some_fleet().build());
  advance(2s);
  store.trouble = "disk full";
  for (int i = 0; i < 3; ++i) {
    host.end("a#0");
    advance(2s);
  }
  BOOST_TEST(host.spawns("a#0") >= 3u); // nobody waits for the disk
  BOOST_TEST(view()->trouble == "disk full");
  BOOST_TEST(host.released.empty()); // its end is not committed, patience is not over
  advance(10s);
  BOOST_TEST(host.released.size() == 3u); // now it is
  store.trouble.clear();
  advance(3s);
  BOOST_TEST(view()->trouble == "");
  BOOST_TEST(problems() == "");
  BOOST_TEST(store.deaths.size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_short_failure_releases_after_the_commit_only) {
  run(some_fleet().build());
  advance(2s);
  store.trouble = "busy";
  host.end("a#0");
  advance(5s);
  BOOST_TEST(host.released.empty());
  BOOST_TEST(store.deaths.empty());
  store.trouble.clear();
  advance(2s);
  BOOST_TEST(host.released.size() == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(the_end_of_the_fleet_does_not_wait_for_a_broken_disk) {
  run(some_fleet().build());
  advance(2s);
  store.trouble = "disk full";
  stop_fleet();
  advance(10s);
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(host.living_count() == 0u);
}

BOOST_AUTO_TEST_CASE(those_who_wait_for_events_are_told_after_the_commit) {
  run(some_fleet().build());
  advance(2s);
  const auto last = store.transitions.rbegin()->first;
  caf::scoped_actor self{system(), true};
  auto pending = self->request(all().ledger, 1min, await_atom_v, last, 30'000u);
  settle();
  BOOST_TEST(!self->has_next_message());
  store.trouble = "busy";
  host.end("a#0");
  advance(2s);
  BOOST_TEST(!self->has_next_message());
  store.trouble.clear();
  advance(2s);
  BOOST_REQUIRE(self->has_next_message());
  pending.receive([&](std::uint64_t seq) { BOOST_TEST(seq > last); },
                  [](const caf::error&) { BOOST_TEST(false); });
  auto in_vain = self->request(all().ledger, 1min, await_atom_v, std::uint64_t{1'000'000}, 5'000u);
  advance(4s);
  BOOST_TEST(!self->has_next_message());
  advance(1s);
  BOOST_REQUIRE(self->has_next_message());
  in_vain.receive([&](std::uint64_t seq) { BOOST_TEST(seq > last); },
                  [](const caf::error&) { BOOST_TEST(false); });
}

BOOST_AUTO_TEST_CASE(a_disk_that_is_full_is_told_until_it_has_room) {
  run(fleet_builder{}.bot("a").build());
  advance(2s);
  store.alarm = "the disk is full";
  host.end("a#0");
  advance(10s);
  BOOST_TEST(view()->trouble == "the disk is full");
  BOOST_TEST(to_string(state_of("a#0")) == "running");
  const auto last = store.transitions.rbegin()->first;
  store.alarm.clear();
  advance(6s);
  // Nothing has happened meanwhile: it looks by itself.
  BOOST_TEST(view()->trouble == "");
  BOOST_TEST(store.transitions.rbegin()->first == last);
  const auto batches = store.batches;
  advance(1h);
  BOOST_TEST(store.batches == batches); // and then no more
}

BOOST_AUTO_TEST_SUITE_END()
