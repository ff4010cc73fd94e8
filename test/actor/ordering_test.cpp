// Who waits for whom.

#include "actors/ordering.hpp"
#include "test/actor/fleet.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using config::condition;

namespace {

using names = std::set<std::string>;

std::string waits_for(const config::spec_ptr& fleet, const progress& known,
                      const std::string& bot) {
  for (const auto& each : start_conditions(*fleet, bot))
    if (auto missing = known.missing(*fleet, each); !missing.empty())
      return missing;
  return {};
}

} // namespace

BOOST_AUTO_TEST_CASE(names_are_taken_apart) {
  BOOST_TEST(bot_of("market/trader#2") == "market/trader");
  BOOST_TEST(bot_of("market/trader") == "market/trader");
  BOOST_TEST(group_of("market/eu/trader") == "market/eu");
  BOOST_TEST(group_of("trader") == "");
  BOOST_TEST(instance_name("a/b", 3) == "a/b#3");
  BOOST_TEST(lies_in("a/b#0", "a"));
  BOOST_TEST(lies_in("a/b/c", "a/b"));
  BOOST_TEST(lies_in("a", ""));
  BOOST_TEST(!lies_in("ab/c", "a"));
  BOOST_TEST(!lies_in("a", "a"));
}

BOOST_AUTO_TEST_CASE(each_condition_holds_in_its_states) {
  auto fleet = fleet_builder{}.bot("a").build();
  const std::map<condition, std::set<state>> holds_in{
      {condition::started,
       {state::starting, state::running, state::degraded, state::paused, state::draining,
        state::stopping, state::completed}},
      {condition::ready, {state::running, state::degraded, state::paused, state::completed}},
      {condition::completed, {state::completed}},
  };
  for (const auto& [until, states] : holds_in)
    for (std::size_t s = 0; s < state_count; ++s) {
      progress known;
      known.note("a#0", static_cast<state>(s));
      const auto missing = known.missing(*fleet, {{"a", until, {}}, false});
      BOOST_TEST(missing.empty() == states.contains(static_cast<state>(s)),
                 to_string(static_cast<state>(s)));
      if (!missing.empty())
        BOOST_TEST(missing == "a#0 (" + std::string{to_string(static_cast<state>(s))} + ")");
    }
}

BOOST_AUTO_TEST_CASE(the_longest_end_has_every_step_that_can_apply) {
  config::bot_spec bot;
  bot.stop_timeout = 7s;
  bot.drain_timeout = 0s;
  bot.flatten_timeout = 0s;
  BOOST_CHECK(longest_stop(bot) == 7s);
  bot.drain_timeout = 2s;
  BOOST_CHECK(longest_stop(bot) == 9s + answer_slack);
  bot.flatten_timeout = 3s;
  bot.on_crash = config::hook_spec{{"x"}, 4s};
  BOOST_CHECK(longest_stop(bot) == 16s + 2 * answer_slack);
  const auto same = [&](config::bot_spec& x) {
    x.stop_timeout = 7s;
    x.drain_timeout = x.flatten_timeout = 0s;
  };
  const auto chain = fleet_builder{}
                         .bot("a", same, 3)
                         .bot_after("b", {{"a", condition::ready, {}}}, same)
                         .bot("c", same)
                         .build();
  BOOST_CHECK(longest_stop(*chain, *chain->root) == 14s);
}

BOOST_AUTO_TEST_CASE(all_instances_of_a_target_count) {
  auto fleet =
      fleet_builder{}.bot("a", {}, 3).bot_after("b", {{"a", condition::ready, {}}}).build();
  progress known;
  known.note("a#0", state::running);
  known.note("a#1", state::running);
  BOOST_TEST(waits_for(fleet, known, "b") == "a#2 (defined)");
  known.note("a#2", state::running);
  BOOST_TEST(waits_for(fleet, known, "b") == "");
  known.forget("a#1");
  BOOST_TEST(waits_for(fleet, known, "b") == "a#1 (defined)");
}

