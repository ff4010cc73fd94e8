// A writer that is killed in the middle: what was acknowledged is there, what was
// not is there as a whole or not at all.

#include "test/unit/store/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace troupe;
using troupe::test::store_fixture;

namespace {

// Writes numbered batches for ever and says each number that was acknowledged.
[[noreturn]] void write_for_ever(const std::string& path, int out) {
  auto store = store::open_store(path);
  auto next = store->load(0).last_seq / 10 + 1;
  for (;; ++next) {
    journal_batch batch;
    for (std::uint64_t i = 0; i < 10; ++i)
      batch.transitions.push_back(store_fixture::make_transition((next - 1) * 10 + i + 1));
    batch.records = {store_fixture::make_record("a#0", next)};
    batch.overrides = {{"a", std::to_string(next)}};
    if (!store->write(batch, true).empty() || ::write(out, &next, sizeof(next)) != sizeof(next))
      ::_exit(1);
  }
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(crash_suite, store_fixture)

BOOST_AUTO_TEST_CASE(what_was_acknowledged_survives_kill_9) {
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 40; ++round) {
    int pipe_fds[2];
    BOOST_REQUIRE(::pipe(pipe_fds) == 0);
    const auto child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) {
      ::close(pipe_fds[0]);
      write_for_ever(path, pipe_fds[1]);
    }
    ::close(pipe_fds[1]);
    std::uint64_t number = 0;
    for (int i = 0; i <= round % 7; ++i) {
      BOOST_REQUIRE(::read(pipe_fds[0], &number, sizeof(number)) == sizeof(number));
      acknowledged = number;
    }
    ::kill(child, SIGKILL);
    while (::read(pipe_fds[0], &number, sizeof(number)) == sizeof(number))
      acknowledged = number;
    ::close(pipe_fds[0]);
    ::waitpid(child, nullptr, 0);
    auto store = store::open_store(path);
    const auto found = store->load(0);
    BOOST_TEST(found.notice == "");
    BOOST_REQUIRE(found.records.size() == 1u);
    const auto last = found.records[0].incarnation;
    BOOST_TEST(last >= acknowledged);
    BOOST_TEST(last <= acknowledged + 1);
    BOOST_TEST(found.last_seq == last * 10);
    BOOST_TEST(found.overrides.at("a") == std::to_string(last));
  }
}

BOOST_AUTO_TEST_SUITE_END()
