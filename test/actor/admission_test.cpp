// How fast the fleet may start.

#include "actors/admission.hpp"

#include <boost/test/unit_test.hpp>

#include <random>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

config::runtime_spec limits(std::uint32_t parallel, double rate, std::uint32_t burst) {
  return {parallel, rate, burst};
}

launch make_launch(int number, std::uint64_t incarnation = 1) {
  return {"bot#" + std::to_string(number), incarnation, std::make_shared<config::bot_spec>()};
}

std::vector<std::string> names(const std::vector<launch>& all) {
  std::vector<std::string> result;
  for (const auto& each : all)
    result.push_back(each.instance);
  return result;
}

using list = std::vector<std::string>;

/// A start of a bot that has a ready check.
launch make_checked(int number) {
  auto spec = std::make_shared<config::bot_spec>();
  spec->ready.how = config::ready_spec::kind::notify;
  return {"bot#" + std::to_string(number), 1, spec};
}

} // namespace

BOOST_AUTO_TEST_CASE(first_starts_wait_only_for_a_slot) {
  admission queue;
  queue.limits(limits(2, 1, 1));
  for (int i = 0; i < 5; ++i)
    queue.add(make_launch(i), false);
  BOOST_TEST(names(queue.take(0s)) == (list{"bot#0", "bot#1"}), boost::test_tools::per_element());
  BOOST_TEST(queue.take(20s).empty());
  BOOST_TEST(queue.under_way() == 2u);
  BOOST_TEST(queue.queued() == 3u);
  queue.settled("bot#0", 1);
  BOOST_TEST(names(queue.take(20s)) == list{"bot#2"}, boost::test_tools::per_element());
  queue.settled("nobody#0", 1);
  BOOST_TEST(queue.take(20s).empty());
}

BOOST_AUTO_TEST_CASE(a_start_that_hangs_frees_its_slot_after_a_while) {
  admission queue;
  queue.limits(limits(2, 1, 1));
  for (int i = 0; i < 5; ++i)
    queue.add(make_launch(i), false);
  queue.take(0s);
  BOOST_TEST((queue.wake_at(1s) == admission::patience));
  BOOST_TEST(queue.take(29s).empty());
  queue.settled("bot#0", 1);
  BOOST_TEST(names(queue.take(29s)) == list{"bot#2"}, boost::test_tools::per_element());
  BOOST_TEST((queue.wake_at(29s) == admission::patience)); // bot#1, that is
  BOOST_TEST(names(queue.take(30s)) == list{"bot#3"}, boost::test_tools::per_element());
  BOOST_TEST(queue.pending("bot#1") == 1u); // still
  BOOST_TEST((queue.wake_at(30s) == 29s + admission::patience));
}

BOOST_AUTO_TEST_CASE(restarts_take_a_token_each) {
  admission queue;
  queue.limits(limits(100, 10, 3));
  for (int i = 0; i < 5; ++i)
    queue.add(make_launch(i), true);
  BOOST_TEST(queue.take(0s).size() == 3u);
  const auto wake = queue.wake_at(0s);
  BOOST_REQUIRE(wake.has_value());
  BOOST_TEST((*wake == 100ms));
  BOOST_TEST(queue.take(99ms).empty());
  BOOST_TEST(queue.take(100ms).size() == 1u);
  BOOST_TEST(queue.take(200ms).size() == 1u);
  BOOST_TEST(!queue.wake_at(200ms).has_value());
}

BOOST_AUTO_TEST_CASE(waking_when_told_is_always_enough) {
  for (double rate : {0.1, 0.3, 1.0, 7.0, 50.0, 1e6}) {
    admission queue;
    queue.limits(limits(1000, rate, 1));
    for (int i = 0; i < 20; ++i)
      queue.add(make_launch(i), true);
    admission::time_point now = 0s;
    std::size_t gone = queue.take(now).size(), wakes = 0;
    while (const auto next = queue.wake_at(now)) {
      BOOST_REQUIRE((*next > now));
      now = *next;
      gone += queue.take(now).size();
      BOOST_REQUIRE(++wakes < 100u);
    }
    BOOST_TEST(gone == 20u);
  }
}

BOOST_AUTO_TEST_CASE(unused_tokens_do_not_pile_up) {
  admission queue;
  queue.limits(limits(1000, 50, 5));
  queue.take(0s);
  for (int i = 0; i < 100; ++i)
    queue.add(make_launch(i), true);
  BOOST_TEST(queue.take(1h).size() == 5u);
}

