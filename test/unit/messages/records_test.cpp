#include "messages/records.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;

BOOST_AUTO_TEST_CASE(ends_are_told_in_words) {
  BOOST_TEST(to_string(exit_status{0, 0, false}) == "exited with code 0");
  BOOST_TEST(to_string(exit_status{125, 0, false}) == "exited with code 125");
  BOOST_TEST(to_string(exit_status{-1, 9, false}) == "killed by signal 9 (KILL)");
  BOOST_TEST(to_string(exit_status{-1, 11, true}) == "killed by signal 11 (SEGV), core dumped");
}

BOOST_AUTO_TEST_CASE(a_signal_without_a_name_is_told_by_its_number) {
  BOOST_TEST(to_string(exit_status{-1, 99, false}) == "killed by signal 99");
}
