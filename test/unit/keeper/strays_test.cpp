#include "test/unit/keeper/fixture.hpp"

#include <algorithm>
#include <chrono>
#include <poll.h>
#include <signal.h>

using namespace keeper_test;

BOOST_AUTO_TEST_SUITE(strays)

namespace {

/// Until the keeper has exactly these children's states besides the runtime; nothing tells when
/// a stranger's zombie is reaped, so this looks again and again.
bool wait_for_states(pid_t keeper, const std::vector<pid_t>& except, const std::string& wanted) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (child_states(keeper, except) != wanted) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    ::poll(nullptr, 0, 2);
  }
  return true;
}

} // namespace

BOOST_AUTO_TEST_CASE(thousands_of_orphans_are_reaped_behind_pinned_zombies) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  for (const char* name : {"pinned#0", "pinned#1", "pinned#2"}) {
    runtime.start(make_request(name, {"true"}));
    runtime.end_of(name);
  }
  runtime.start(make_request("messy#0", {PROBE_BOT, "--orphans", "5000"}));
  runtime.end_of("messy#0");
  BOOST_TEST(wait_for_states(keeper.pid(), {runtime.about.pid}, "ZZZZ"));
  // And the pinned ones can still be told and released.
  const auto told = runtime.greet();
  BOOST_TEST(told.slots.size() == 4U);
  for (const auto& it : told.slots) {
    runtime.send(release_request{it});
  }
  BOOST_TEST(wait_for_states(keeper.pid(), {runtime.about.pid}, ""));
}

BOOST_AUTO_TEST_CASE(orphans_are_reaped_when_nothing_is_pinned) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  runtime.start(make_request("messy#0", {PROBE_BOT, "--orphans", "300"}));
  runtime.end_of("messy#0");
  runtime.send(release_request{{"messy#0", 1}});
  BOOST_TEST(wait_for_states(keeper.pid(), {runtime.about.pid}, ""));
}

BOOST_AUTO_TEST_CASE(a_daemon_that_escaped_ends_with_the_keeper) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  auto output = make_pipe();
  auto request = make_request("bot#0", {PROBE_BOT, "--stray"});
  request.out = std::move(output.write);
  runtime.start(std::move(request));
  const auto text = read_text(output.read.get(), "\n");
  const pid_t stray = std::stoi(text.substr(text.find('=') + 1));
  const watched_process watched{stray};
  runtime.send(signal_request{{"bot#0", 1}, SIGKILL, signal_scope::group});
  runtime.end_of("bot#0");
  const auto children = children_of(keeper.pid());
  BOOST_TEST(std::count(children.begin(), children.end(), stray) == 1);
  runtime.end(0);
  BOOST_TEST(keeper.wait() == 0);
  BOOST_TEST(watched.wait_gone());
}

namespace {

/// The keeper as process 1 of a pid namespace, with or without a /proc of its own.
void check_as_init(const std::vector<std::string>& unshare) {
  keeper_process keeper{{{}, unshare, {}}};
  auto runtime = keeper.next_epoch();
  BOOST_TEST(runtime.greet().end.keeper_pid == 1);
  const auto unshared = children_of(keeper.pid());
  BOOST_REQUIRE(unshared.size() == 1U);
  const pid_t init = unshared.front();
  const auto runtime_pid = children_of(init);
  BOOST_REQUIRE(runtime_pid.size() == 1U);
  runtime.start(make_request("pinned#0", {"true"}));
  runtime.end_of("pinned#0");
  runtime.start(make_request("messy#0", {PROBE_BOT, "--orphans", "200"}));
  runtime.end_of("messy#0");
  BOOST_TEST(wait_for_states(init, runtime_pid, "ZZ"));
  runtime.start(make_request("bot#0", {"sleep", "1000"}));
  ::kill(init, SIGTERM); // which the kernel drops for an init without a handler
  runtime.expect<stop_asked>();
  runtime.end(0);
  BOOST_TEST(keeper.wait() == 0);
}

} // namespace

BOOST_AUTO_TEST_CASE(it_can_be_init_of_a_pid_namespace) {
  if (!is_root()) {
    BOOST_TEST_MESSAGE("skipped: a pid namespace needs root");
    return;
  }
  check_as_init({"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"});
}

BOOST_AUTO_TEST_CASE(strays_are_found_without_proc) {
  if (!is_root()) {
    BOOST_TEST_MESSAGE("skipped: a pid namespace needs root");
    return;
  }
  // The /proc that it sees is the outer one, where its own numbers mean others.
  check_as_init({"unshare", "--pid", "--fork", "--kill-child"});
}

BOOST_AUTO_TEST_SUITE_END()
