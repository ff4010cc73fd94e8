#include "test/unit/keeper/fixture.hpp"

#include <fstream>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace keeper_test;

namespace {

/// Takes the one CPU on which the victim may run from now on, and nearly all of its time.
class cpu_hog {
public:
  explicit cpu_hog(pid_t victim) {
    cpu_set_t allowed;
    cpu_set_t one;
    CPU_ZERO(&one);
    BOOST_REQUIRE(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &allowed)) {
      ++cpu;
    }
    CPU_SET(cpu, &one);
    const sched_param none{};
    BOOST_REQUIRE(sched_setaffinity(victim, sizeof one, &one) == 0);
    BOOST_REQUIRE(sched_setscheduler(victim, SCHED_IDLE, &none) == 0);
    // Where each session is a group of its own to the scheduler, the group has to be nice too.
    std::ofstream{"/proc/" + std::to_string(victim) + "/autogroup"} << 19;
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      sched_setaffinity(0, sizeof one, &one);
      for (volatile bool spins = true; spins;) {
      }
    }
  }
  ~cpu_hog() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  cpu_hog(const cpu_hog&) = delete;
  cpu_hog& operator=(const cpu_hog&) = delete;

private:
  pid_t pid_ = -1;
};

} // namespace

BOOST_AUTO_TEST_SUITE(ending)

BOOST_AUTO_TEST_CASE(final_codes_end_the_keeper_and_every_bot) {
  for (const int code : {0, 2, 6, 7}) {
    keeper_process keeper;
    auto runtime = keeper.next_greeted();
    const watched_process bot{runtime.start(make_request("bot#0", {"sleep", "1000"}))};
    runtime.end(code);
    BOOST_TEST(keeper.wait() == code);
    BOOST_TEST(bot.wait_gone());
  }
}

BOOST_AUTO_TEST_CASE(any_other_end_starts_the_runtime_again) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  const pid_t bot = runtime.start(make_request("bot#0", {"sleep", "1000"}));
  std::uint64_t epoch_number = 1;
  for (const int code : {1, 3, 70}) {
    runtime.end(code);
    runtime = keeper.next_epoch();
    BOOST_TEST(runtime.about.epoch == ++epoch_number);
    BOOST_TEST(runtime.greet().slots.at(0).pid == bot);
  }
}

BOOST_AUTO_TEST_CASE(a_silent_runtime_is_killed_and_a_speaking_one_is_not) {
  keeper_process keeper{{{"--silence", "0.6"}, {}, {}}};
  auto runtime = keeper.next_greeted();
  const pid_t bot = runtime.start(make_request("bot#0", {"sleep", "1000"}));
  runtime.answer_pings = false;
  for (int i = 0; i < 6; ++i) { // longer than the silence that is allowed
    runtime.expect<ping>();
    runtime.send(pong{});
  }
  const watched_process victim{runtime.about.pid};
  BOOST_TEST(victim.wait_gone());
  runtime.wait_closed();
  auto next = keeper.next_epoch();
  BOOST_TEST(next.about.epoch == 2U);
  BOOST_TEST(next.greet().slots.at(0).pid == bot);
}

BOOST_AUTO_TEST_CASE(a_runtime_that_only_reads_is_silent) {
  keeper_process keeper{{{"--silence", "0.4"}, {}, {}}};
  auto runtime = keeper.next_greeted();
  constexpr int stored = 4000;
  for (int i = 0; i < stored; ++i) {
    runtime.send(store_request{"fd " + std::to_string(i), STDERR_FILENO});
  }
  // The answer to this is longer than what the line holds: the keeper sees that it is read.
  runtime.send(hello{});
  const watched_process victim{runtime.about.pid};
  int read = 0;
  while (!victim.has_gone() && read < stored) {
    for (int i = 0; i < 4; ++i) {
      const auto event = runtime.client.receive();
      read += event && std::holds_alternative<stored_fd>(*event) ? 1 : 0;
    }
    ::poll(nullptr, 0, 1);
  }
  BOOST_TEST(victim.wait_gone());
  BOOST_TEST(read < stored);
}

BOOST_AUTO_TEST_CASE(being_stopped_itself_is_not_the_silence_of_the_runtime) {
  keeper_process keeper{{{"--silence", "0.3"}, {}, {}}};
  auto runtime = keeper.next_greeted();
  runtime.answer_pings = false;
  runtime.expect<ping>();
  runtime.send(pong{});
  keeper.signal(SIGSTOP);
  // Another keeper's silence is the clock here: it kills its runtime after as long.
  keeper_process clock{{{"--silence", "1"}, {}, {}}};
  const watched_process tick{clock.next_epoch().about.pid};
  BOOST_REQUIRE(tick.wait_gone());
  keeper.signal(SIGCONT);
  runtime.answer_pings = true;
  BOOST_TEST(runtime.start(make_request("bot#0", {"true"})) > 0);
}