BOOST_AUTO_TEST_CASE(first_starts_are_not_held_up_by_restarts) {
  admission queue;
  queue.limits(limits(10, 1, 1));
  for (int i = 0; i < 50; ++i)
    queue.add(make_launch(i), true);
  queue.add(make_launch(99), false);
  const auto now = names(queue.take(0s));
  BOOST_TEST(now == (list{"bot#99", "bot#0"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_same_incarnation_is_queued_once) {
  admission queue;
  queue.add(make_launch(1), false);
  queue.add(make_launch(1), false);
  queue.add(make_launch(1), true);
  BOOST_TEST(queue.queued() == 1u);
  BOOST_TEST(queue.take(0s).size() == 1u);
  queue.add(make_launch(1), true); // under way
  BOOST_TEST(queue.queued() == 0u);
  queue.settled("bot#1", 1);
  queue.add(make_launch(1, 2), true);
  BOOST_TEST(queue.queued() == 1u);
}

BOOST_AUTO_TEST_CASE(what_waits_can_be_taken_back) {
  admission queue;
  queue.limits(limits(1, 50, 50));
  queue.add(make_launch(0), false);
  queue.add(make_launch(1), false);
  queue.add(make_launch(2), true);
  queue.take(0s);
  BOOST_TEST(!queue.withdraw("bot#0", 1)); // gone
  BOOST_TEST(!queue.withdraw("bot#1", 7)); // never there
  BOOST_TEST(queue.withdraw("bot#1", 1));
  BOOST_TEST(queue.withdraw("bot#2", 1));
  BOOST_TEST(!queue.withdraw("bot#2", 1));
  BOOST_TEST(queue.queued() == 0u);
  queue.settled("bot#0", 1);
  BOOST_TEST(queue.take(1s).empty());
}

BOOST_AUTO_TEST_CASE(new_limits_hold_at_once) {
  admission queue;
  queue.limits(limits(1, 50, 50));
  for (int i = 0; i < 10; ++i)
    queue.add(make_launch(i), false);
  BOOST_TEST(queue.take(0s).size() == 1u);
  queue.limits(limits(4, 50, 50));
  BOOST_TEST(queue.take(0s).size() == 3u);
  queue.limits(limits(0, 50, 0)); // 0 would stop the fleet for ever; 1 is meant
  for (int i = 0; i < 4; ++i)
    queue.settled("bot#" + std::to_string(i), 1);
  BOOST_TEST(queue.take(0s).size() == 1u);
}

BOOST_AUTO_TEST_CASE(no_window_sees_more_restarts_than_burst_and_rate) {
  std::minstd_rand dice{42};
  admission queue;
  queue.limits(limits(10'000, 20, 10));
  std::vector<admission::time_point> gone;
  admission::time_point now = 0s;
  for (int i = 0; i < 2000; ++i) {
    now += std::chrono::milliseconds{dice() % 50};
    queue.add(make_launch(i), true);
    for (const auto& each : queue.take(now)) {
      gone.push_back(now);
      queue.settled(each.instance, each.incarnation);
    }
  }
  for (std::size_t i = 0; i + 31 < gone.size(); ++i) // 10 at once and 20 within the second
    BOOST_REQUIRE((gone[i + 31] - gone[i] >= 1s));
}
BOOST_AUTO_TEST_CASE(a_ready_check_holds_its_slot_until_it_has_passed) {
  admission queue;
  queue.limits(limits(2, 50, 50));
  queue.add(make_checked(1), false);
  queue.add(make_launch(2), false);
  queue.add(make_launch(3), false);
  BOOST_TEST(names(queue.take(0s)) == (list{"bot#1", "bot#2"}), boost::test_tools::per_element());
  queue.confirmed("bot#1", 1);
  BOOST_TEST(queue.take(1s).empty());
  BOOST_TEST(queue.pending("bot#1") == 0u); // it is no start that is under way any more
  queue.confirmed("bot#2", 1);
  BOOST_TEST(names(queue.take(1s)) == list{"bot#3"}, boost::test_tools::per_element());
  queue.confirmed("bot#3", 1);
  queue.settled("bot#1", 1);
  queue.add(make_launch(4), false);
  queue.add(make_launch(5), false);
  BOOST_TEST(names(queue.take(2s)) == (list{"bot#4", "bot#5"}), boost::test_tools::per_element());
}
