// What operators may order, in every state.

#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

/// Brings `a#0` of a fresh stage into a state.
void lead_into(stage& world, state wanted) {
  fleet_builder fleet;
  fleet.bot("a", [&](auto& x) {
    x.autostart = wanted != state::defined;
    x.restart = wanted == state::completed ? config::restart_type::transient
                                           : config::restart_type::permanent;
    x.failed_starts = wanted == state::failed ? 1 : 15;
  });
  auto& how = world.host.of("a#0");
  how.slow_start = wanted == state::waiting;
  if (wanted == state::failed || wanted == state::backoff)
    how.cannot_start = "no program";
  how.ignores_term = wanted == state::stopping;
  world.run(fleet.build());
  if (wanted != state::defined && wanted != state::waiting && wanted != state::starting
      && wanted != state::backoff && wanted != state::failed)
    world.advance(1s);
  if (wanted == state::degraded)
    world.host.stall("a#0", true);
  if (wanted == state::paused)
    world.operate(verb::pause, {"a#0"});
  if (wanted == state::stopping || wanted == state::stopped)
    world.operate(verb::stop, {"a#0"});
  if (wanted == state::completed)
    world.host.end("a#0", {0, 0, false});
  world.settle();
  how.cannot_start.clear();
  BOOST_REQUIRE_EQUAL(to_string(world.state_of("a#0")), to_string(wanted));
}

const state all_states[] = {state::defined,   state::waiting, state::starting, state::running,
                            state::degraded,  state::paused,  state::stopping, state::stopped,
                            state::completed, state::backoff, state::failed};

/// Answers what was held back and lets a minute pass.
void let_it_go_on(stage& world) {
  world.host.of("a#0").slow_start = false;
  world.host.answer_spawns();
  world.advance(1min);
}

} // namespace

BOOST_AUTO_TEST_CASE(start_is_accepted_everywhere_and_ends_in_running) {
  for (auto from : all_states)
    BOOST_TEST_CONTEXT(to_string(from)) {
      stage world;
      lead_into(world, from);
      const auto became = world.operate(verb::start, {"a#0"});
      BOOST_TEST(became.accepted == 1u);
      BOOST_TEST(became.refused.empty());
      if (from == state::paused)
        world.operate(verb::resume, {"a#0"});
      if (from == state::degraded)
        world.host.stall("a#0", false);
      let_it_go_on(world);
      BOOST_TEST(to_string(world.state_of("a#0")) == "running");
      BOOST_TEST(world.problems() == "");
    }
}

BOOST_AUTO_TEST_CASE(stop_is_accepted_everywhere_and_ends_in_stopped) {
  for (auto from : all_states)
    BOOST_TEST_CONTEXT(to_string(from)) {
      stage world;
      lead_into(world, from);
      BOOST_TEST(world.operate(verb::stop, {"a#0"}).accepted == 1u);
      let_it_go_on(world);
      BOOST_TEST(to_string(world.state_of("a#0"))
                 == (from == state::defined ? "defined" : "stopped"));
      BOOST_TEST(world.host.living_count() == 0u);
      world.advance(3h); // no forgotten timer brings it back
      BOOST_TEST(world.host.living_count() == 0u);
      BOOST_TEST(world.problems() == "");
    }
}

BOOST_AUTO_TEST_CASE(restart_gives_a_new_process_everywhere) {
  for (auto from : all_states)
    BOOST_TEST_CONTEXT(to_string(from)) {
      stage world;
      lead_into(world, from);
      const auto before = world.host.living("a#0");
      BOOST_TEST(world.operate(verb::restart, {"a#0"}).accepted == 1u);
      let_it_go_on(world);
      BOOST_TEST(to_string(world.state_of("a#0")) == "running");
      BOOST_TEST(world.host.living("a#0") != before);
      BOOST_TEST(world.problems() == "");
    }
}

