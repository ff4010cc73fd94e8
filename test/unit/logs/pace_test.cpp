#include "runtime/logs/pace.hpp"

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;
using troupe::logs::pace;

namespace {

constexpr std::size_t room = 64 * 1024;

/// Sources that write so many bytes a second each, in lines of 100 bytes, and their reader.
struct fleet {
  int sources = 0;
  double bytes_a_second = 0;
  pace::clock::time_point now{1h};
  pace::milliseconds passed{20}; // since the last round
  pace rounds{};

  /// One round, and the pause after it.
  pace::milliseconds round(std::size_t burst = 0) {
    const auto lines = bytes_a_second / 100 * std::chrono::duration<double>(passed).count();
    // So many have something to say; each that has says a line at least.
    const auto talkers = static_cast<int>(sources * std::min(lines, 1.0));
    for (int i = 0; i < talkers; ++i)
      rounds.brought(static_cast<std::size_t>(100 * std::max(lines, 1.0)), room);
    rounds.brought(burst, room);
    passed = rounds.end_round(now);
    now += passed;
    return passed;
  }

  /// The pause that comes of many rounds.
  pace::milliseconds settled() {
    for (int i = 0; i < 100; ++i)
      round();
    return passed;
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(pace_suite)

BOOST_AUTO_TEST_CASE(few_sources_wait_little) {
  for (const int sources : {0, 1, 10})
    for (const double rate : {0., 10., 1000., 10'000.})
      BOOST_TEST((fleet{sources, rate}.settled() == pace::shortest), sources << ' ' << rate);
}

BOOST_AUTO_TEST_CASE(many_that_say_little_wait_longer) {
  BOOST_TEST((fleet{500, 1000}.settled() == pace::longest));
  BOOST_TEST((fleet{5000, 1000}.settled() == pace::longest));
  const auto between = fleet{100, 1000}.settled();
  BOOST_TEST((between > 100ms && between < pace::longest));
  // One line a second of each is no load: nobody is to wait for that.
  BOOST_TEST((fleet{200, 100}.settled() == pace::shortest));
}

BOOST_AUTO_TEST_CASE(no_pipe_fills_to_more_than_a_quarter_in_a_pause) {
  for (const double rate : {20'000., 50'000., 100'000., 400'000., 700'000.}) {
    fleet x{500, rate};
    x.settled();
    for (int i = 0; i < 100; ++i)
      BOOST_TEST(rate * std::chrono::duration<double>(x.round()).count() <= room / 4.0, rate);
  }
}

BOOST_AUTO_TEST_CASE(one_that_says_more_shortens_the_pauses_of_all) {
  fleet x{500, 1000};
  x.settled();
  // 8 KiB in 400 ms would be 16 KiB in 800; 20 KiB are too much.
  BOOST_TEST((x.round(8 * 1024) == pace::longest));
  BOOST_TEST((x.round(20 * 1024) < pace::longest));
  BOOST_TEST((x.settled() == pace::longest));
}

BOOST_AUTO_TEST_CASE(a_small_pipe_is_full_sooner) {
  fleet x{500, 1000};
  x.settled();
  x.rounds.brought(4096, 8192);
  BOOST_TEST((x.round() <= pace::longest / 2));
}

BOOST_AUTO_TEST_SUITE_END()
