// What one start and one end cost on our side. Prints; a benchmark judges.

#include "test/unit/os/keeper_fixture.hpp"

#include <chrono>
#include <iostream>
#include <time.h>

using namespace troupe;
using troupe::test::keeper_fixture;
using troupe::test::keeper_without_cgroups;

namespace {

// CPU time of this thread for the calls: the machine may be busy with other things.
struct cpu_time {
  cpu_time() { ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin); }
  double per(int count) const {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (static_cast<double>(now.tv_sec - begin.tv_sec) * 1e6
            + static_cast<double>(now.tv_nsec - begin.tv_nsec) / 1e3)
           / count;
  }
  timespec begin{};
};

using wall_time = std::chrono::steady_clock;

double wall_per(wall_time::time_point since, int count) {
  return std::chrono::duration<double, std::micro>(wall_time::now() - since).count() / count;
}

void run(keeper_fixture& f, const char* what) {
  constexpr int count = 500;
  auto spec = std::make_shared<config::bot_spec>();
  spec->command = {"/bin/sleep", "1000"};
  spec->directory = "/";
  const auto name = [](int i) { return "market/bot#" + std::to_string(i); };
  for (std::uint64_t round = 1; round <= 2; ++round) {
    const auto start = wall_time::now();
    const cpu_time spawning;
    for (int i = 0; i < count; ++i)
      f.host->spawn({name(i), round, spec});
    const auto spawns = spawning.per(count);
    for (int i = 0; i < count; ++i)
      BOOST_TEST(f.wait_for<spawned>(name(i)).pid > 0);
    const auto until_spawned = wall_per(start, count);
    const auto stop = wall_time::now();
    const cpu_time signalling;
    for (int i = 0; i < count; ++i)
      f.host->signal(name(i), round, SIGTERM, false);
    const auto signals = signalling.per(count);
    for (int i = 0; i < count; ++i)
      f.wait_for<exited>(name(i));
    const auto until_exited = wall_per(stop, count);
    const cpu_time sweeping;
    std::size_t left = 0;
    for (int i = 0; i < count; ++i)
      left += f.host->sweep(name(i), round, false);
    const auto sweeps = sweeping.per(count);
    const cpu_time releasing;
    for (int i = 0; i < count; ++i)
      f.host->release(name(i), round);
    const auto releases = releasing.per(count);
    BOOST_TEST(left == 0u);
    std::cout << what << ", round " << round << ", us of CPU a call: spawn " << spawns
              << ", signal " << signals << ", sweep " << sweeps << ", release " << releases
              << "; us a bot: until spawned " << until_spawned << ", until exited " << until_exited
              << '\n';
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(host_speed_suite)

BOOST_AUTO_TEST_CASE(five_hundred_starts_and_ends) {
  {
    keeper_fixture f;
    run(f, "cgroups");
  }
  keeper_without_cgroups g;
  run(g, "no cgroups");
}

BOOST_AUTO_TEST_SUITE_END()