BOOST_AUTO_TEST_CASE(reset_brings_back_what_failed_and_disturbs_nothing_else) {
  for (auto from : all_states)
    BOOST_TEST_CONTEXT(to_string(from)) {
      stage world;
      lead_into(world, from);
      const auto before = world.host.living("a#0");
      BOOST_TEST(world.operate(verb::reset, {"a#0"}).accepted == 1u);
      const auto now = world.state_of("a#0");
      if (from == state::backoff || from == state::failed)
        BOOST_TEST(has_process(now));
      else
        BOOST_TEST((now == from && world.host.living("a#0") == before));
      BOOST_TEST(world.problems() == "");
    }
}

BOOST_AUTO_TEST_CASE(pause_and_resume_are_refused_where_they_mean_nothing) {
  for (auto from : all_states)
    BOOST_TEST_CONTEXT(to_string(from)) {
      stage world;
      lead_into(world, from);
      const bool can_pause =
          from == state::running || from == state::degraded || from == state::paused;
      const auto paused = world.operate(verb::pause, {"a#0"});
      BOOST_TEST(paused.accepted == (can_pause ? 1u : 0u));
      if (!can_pause) {
        BOOST_REQUIRE_EQUAL(paused.refused.size(), 1u);
        BOOST_TEST(paused.refused.front().second
                   == "it is " + std::string{to_string(from)}
                          + "; only a running instance can pause");
      }
      BOOST_TEST(to_string(world.state_of("a#0")) == (can_pause ? "paused" : to_string(from)));
      const auto resumed = world.operate(verb::resume, {"a#0"});
      BOOST_TEST(resumed.accepted == (can_pause ? 1u : 0u));
      BOOST_TEST(to_string(world.state_of("a#0")) == (can_pause ? "running" : to_string(from)));
    }
}

BOOST_AUTO_TEST_CASE(signals_reach_processes_only) {
  for (auto from : all_states)
    BOOST_TEST_CONTEXT(to_string(from)) {
      stage world;
      lead_into(world, from);
      const auto became = world.operate(verb::signal, {"a#0"}, SIGHUP);
      BOOST_TEST(became.accepted == (has_process(from) ? 1u : 0u));
      BOOST_TEST(std::count(world.host.log.begin(), world.host.log.end(), "signal a#0")
                 == (has_process(from) ? 1 : 0));
      if (!has_process(from)) {
        BOOST_REQUIRE_EQUAL(became.refused.size(), 1u);
        BOOST_TEST(became.refused.front().second.find("has no process") != std::string::npos);
      }
    }
}

BOOST_FIXTURE_TEST_SUITE(orders, stage)