BOOST_AUTO_TEST_CASE(a_group_as_target_means_what_starts_by_itself) {
  auto fleet = fleet_builder{}
                   .bot("g/a")
                   .bot("g/h/b")
                   .bot("g/manual", [](auto& x) { x.autostart = false; })
                   .bot("gg/other")
                   .bot_after("z", {{"g/", condition::started, {}}})
                   .build();
  BOOST_TEST(instances_of(*fleet, "g/") == (std::vector<std::string>{"g/a#0", "g/h/b#0"}),
             boost::test_tools::per_element());
  progress known;
  known.note("g/a#0", state::starting);
  BOOST_TEST(waits_for(fleet, known, "z") == "g/h/b#0 (defined)");
}

BOOST_AUTO_TEST_CASE(order_makes_each_wait_for_the_one_before) {
  auto fleet = fleet_builder{}
                   .bot("g/a")
                   .bot("g/b")
                   .bot("g/h/c")
                   .bot("g/z")
                   .order("g", {"b", "h", "a"})
                   .build();
  progress known;
  BOOST_TEST(waits_for(fleet, known, "g/b") == "");
  BOOST_TEST(waits_for(fleet, known, "g/z") == ""); // not in `order`
  known.note("g/b#0", state::waiting);
  known.note("g/h/c#0", state::waiting);
  BOOST_TEST(waits_for(fleet, known, "g/h/c") == "g/b#0 (waiting)");
  BOOST_TEST(waits_for(fleet, known, "g/a") == "g/h/c#0 (waiting)");
  known.note("g/b#0", state::starting);
  BOOST_TEST(waits_for(fleet, known, "g/h/c") == "");
}

BOOST_AUTO_TEST_CASE(order_does_not_wait_for_what_nobody_wants) {
  auto fleet = fleet_builder{}.bot("a").bot("b").order("", {"a", "b"}).build();
  progress known;
  known.note("a#0", state::stopped);
  BOOST_TEST(waits_for(fleet, known, "b") == "");
  known.note("a#0", state::backoff);
  BOOST_TEST(waits_for(fleet, known, "b") == "a#0 (backoff)");
}

BOOST_AUTO_TEST_CASE(the_nearest_condition_is_named_first) {
  auto fleet = fleet_builder{}
                   .bot("first")
                   .bot("g/a")
                   .bot_after("g/b", {{"g/a", condition::ready, {}}})
                   .order("", {"first", "g"})
                   .build();
  const auto conditions = start_conditions(*fleet, "g/b");
  BOOST_REQUIRE_EQUAL(conditions.size(), 2u);
  BOOST_TEST(conditions[0].on.target == "g/a");
  BOOST_TEST(!conditions[0].from_order);
  BOOST_TEST(conditions[1].on.target == "first");
  BOOST_TEST(conditions[1].from_order);
}

BOOST_AUTO_TEST_CASE(siblings_are_ordered_through_what_is_inside_them) {
  auto fleet = fleet_builder{}
                   .bot("g/a")
                   .bot_after("h/b", {{"g/a", condition::ready, {}}})
                   .bot_after("c", {{"h/", condition::ready, {}}})
                   .build();
  const auto arrows = sibling_order(*fleet, *fleet->root);
  BOOST_TEST(arrows.at("h") == names{"g"}, boost::test_tools::per_element());
  BOOST_TEST(arrows.at("c") == names{"h"}, boost::test_tools::per_element());
  BOOST_TEST(!arrows.contains("g"));
}

BOOST_AUTO_TEST_CASE(groups_that_need_each_other_still_have_an_order) {
  auto fleet = fleet_builder{}
                   .bot("g/a")
                   .bot_after("g/b", {{"h/a", condition::ready, {}}})
                   .bot("h/a")
                   .bot_after("h/b", {{"g/a", condition::ready, {}}})
                   .build();
  const auto arrows = sibling_order(*fleet, *fleet->root);
  const bool both = arrows.contains("g") && arrows.contains("h");
  BOOST_TEST(!both); // one arrow is left out: no circle
  BOOST_TEST(arrows.size() == 1u);
}