BOOST_AUTO_TEST_CASE(a_runtime_that_gets_no_cpu_is_waited_for) {
  keeper_process keeper{{{"--silence", "0.6"}, {}, {}}};
  auto runtime = keeper.next_greeted();
  const pid_t bot = runtime.start(make_request("bot#0", {"sleep", "1000"}));
  runtime.answer_pings = false;
  const watched_process victim{runtime.about.pid};
  {
    const cpu_hog hog{runtime.about.pid};
    runtime.end(spin_order);
    // Another keeper's silence is the clock here: it kills its runtimes after as long.
    keeper_process clock{{{"--silence", "0.6"}, {}, {}}};
    for (int i = 0; i < 2; ++i) {
      BOOST_TEST(watched_process{clock.next_epoch().about.pid}.wait_gone());
    }
    BOOST_TEST(!victim.has_gone());
  }
  // Now it could speak.
  BOOST_TEST(victim.wait_gone());
  runtime.wait_closed();
  BOOST_TEST(keeper.next_epoch().greet().slots.at(0).pid == bot);
}

BOOST_AUTO_TEST_CASE(stop_is_asked_then_asked_to_hurry_then_done_by_force) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  const watched_process bot{runtime.start(make_request("bot#0", {"sleep", "1000"}))};
  keeper.signal(SIGTERM);
  auto asked = runtime.expect<stop_asked>();
  BOOST_TEST(asked.signal == SIGTERM);
  BOOST_TEST(!asked.hurry);
  keeper.signal(SIGINT);
  asked = runtime.expect<stop_asked>();
  BOOST_TEST(asked.signal == SIGINT);
  BOOST_TEST(asked.hurry);
  keeper.signal(SIGTERM);
  BOOST_TEST(keeper.wait() == 1);
  BOOST_TEST(bot.wait_gone());
}

BOOST_AUTO_TEST_CASE(a_quit_from_the_keyboard_asks_to_stop) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  keeper.signal(SIGQUIT);
  BOOST_TEST(runtime.expect<stop_asked>().signal == SIGQUIT);
  runtime.end(0);
  BOOST_TEST(keeper.wait() == 0);
}

BOOST_AUTO_TEST_CASE(a_stop_is_remembered_for_the_next_runtime) {
  keeper_process keeper;
  auto runtime = keeper.next_epoch(); // not greeted: it cannot be told yet
  keeper.signal(SIGTERM);
  auto told = runtime.greet();
  BOOST_TEST(told.end.stop_pending);
  BOOST_TEST(runtime.expect<stop_asked>().signal == SIGTERM);
  runtime.kill();
  auto next = keeper.next_epoch();
  told = next.greet();
  BOOST_TEST(told.end.stop_pending);
  BOOST_TEST(next.expect<stop_asked>().signal == SIGTERM);
  next.end(0);
  BOOST_TEST(keeper.wait() == 0);
}

BOOST_AUTO_TEST_CASE(hangup_asks_to_reload) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  keeper.signal(SIGUSR1); // means nothing
  keeper.signal(SIGUSR2);
  keeper.signal(SIGHUP);
  runtime.expect<reload_asked>();
  BOOST_TEST(runtime.start(make_request("bot#0", {"true"})) > 0);
}

BOOST_AUTO_TEST_CASE(without_its_keeper_everything_ends) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  auto as_other = make_request("other#0", {"sleep", "1000"});
  if (is_root()) {
    as_other.uid = 54321; // changing the user would clear a death signal that was set before
  }
  const watched_process first{runtime.start(make_request("bot#0", {"sleep", "1000"}))};
  const watched_process second{runtime.start(std::move(as_other))};
  keeper.signal(SIGKILL);
  BOOST_TEST(keeper.wait() == -SIGKILL);
  BOOST_TEST(first.wait_gone());
  BOOST_TEST(second.wait_gone());
  runtime.wait_closed();
  BOOST_TEST(!runtime.client.send(hello{}));
}

BOOST_AUTO_TEST_CASE(a_runtime_that_lives_too_short_to_stop_is_not_waited_for) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  const watched_process bot{runtime.start(make_request("bot#0", {"sleep", "1000"}))};
  keeper.signal(SIGTERM);
  runtime.expect<stop_asked>();
  runtime.kill();
  while (keeper.starts_another()) {
    keeper.next_epoch().kill();
  }
  BOOST_TEST(keeper.wait() == 1);
  BOOST_TEST(bot.wait_gone());
}

BOOST_AUTO_TEST_CASE(wrong_usage_says_so) {
  const auto run = [](std::vector<std::string> words) {
    keeper_process::settings how;
    how.options = std::move(words);
    keeper_process keeper{how};
    return keeper.wait();
  };
  BOOST_TEST(run({"--nonsense"}) == 2);
  BOOST_TEST(run({"--silence", "0"}) == 2);
  BOOST_TEST(run({"--silence", "nan"}) == 2);
  BOOST_TEST(run({"--max-slots", "0"}) == 2);
  BOOST_TEST(run({"--fd", "lock=999"}) == 2);
  BOOST_TEST(run({"--fd", "lock"}) == 2);
  BOOST_TEST(run({"--", "/nonexistent/runtime"}) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
