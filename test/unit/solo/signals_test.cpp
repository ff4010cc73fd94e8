// Signals of the process beside its one bot: taken, dropped, and stopping.

#include "runtime/solo/signals.hpp"

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <csignal>
#include <functional>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

BOOST_AUTO_TEST_SUITE(solo_signals)

using namespace troupe::solo;

namespace {

/// Runs it in a child, which is continued whenever it has stopped.
struct stopping {
  int code = -1;
  int stops = 0;

  explicit stopping(const std::function<int(const signal_line&)>& what) {
    const auto pid = fork();
    if (pid == 0) {
      setpgid(0, 0);
      const signal_line signals;
      _exit(what(signals));
    }
    int status = 0;
    while (true) {
      const auto got = waitpid(pid, &status, WUNTRACED);
      if (got < 0 && errno == EINTR)
        continue;
      if (got != pid || !WIFSTOPPED(status))
        break;
      ++stops;
      kill(pid, SIGCONT);
    }
    code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
};

bool waits(const signal_line& signals, int signal) {
  return (signals.waiting() & bit(signal)) != 0;
}

} // namespace

BOOST_AUTO_TEST_CASE(it_stops_until_it_is_continued) {
  const stopping seen{[](const signal_line& signals) {
    const bool stopped = stop_self(SIGTSTP, [] { return false; });
    return stopped && waits(signals, SIGCONT) && !waits(signals, SIGTSTP) ? 0 : 1;
  }};
  BOOST_TEST(seen.code == 0);
  BOOST_TEST(seen.stops == 1);
}

BOOST_AUTO_TEST_CASE(an_order_to_go_on_that_came_before_holds) {
  const stopping seen{[](const signal_line& signals) {
    kill(getpid(), SIGCONT);
    return stop_self(SIGTSTP, [] { return false; }) && waits(signals, SIGCONT) ? 0 : 1;
  }};
  BOOST_TEST(seen.code == 0);
  BOOST_TEST(seen.stops == 0);
}

BOOST_AUTO_TEST_CASE(an_order_that_our_stop_took_back_holds) {
  const stopping seen{[](const signal_line& signals) {
    return !stop_self(SIGTSTP, [] { return true; }) && !waits(signals, SIGTSTP) ? 0 : 1;
  }};
  BOOST_TEST(seen.code == 0);
  BOOST_TEST(seen.stops == 0);
}

BOOST_AUTO_TEST_CASE(an_order_just_before_the_stop_takes_that_back) {
  const stopping seen{[](const signal_line& signals) {
    return stop_self(SIGTSTP, [] { return kill(getpid(), SIGCONT) != 0; })
                   && waits(signals, SIGCONT)
               ? 0
               : 1;
  }};
  BOOST_TEST(seen.code == 0);
  BOOST_TEST(seen.stops == 0);
}

BOOST_AUTO_TEST_CASE(what_has_been_dropped_cannot_be_taken) {
  const stopping seen{[](const signal_line& signals) {
    kill(getpid(), SIGTSTP);
    const bool waited = waits(signals, SIGTSTP);
    kill(getpid(), SIGCONT);
    const auto none = signals.take(SIGTSTP);
    const auto got = signals.take(SIGCONT);
    return waited && !none && got && got->si_pid == getpid() && signals.waiting() == 0 ? 0 : 1;
  }};
  BOOST_TEST(seen.code == 0);
}

BOOST_AUTO_TEST_SUITE_END()