BOOST_AUTO_TEST_CASE(a_stop_that_crosses_a_start_under_way_wins) {
  host.of("a#0").slow_start = true;
  run(fleet_builder{}.bot("a").build());
  operate(verb::stop, {"a#0"});
  BOOST_TEST(to_string(state_of("a#0")) == "stopped");
  host.answer_spawns();
  advance(1s);
  BOOST_TEST(to_string(state_of("a#0")) == "stopped");
  BOOST_TEST(host.living_count() == 0u);
  BOOST_TEST(host.spawns("a#0") == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_start_after_that_stop_wins) {
  host.of("a#0").slow_start = true;
  run(fleet_builder{}.bot("a").build());
  operate(verb::stop, {"a#0"});
  operate(verb::start, {"a#0"});
  host.of("a#0").slow_start = false;
  host.answer_spawns();
  advance(2s);
  BOOST_TEST(to_string(state_of("a#0")) == "running");
  BOOST_TEST(host.spawns("a#0") == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_start_that_was_taken_back_from_the_queue_is_no_failure) {
  fleet_builder fleet;
  fleet.runtime.start_parallelism = 1;
  fleet.bot("a").bot("b", [](auto& x) { x.restart = config::restart_type::temporary; });
  host.of("a#0").slow_start = true;
  run(fleet.build());
  BOOST_TEST(to_string(state_of("b#0")) == "waiting"); // for a slot
  order(verb::stop, {"b#0"});
  order(verb::start, {"b#0"});
  settle();
  BOOST_TEST(to_string(state_of("b#0")) == "waiting");
  host.answer_spawns();
  advance(2s);
  BOOST_TEST(to_string(state_of("b#0")) == "running");
  BOOST_TEST(record("b#0").restarts == 0u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(opposite_orders_end_as_the_last_one_says) {
  run(fleet_builder{}.bot("a").build());
  advance(2s);
  for (int i = 0; i < 20; ++i) {
    order(verb::stop, {"a#0"});
    order(verb::start, {"a#0"});
  }
  advance(5s);
  BOOST_TEST(to_string(state_of("a#0")) == "running");
  for (int i = 0; i < 20; ++i) {
    order(verb::start, {"a#0"});
    order(verb::restart, {"a#0"});
    order(verb::stop, {"a#0"});
  }
  advance(5s);
  BOOST_TEST(to_string(state_of("a#0")) == "stopped");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(the_stop_ladder_ends_in_kill) {
  host.of("a#0").ignores_term = true;
  run(fleet_builder{}.bot("a", [](auto& x) { x.stop_timeout = 3s; }).build());
  advance(2s);
  operate(verb::stop, {"a#0"});
  advance(2900ms);
  BOOST_TEST(to_string(state_of("a#0")) == "stopping");
  BOOST_REQUIRE(record("a#0").next.has_value());
  BOOST_TEST(record("a#0").next->what == "kill");
  advance(200ms);
  BOOST_TEST(to_string(state_of("a#0")) == "stopped");
  BOOST_TEST(record("a#0").last_exit->signal == SIGKILL);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(children_that_outlive_it_are_swept_before_it_counts_as_stopped) {
  host.of("a#0").children = 3;
  host.of("a#0").stubborn_sweeps = 5;
  run(fleet_builder{}.bot("a").build());
  advance(2s);
  operate(verb::stop, {"a#0"});
  BOOST_TEST(to_string(state_of("a#0")) == "stopping");
  BOOST_TEST(!store.deaths.contains({"a#0", 1}));
  advance(10s);
  BOOST_TEST(to_string(state_of("a#0")) == "stopped");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(nothing_starts_while_children_of_the_last_process_live) {
  host.of("a#0").children = 3;
  host.of("a#0").stubborn_sweeps = 8;
  run(fleet_builder{}.bot("a").build());
  advance(2s);
  host.end("a#0");
  advance(1s);
  BOOST_TEST(host.spawns("a#0") == 1u);
  BOOST_TEST(why("a#0").find("stuck-dying") == 0u, why("a#0"));
  host.of("a#0").stubborn_sweeps = 0;
  advance(20s);
  BOOST_TEST(host.spawns("a#0") == 2u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(the_runtime_does_not_end_before_the_last_children_are_gone) {
  host.of("a#0").children = 3;
  host.of("a#0").stubborn_sweeps = 8;
  run(fleet_builder{}.bot("a").build());
  advance(2s);
  host.end("a#0"); // backoff, and its children are still there
  settle();
  stop_fleet();
  advance(100ms);
  BOOST_TEST(!ended().has_value());
  advance(10s);
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(*ended() == 0);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_second_order_to_end_hurries) {
  host.of("a#0").ignores_term = true;
  run(fleet_builder{}.bot("a", [](auto& x) { x.stop_timeout = 1h; }).build());
  advance(2s);
  stop_fleet();
  advance(1min);
  BOOST_TEST(!ended().has_value());
  stop_fleet();
  advance(1s);
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(*ended() == 0);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(hurry_reaches_what_is_just_being_started) {
  host.of("a#0").slow_start = true;
  host.of("a#0").ignores_term = true;
  run(fleet_builder{}.bot("a", [](auto& x) { x.stop_timeout = 1h; }).build());
  stop_fleet();
  stop_fleet();
  settle();
  host.answer_spawns();
  advance(1s);
  BOOST_TEST(host.living_count() == 0u);
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(*ended() == 0);
}

BOOST_AUTO_TEST_CASE(the_end_of_the_fleet_waits_for_a_start_under_way) {
  host.of("a#0").slow_start = true;
  run(fleet_builder{}.bot("a").build());
  stop_fleet();
  advance(1s);
  BOOST_TEST(!ended().has_value());
  host.answer_spawns();
  advance(1s);
  BOOST_TEST(host.living_count() == 0u);
  BOOST_REQUIRE(ended().has_value());
  BOOST_TEST(*ended() == 0);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_paused_bot_is_thawed_to_be_stopped) {
  run(fleet_builder{}.bot("a").build());
  advance(2s);
  operate(verb::pause, {"a#0"});
  operate(verb::stop, {"a#0"});
  advance(100ms);
  BOOST_TEST(to_string(state_of("a#0")) == "stopped");
  BOOST_TEST(record("a#0").last_exit->signal == SIGTERM);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_freeze_that_fails_is_refused_and_undone) {
  host.of("a#0").cannot_freeze = "no freezer here";
  run(fleet_builder{}.bot("a").build());
  advance(2s);
  const auto became = operate(verb::pause, {"a#0"});
  BOOST_REQUIRE_EQUAL(became.refused.size(), 1u);
  BOOST_TEST(became.refused.front().second == "no freezer here");
  BOOST_TEST(to_string(state_of("a#0")) == "running");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(pause_and_resume_in_one_breath_are_both_answered) {
  run(fleet_builder{}.bot("a").build());
  advance(2s);
  caf::scoped_actor self{system(), true};
  operation what;
  what.cause = "test";
  what.instances = std::make_shared<const std::set<std::string>>(std::set<std::string>{"a#0"});
  what.what = verb::pause;
  auto first = self->request(all().root, 5s, what);
  what.what = verb::resume;
  auto second = self->request(all().root, 5s, what);
  settle();
  std::uint32_t answers = 0;
  auto count = [&](const outcomes& x) { answers += x.accepted; };
  auto none = [](const caf::error&) { BOOST_TEST(false, "no answer"); };
  BOOST_REQUIRE(self->has_next_message());
  first.receive(count, none);
  BOOST_REQUIRE(self->has_next_message());
  second.receive(count, none);
  BOOST_TEST(answers == 2u);
  BOOST_TEST(to_string(state_of("a#0")) == "running");
}

BOOST_AUTO_TEST_CASE(one_that_is_stopped_from_outside_while_starting_gets_ready_later) {
  run(fleet_builder{}.bot("a").build());
  host.stall("a#0", true);
  advance(10s);
  BOOST_TEST(to_string(state_of("a#0")) == "starting");
  host.stall("a#0", false);
  advance(2s);
  BOOST_TEST(to_string(state_of("a#0")) == "running");
  advance(5min);
  BOOST_TEST(host.spawns("a#0") == 1u);
}

BOOST_AUTO_TEST_CASE(one_that_is_stopped_while_nobody_looks_is_found_so) {
  const auto spec = fleet_builder{}.bot("a").bot("b").build();
  run(spec);
  advance(2s);
  host.stall("b#0", true);
  settle();
  BOOST_TEST(to_string(state_of("b#0")) == "degraded");
  drop();
  host.stall("a#0", true);
  host.stall("b#0", false);
  run(spec);
  BOOST_TEST(to_string(state_of("a#0")) == "degraded");
  BOOST_TEST(to_string(state_of("b#0")) == "running");
  host.stall("a#0", false);
  settle();
  BOOST_TEST(to_string(state_of("a#0")) == "running");
  BOOST_TEST(host.spawns("a#0") == 1u);
}

BOOST_AUTO_TEST_CASE(one_order_for_many_is_answered_in_sum) {
  run(fleet_builder{}.bot("a", {}, 3).bot("g/b", {}, 2).bot("g/h/c").bot("x").build());
  advance(2s);
  const auto became =
      operate(verb::pause, {"a#0", "a#1", "a#2", "g/b#0", "g/b#1", "g/h/c#0", "nobody#0"});
  BOOST_TEST(became.accepted == 6u);
  BOOST_TEST(to_string(state_of("x#0")) == "running");
  const auto again = operate(verb::resume, {"a#0", "x#0"});
  BOOST_TEST(again.accepted == 2u); // resuming what runs is no error
  BOOST_TEST(operate(verb::stop, {"g/b#0", "g/h/c#0"}).accepted == 2u);
  advance(1s);
  BOOST_TEST(to_string(state_of("g/b#1")) == "paused");
  BOOST_TEST(to_string(state_of("g/h/c#0")) == "stopped");
}

BOOST_AUTO_TEST_CASE(an_order_while_it_is_being_adopted_waits) {
  std::uint32_t reached = 0;
  for (std::size_t steps = 1; steps < 60; ++steps) {
    stage world;
    world.raise(fleet_builder{}.bot("a", [](auto& x) { x.autostart = false; }).build());
    world.step(steps);
    if (!world.up())
      continue;
    const auto accepted = world.operate(verb::start, {"a#0"}).accepted;
    world.advance(2s);
    BOOST_TEST(to_string(world.state_of("a#0")) == (accepted > 0 ? "running" : "defined"));
    reached += accepted;
  }
  BOOST_TEST(reached > 20u);
}

namespace {

/// As a command does it: what is meant is in the store, and the ledger is told, before the order.
void order_for_good(stage& world, verb what, const std::string& instance) {
  auto meant = std::make_shared<journal_batch>();
  meant->intents[instance] = world.store.intents[instance] = what == verb::stop;
  caf::anon_send(world.all().ledger, note_atom_v, journal_batch_ptr{meant});
  world.operate(what, {instance});
  world.advance(1s);
}

} // namespace

// The rollback after a change that took it out must not make it trade again.
BOOST_AUTO_TEST_CASE(what_was_stopped_stays_so_when_it_leaves_and_comes_back) {
  for (const bool dies : {false, true}) {
    stage world;
    auto fleet = fleet_builder{}.bot("a").bot("b").bot("c");
    world.run(fleet.build());
    world.advance(2s);
    order_for_good(world, verb::stop, "a#0");
    order_for_good(world, verb::stop, "c#0");
    order_for_good(world, verb::start, "c#0");
    auto less = fleet;
    world.apply(less.without("a").without("c").build());
    world.advance(20s);
    BOOST_TEST(!world.store.records.contains("a#0"));
    BOOST_TEST(!world.store.records.contains("c#0"));
    if (dies) {
      world.drop();
      world.run(less.build());
      world.advance(2s);
    }
    world.apply(fleet.build());
    world.advance(5s);
    BOOST_TEST(to_string(world.state_of("a#0")) == "stopped");
    BOOST_TEST(world.why("a#0") == "stopped by an operator before it left the fleet");
    BOOST_TEST(world.host.spawns("a#0") == 1u);
    BOOST_TEST(to_string(world.state_of("c#0")) == "running");
    BOOST_TEST(world.problems() == "");
    order_for_good(world, verb::start, "a#0");
    world.advance(2s);
    BOOST_TEST(to_string(world.state_of("a#0")) == "running");
  }
}

BOOST_AUTO_TEST_CASE(what_comes_back_before_it_is_gone_stays_stopped_too) {
  for (std::size_t steps = 0; steps < 40; ++steps) {
    stage world;
    const auto fleet = fleet_builder{}.bot("a").bot("b").build();
    world.run(fleet);
    world.advance(2s);
    world.host.of("a#0").term_takes = 3s;
    order_for_good(world, verb::stop, "a#0");
    world.apply(fleet_builder{}.bot("b").build());
    world.step(steps);
    world.apply(fleet);
    world.advance(10s);
    BOOST_TEST(to_string(world.state_of("a#0")) == "stopped", "after " << steps << " steps");
    BOOST_TEST(world.host.spawns("a#0") == 1u);
  }
}

BOOST_AUTO_TEST_SUITE_END()
