// The thread of links asks for short slices; what else the kernel knows of a thread stays.

#include "runtime/link/short_slice.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/resource.h>
#include <thread>

using namespace troupe::link;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(a_thread_gets_the_slices_it_asks_for_and_keeps_its_nice) {
  std::chrono::nanoseconds before{}, after{};
  bool taken = false;
  int nice_before = 0, nice_after = 0;
  std::thread{[&] {
    nice_before = ::getpriority(PRIO_PROCESS, 0);
    before = slice_of_this_thread();
    taken = ask_for_slices_of(200us);
    after = slice_of_this_thread();
    nice_after = ::getpriority(PRIO_PROCESS, 0);
  }}.join();
  BOOST_TEST(nice_before == nice_after);
  BOOST_TEST(taken == (after == 200us));
  if (before == 0ns) // an older kernel, or one that runs us under another policy
    BOOST_TEST(after.count() == 0);
  else
    BOOST_TEST(taken);
}

BOOST_AUTO_TEST_CASE(other_threads_keep_theirs) {
  const auto before = slice_of_this_thread();
  std::thread{[] { ask_for_slices_of(200us); }}.join();
  BOOST_TEST((slice_of_this_thread() == before));
}
