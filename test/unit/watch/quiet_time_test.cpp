#include "runtime/watch/quiet_time.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe::watch;
using namespace std::chrono_literals;

namespace {

const quiet_time::clock::time_point start{};

/// Milliseconds after `start` at which it is told.
long due(const quiet_time& what) {
  return what.due()
             ? std::chrono::duration_cast<std::chrono::milliseconds>(*what.due() - start).count()
             : -1;
}

} // namespace

BOOST_AUTO_TEST_SUITE(a_quiet_time)

BOOST_AUTO_TEST_CASE(is_short_after_a_rename_and_longer_after_a_write) {
  quiet_time quiet;
  BOOST_TEST(due(quiet) == -1);
  quiet.note(haste::settled, start);
  BOOST_TEST(due(quiet) == 50);
  BOOST_TEST(!quiet.take(start + 49ms));
  BOOST_TEST(quiet.take(start + 50ms));
  BOOST_TEST(!quiet.take(start + 60ms));
  quiet.note(haste::writing, start + 100ms);
  BOOST_TEST(due(quiet) == 300);
}

BOOST_AUTO_TEST_CASE(begins_again_with_each_event) {
  quiet_time quiet;
  for (int i = 0; i < 10; ++i)
    quiet.note(haste::writing, start + i * 100ms);
  BOOST_TEST(due(quiet) == 1100);
}

BOOST_AUTO_TEST_CASE(is_not_cut_short_by_a_rename_after_a_write) {
  quiet_time quiet;
  quiet.note(haste::writing, start);
  quiet.note(haste::settled, start + 10ms);
  BOOST_TEST(due(quiet) == 200);
  quiet.note(haste::settled, start + 190ms);
  BOOST_TEST(due(quiet) == 240);
}

BOOST_AUTO_TEST_CASE(ends_under_a_storm) {
  quiet_time quiet;
  int told = 0;
  for (int ms = 0; ms < 10'000; ms += 10) {
    quiet.note(haste::writing, start + ms * 1ms);
    told += quiet.take(start + ms * 1ms) ? 1 : 0;
  }
  BOOST_TEST(told == 4); // at 2000, and each 2000 after the event that begins anew
}

BOOST_AUTO_TEST_CASE(lasts_from_one_look_to_another_without_events) {
  quiet_time quiet;
  quiet.note(haste::looked, start);
  BOOST_TEST(due(quiet) == 500);
  quiet.note(haste::looked, start + 500ms);
  BOOST_TEST(due(quiet) == 1000);
  // Slow looks of what is never quiet.
  for (int s = 3; s <= 60; s += 3) {
    quiet.note(haste::looked, start + s * 1s);
    BOOST_TEST(quiet.take(start + s * 1s) == (s == 30));
  }
}

BOOST_AUTO_TEST_CASE(is_none_before_anybody_has_looked) {
  quiet_time quiet;
  quiet.note(haste::writing, start);
  quiet.note(haste::none, start + 5ms);
  BOOST_TEST(quiet.take(start + 5ms));
}

BOOST_AUTO_TEST_SUITE_END()
