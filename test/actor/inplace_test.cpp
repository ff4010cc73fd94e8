// A new spec is put in force: who keeps its process, who gets another one, and in which order.

#include "test/actor/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using config::strategy;

namespace {

struct changing : stage {
  fleet_builder fleet;

  void begin() {
    run(fleet.build());
    advance(3s);
  }

  void put() {
    apply(fleet.build());
    settle();
  }

  /// A new spec of that bot; another `settings` than 1 needs a new process.
  void change(const std::string& bot, std::uint64_t settings, fleet_builder::change with = {},
              std::size_t replicas = 1) {
    fleet.bot(
        bot,
        [&](config::bot_spec& x) {
          x.fingerprint = settings;
          x.command.push_back(std::to_string(settings));
          if (with)
            with(x);
        },
        replicas);
  }

  std::vector<std::string> events_of(const std::string& subject) {
    advance(100ms);
    std::vector<std::string> result;
    for (const auto& [seq, each] : store.transitions)
      if (each.instance == subject)
        result.push_back(each.cause);
    return result;
  }

  std::size_t place(const std::string& line, std::size_t from = 0) const {
    const auto begin = host.log.begin() + static_cast<std::ptrdiff_t>(from);
    return static_cast<std::size_t>(std::find(begin, host.log.end(), line) - host.log.begin());
  }
};

bool any(const std::vector<std::string>& of, const std::string& part) {
  return std::any_of(of.begin(), of.end(),
                     [&](const auto& x) { return x.find(part) != std::string::npos; });
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(in_place, changing)

// -- the record ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_record_tells_what_its_process_was_started_with) {
  fleet.bot("a", [](auto& x) { x.fingerprint = 7; });
  begin();
  BOOST_TEST(record("a#0").settings == 7u);
  advance(1s);
  BOOST_TEST(store.records.at("a#0").settings == 7u);
  drop();
  run(fleet.build());
  BOOST_TEST(record("a#0").settings == 7u);
  operate(verb::stop, {"a#0"});
  advance(1s);
  BOOST_TEST(record("a#0").settings == 7u); // of its last one
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(the_keepers_slot_knows_it_when_the_record_was_not_committed) {
  fleet.bot("a", [](auto& x) { x.fingerprint = 7; });
  store.trouble = "disk full";
  begin();
  drop();
  store.trouble.clear();
  run(fleet.build());
  BOOST_TEST(record("a#0").settings == 7u);
}

BOOST_AUTO_TEST_CASE(what_happens_to_the_config_is_an_event) {
  fleet.bot("a");
  begin();
  caf::anon_send(all().ledger, remark_atom_v, std::string{"version 2 applied"});
  caf::anon_send(all().ledger, remark_atom_v, std::string{"version 2 is healthy"});
  const std::vector<std::string> wanted{"version 2 applied", "version 2 is healthy"};
  BOOST_TEST(events_of("config") == wanted, boost::test_tools::per_element());
  BOOST_TEST(!store.records.contains("config"));
  BOOST_TEST(problems() == "");
}

// -- the process stays -----------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(settings_that_need_no_process_hold_at_once) {
  fleet.bot("a");
  begin();
  change("a", 1, [](auto& x) {
    x.command.pop_back();
    x.limits.memory = 1 << 20;
    x.stop_signal = 2;
    x.delay.initial = 7s;
    x.delay.jitter = 0;
  });
  put();
  BOOST_TEST(host.spawns("a#0") == 1u);
  BOOST_REQUIRE(host.adjusted.size() == 1u);
  BOOST_TEST(host.adjusted.front().spec->limits.memory.value() == 1u << 20);
  host.end("a#0");
  settle();
  BOOST_TEST((state_of("a#0") == state::backoff));
  advance(6900ms);
  BOOST_TEST(host.spawns("a#0") == 1u);
  advance(200ms);
  BOOST_TEST(host.spawns("a#0") == 2u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_spec_that_is_the_same_changes_nothing) {
  fleet.bot("a").bot("b");
  begin();
  const auto mark = host.log.size();
  const auto events = store.transitions.size();
  put();
  advance(5s);
  BOOST_TEST(host.log.size() == mark);
  BOOST_TEST(store.transitions.size() == events);
  BOOST_TEST(host.adjusted.empty());
}

BOOST_AUTO_TEST_CASE(what_could_not_be_changed_is_told) {
  fleet.bot("a");
  host.of("a#0").cannot_adjust = "limits.memory could not be changed: busy";
  begin();
  change("a", 1, [](auto& x) { x.limits.memory = 1 << 20; });
  put();
  BOOST_TEST(any(events_of("a#0"), "limits.memory could not be changed: busy"));
  BOOST_TEST((state_of("a#0") == state::running));
}

BOOST_AUTO_TEST_CASE(what_only_a_start_uses_waits_for_the_next_one) {
  fleet.bot("a", [](auto& x) { x.start_grace = 60s; });
  begin();
  BOOST_TEST((state_of("a#0") == state::starting));
  change("a", 1, [](auto& x) {
    x.start_grace = 60s;
    x.ready.how = config::ready_spec::kind::tcp;
    x.limits.memory = 1 << 20;
  });
  put();
  BOOST_REQUIRE(host.adjusted.size() == 1u);
  BOOST_TEST((host.adjusted.front().spec->ready.how == config::ready_spec::kind::none));
  advance(60s);
  BOOST_TEST((state_of("a#0") == state::running));
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(settings_that_come_while_it_is_being_started_hold_once_it_is) {
  fleet.bot("a");
  host.of("a#0").slow_start = true;
  begin();
  change("a", 1, [](auto& x) {
    x.command.pop_back();
    x.limits.memory = 1 << 20;
  });
  put();
  BOOST_TEST(host.adjusted.empty());
  host.answer_spawns();
  advance(2s);
  BOOST_TEST((state_of("a#0") == state::running));
  BOOST_TEST(host.adjusted.size() == 1u);
  BOOST_TEST(host.spawns("a#0") == 1u);
}

BOOST_AUTO_TEST_CASE(a_shorter_stop_timeout_holds_for_a_stop_under_way) {
  fleet.bot("a", [](auto& x) { x.stop_timeout = 1h; });
  host.of("a#0").ignores_term = true;
  begin();
  order(verb::stop, {"a#0"});
  advance(10s);
  BOOST_TEST((state_of("a#0") == state::stopping));
  change("a", 1, [](auto& x) { x.stop_timeout = 20s; });
  put();
  advance(5s);
  BOOST_TEST((state_of("a#0") == state::stopping));
  advance(6s);
  BOOST_TEST((state_of("a#0") == state::stopped));
}

// -- the process is replaced -------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(another_command_replaces_the_process_and_is_no_failure) {
  fleet.bot("a").bot("b");
  begin();
  change("a", 2);
  put();
  advance(3s);
  BOOST_TEST(host.spawns("a#0") == 2u);
  BOOST_TEST(host.spawns("b#0") == 1u);
  const auto now = record("a#0");
  BOOST_TEST((now.now == state::running));
  BOOST_TEST(now.settings == 2u);
  BOOST_TEST(now.policy.attempt == 0u);
  BOOST_TEST(now.restarts == 0u);
  BOOST_TEST(any(events_of("a#0"), "its config has changed: command"));
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(one_is_asked_to_end_by_the_settings_it_was_started_with) {
  fleet.bot("a", [](auto& x) { x.stop_timeout = 5s; });
  host.of("a#0").ignores_term = true;
  begin();
  change("a", 2, [](auto& x) { x.stop_timeout = 1h; });
  put();
  advance(4s);
  BOOST_TEST((state_of("a#0") == state::stopping));
  advance(4s);
  BOOST_TEST(host.spawns("a#0") == 2u);
}

BOOST_AUTO_TEST_CASE(dependents_end_first_and_start_last) {
  host.of("g/b#0").term_takes = 2s;
  fleet.group("g", strategy::one_for_one).bot("g/a").bot("g/b").bot("g/c").order("g", {"a", "b"});
  begin();
  const auto mark = host.log.size();
  change("g/a", 2);
  change("g/b", 2);
  put();
  advance(10s);
  BOOST_TEST(place("term g/b#0", mark) < place("exit g/b#0", mark));
  BOOST_TEST(place("exit g/b#0", mark) < place("term g/a#0", mark));
  BOOST_TEST(place("spawn g/a#0", mark) < place("spawn g/b#0", mark));
  BOOST_TEST(place("spawn g/b#0", mark) < host.log.size());
  BOOST_TEST(host.spawns("g/c#0") == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(it_is_no_round_of_the_strategy) {
  fleet.group("g", strategy::one_for_all).bot("g/a").bot("g/b");
  begin();
  change("g/a", 2);
  put();
  advance(5s);
  BOOST_TEST(host.spawns("g/a#0") == 2u);
  BOOST_TEST(host.spawns("g/b#0") == 1u);
  BOOST_TEST((state_of("g/a#0") == state::running));
}

BOOST_AUTO_TEST_CASE(a_start_that_is_under_way_is_not_waited_out) {
  fleet.bot("a");
  host.of("a#0").slow_start = true;
  begin();
  change("a", 2);
  host.of("a#0").slow_start = false;
  put();
  host.answer_spawns();
  advance(5s);
  BOOST_TEST(record("a#0").settings == 2u);
  BOOST_TEST((state_of("a#0") == state::running));
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_paused_one_is_replaced_when_it_is_resumed) {
  fleet.bot("a");
  begin();
  operate(verb::pause, {"a#0"});
  advance(1s);
  change("a", 2);
  put();
  advance(5s);
  BOOST_TEST((state_of("a#0") == state::paused));
  BOOST_TEST(record("a#0").settings == 1u);
  BOOST_TEST(host.spawns("a#0") == 1u);
  operate(verb::resume, {"a#0"});
  advance(5s);
  BOOST_TEST((state_of("a#0") == state::running));
  BOOST_TEST(record("a#0").settings == 2u);
  BOOST_TEST(host.spawns("a#0") == 2u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_new_runtime_leaves_a_paused_one_alone) {
  fleet.bot("a");
  begin();
  operate(verb::pause, {"a#0"});
  advance(1s);
  drop();
  change("a", 2);
  begin();
  BOOST_TEST((state_of("a#0") == state::paused));
  operate(verb::resume, {"a#0"});
  advance(5s);
  BOOST_TEST(record("a#0").settings == 2u);
}

BOOST_AUTO_TEST_CASE(one_that_is_being_stopped_stays_down) {
  fleet.bot("a");
  host.of("a#0").term_takes = 3s;
  begin();
  order(verb::stop, {"a#0"});
  advance(1s);
  change("a", 2);
  put();
  advance(10s);
  BOOST_TEST((state_of("a#0") == state::stopped));
  BOOST_TEST(host.spawns("a#0") == 1u);
  operate(verb::start, {"a#0"});
  advance(3s);
  BOOST_TEST(record("a#0").settings == 2u);
}

BOOST_AUTO_TEST_CASE(two_changes_in_a_row_make_one_new_process) {
  fleet.bot("a");
  host.of("a#0").term_takes = 3s;
  begin();
  change("a", 2);
  put();
  advance(1s);
  change("a", 3);
  put();
  advance(10s);
  BOOST_TEST(record("a#0").settings == 3u);
  BOOST_TEST(host.spawns("a#0") == 2u);
}

BOOST_AUTO_TEST_CASE(a_new_runtime_replaces_what_is_out_of_date) {
  fleet.bot("a").bot("b");
  begin();
  advance(1s);
  drop();
  change("a", 2);
  begin();
  BOOST_TEST(record("a#0").settings == 2u);
  BOOST_TEST(host.spawns("a#0") == 2u);
  BOOST_TEST(host.spawns("b#0") == 1u);
  BOOST_TEST(problems() == "");
}

// F15: what the second runtime did was not written down, so the third finds the end of the old
// process and the new one at once.
BOOST_AUTO_TEST_CASE(a_replacement_that_was_not_committed_is_not_made_again) {
  fleet.bot("a").bot("b");
  begin();
  advance(1s);
  drop();
  store.trouble = "disk full";
  change("a", 2);
  begin();
  BOOST_TEST(host.spawns("a#0") == 2u);
  drop();
  store.trouble.clear();
  const auto mark = host.log.size();
  begin();
  advance(5s);
  BOOST_TEST(record("a#0").settings == 2u);
  BOOST_TEST(record("a#0").restarts == 0u);
  BOOST_TEST(host.log.size() == mark);
  BOOST_TEST(any(events_of("a#0"), "its config has changed"));
  BOOST_TEST(problems() == "");
}

// And so is the end of one that was told to go by a runtime that died of it.
BOOST_AUTO_TEST_CASE(the_end_of_what_is_out_of_date_is_no_failure) {
  fleet.bot("a");
  begin();
  advance(1s);
  drop();
  host.end("a#0");
  change("a", 2);
  begin();
  const auto now = record("a#0");
  BOOST_TEST((now.now == state::running));
  BOOST_TEST(now.settings == 2u);
  BOOST_TEST(now.restarts == 0u);
  BOOST_TEST(now.policy.attempt == 0u);
  BOOST_TEST(host.spawns("a#0") == 2u);
}

// The end of one that nobody ever recorded, and its successor.
BOOST_AUTO_TEST_CASE(two_that_were_not_committed_are_not_confused) {
  fleet.bot("a");
  begin();
  advance(1s);
  store.trouble = "disk full";
  host.end("a#0");
  advance(3s); // another one with the same settings
  change("a", 2);
  put();
  advance(2s);
  BOOST_TEST(host.spawns("a#0") == 3u);
  drop();
  store.trouble.clear();
  const auto mark = host.log.size();
  begin();
  advance(5s);
  BOOST_TEST(host.log.size() == mark);
  BOOST_TEST(record("a#0").settings == 2u);
  BOOST_TEST(problems() == "");
}

// It waited for its turn to end, and did so by itself.
BOOST_AUTO_TEST_CASE(an_order_to_end_does_not_hit_the_successor) {
  host.of("g/b#0").term_takes = 5s;
  fleet.group("g", strategy::one_for_one).bot("g/a").bot("g/b").order("g", {"a", "b"});
  begin();
  change("g/a", 2);
  change("g/b", 2);
  put();
  advance(1s);
  host.end("g/a#0"); // before g/b has ended
  advance(1min);
  BOOST_TEST(host.spawns("g/a#0") == 2u);
  BOOST_TEST(host.spawns("g/b#0") == 2u);
  BOOST_TEST(record("g/a#0").settings == 2u);
  BOOST_TEST(problems() == "");
}

// Nobody asked what it left to end, so nobody waits for that.
BOOST_AUTO_TEST_CASE(what_an_outdated_one_leaves_is_swept_at_once) {
  fleet.bot("a", [](auto& x) {
    x.kill = config::kill_mode::group;
    x.stop_timeout = 1h;
  });
  host.of("a#0").children = 2;
  host.of("a#0").stubborn_sweeps = 2;
  begin();
  drop();
  host.end("a#0");
  change("a", 2, [](auto& x) {
    x.kill = config::kill_mode::group;
    x.stop_timeout = 1h;
  });
  run(fleet.build());
  advance(1min);
  BOOST_TEST(host.spawns("a#0") == 2u);
  BOOST_TEST((state_of("a#0") == state::running));
}

BOOST_AUTO_TEST_CASE(what_it_was_started_with_is_not_known_so_it_stays) {
  fleet.bot("a", [](auto& x) { x.fingerprint = 0; });
  begin();
  drop();
  change("a", 2);
  begin();
  BOOST_TEST(host.spawns("a#0") == 1u);
}

// -- what is down ----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(one_that_keeps_failing_is_tried_at_once_under_another_command) {
  fleet.bot("a", [](auto& x) {
    x.delay.initial = x.delay.max = 10min;
    x.delay.jitter = 0;
  });
  host.of("a#0").lives = 100ms;
  begin();
  BOOST_TEST((state_of("a#0") == state::backoff));
  host.of("a#0").lives.reset();
  change("a", 2);
  put();
  advance(3s);
  BOOST_TEST((state_of("a#0") == state::running));
  BOOST_TEST(record("a#0").policy.failed_starts == 0u);
}

BOOST_AUTO_TEST_CASE(one_that_was_given_up_is_tried_again_under_another_command) {
  fleet.bot("a", [](auto& x) { x.failed_starts = 1; });
  host.of("a#0").cannot_start = "exec /nowhere: No such file or directory";
  begin();
  advance(30s);
  BOOST_TEST((state_of("a#0") == state::failed));
  host.of("a#0").cannot_start.clear();
  change("a", 1, [](auto& x) {
    x.description = "no help";
    x.command.pop_back();
  });
  put();
  BOOST_TEST((state_of("a#0") == state::failed));
  change("a", 2);
  put();
  advance(3s);
  BOOST_TEST((state_of("a#0") == state::running));
}

BOOST_AUTO_TEST_CASE(a_shorter_delay_shortens_the_pause_it_is_in) {
  fleet.bot("a", [](auto& x) {
    x.delay.initial = x.delay.max = 10min;
    x.delay.jitter = 0;
  });
  host.of("a#0").lives = 100ms;
  begin();
  BOOST_TEST((state_of("a#0") == state::backoff));
  host.of("a#0").lives.reset();
  change("a", 1, [](auto& x) {
    x.delay.initial = x.delay.max = 5s;
    x.delay.jitter = 0;
  });
  put();
  advance(8s);
  BOOST_TEST((state_of("a#0") == state::running));
}

BOOST_AUTO_TEST_CASE(a_group_that_gave_up_tries_again_when_a_child_is_another) {
  fleet.group("g", strategy::one_for_all, {0, 1min})
      .bot("g/a", [](auto& x) { x.max_restarts.count = 10'000; })
      .bot("g/b");
  host.of("g/a#0").lives = 2s;
  begin();
  advance(3h);
  BOOST_TEST((group("g")->now == state::failed));
  host.of("g/a#0").lives.reset();
  change("g/a", 2);
  put();
  advance(4s);
  BOOST_TEST((state_of("g/a#0") == state::running));
  BOOST_TEST((state_of("g/b#0") == state::running));
}

// -- children that come, go and move -----------------------------------------------------------

BOOST_AUTO_TEST_CASE(what_leaves_together_ends_in_the_order_it_had) {
  host.of("g/b#0").term_takes = 2s;
  fleet.group("g", strategy::one_for_one).bot("g/a").bot("g/b").bot("g/c").order("g", {"a", "b"});
  begin();
  const auto mark = host.log.size();
  fleet.without("g/a").without("g/b").order("g", {});
  put();
  advance(10s);
  BOOST_TEST(place("exit g/b#0", mark) < place("term g/a#0", mark));
  BOOST_TEST(host.living_count() == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(one_that_leaves_and_comes_back_as_another_has_the_new_settings) {
  host.of("a#0").term_takes = 3s;
  fleet.bot("a").bot("b");
  begin();
  fleet.without("a");
  put();
  advance(1s);
  change("a", 2);
  put();
  advance(10s);
  BOOST_TEST(record("a#0").settings == 2u);
  BOOST_TEST((state_of("a#0") == state::running));
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_bot_moves_into_another_group) {
  host.of("g/a#0").term_takes = 1s;
  fleet.group("g", strategy::one_for_all).bot("g/a").bot("g/b").group("h", strategy::one_for_one);
  begin();
  fleet.without("g/a").bot("h/a");
  put();
  advance(5s);
  BOOST_TEST((state_of("h/a#0") == state::running));
  BOOST_TEST(host.living("g/a#0") == 0u);
  BOOST_TEST(host.spawns("g/b#0") == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_group_leaves_and_comes_back_under_another_spec) {
  host.of("g/a#0").term_takes = 3s;
  fleet.group("g", strategy::one_for_all).bot("g/a").bot("g/b").bot("c");
  begin();
  apply(fleet_builder{}.bot("c").build());
  advance(1s);
  change("g/a", 2);
  put();
  advance(10s);
  BOOST_TEST(record("g/a#0").settings == 2u);
  BOOST_TEST((state_of("g/b#0") == state::running));
  BOOST_TEST(host.spawns("c#0") == 1u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(another_strategy_holds_for_the_next_death) {
  fleet.group("g", strategy::one_for_one).bot("g/a").bot("g/b");
  begin();
  fleet.group("g", strategy::one_for_all);
  put();
  advance(1s);
  BOOST_TEST(host.spawns("g/a#0") == 1u);
  host.end("g/a#0");
  advance(5s);
  BOOST_TEST(host.spawns("g/b#0") == 2u);
  fleet.group("g", strategy::one_for_one);
  put();
  host.end("g/a#0");
  advance(5s);
  BOOST_TEST(host.spawns("g/b#0") == 2u);
}

BOOST_AUTO_TEST_CASE(an_intermediate_spec_changes_only_who_is_in_it) {
  fleet.bot("a", {}, 4);
  begin();
  const auto old = fleet.build();
  change("a", 2, {}, 4);
  const auto all_new = fleet.build();
  auto mixed = std::make_shared<config::fleet_spec>(*old);
  auto entry = std::make_shared<config::bot_entry>(*old->bots.at("a"));
  entry->instances[1] = all_new->bots.at("a")->instances[1];
  mixed->bots["a"] = entry;
  auto root = std::make_shared<config::group_entry>(*old->root);
  root->children.front().bot = entry;
  mixed->root = root;
  apply(mixed);
  advance(3s);
  for (const auto* each : {"a#0", "a#2", "a#3"})
    BOOST_TEST(host.spawns(each) == 1u);
  BOOST_TEST(host.spawns("a#1") == 2u);
  apply(all_new);
  advance(3s);
  BOOST_TEST(host.spawns("a#1") == 2u);
  BOOST_TEST(host.spawns("a#0") == 2u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_SUITE_END()
