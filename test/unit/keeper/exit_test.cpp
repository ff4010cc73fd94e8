#include "test/unit/keeper/fixture.hpp"

#include <cerrno>
#include <set>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

using namespace keeper_test;

BOOST_AUTO_TEST_SUITE(exits)

BOOST_AUTO_TEST_CASE(codes_signals_and_use_are_told) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  for (const int code : {0, 1, 125, 255}) {
    const auto name = "code#" + std::to_string(code);
    const auto pid = runtime.start(make_request(name, {PROBE_BOT, "--exit", std::to_string(code)}));
    const auto end = runtime.end_of(name);
    BOOST_TEST(end.pid == pid);
    BOOST_TEST(end.exit.code == code);
    BOOST_TEST(end.exit.signal == 0);
    BOOST_TEST(end.exit.ended_ns > end.exit.started_ns);
    BOOST_TEST(end.exit.started_ns > 0U);
    BOOST_TEST(end.exit.max_rss_kib > 0U);
  }
  for (const int signal : {SIGKILL, SIGTERM, SIGSEGV}) {
    const auto name = "signal#" + std::to_string(signal);
    auto request = make_request(name, {"sleep", "1000"});
    request.limits.emplace_back(RLIMIT_CORE, rlimit{0, 0});
    runtime.start(std::move(request));
    runtime.send(signal_request{{name, 1}, signal, signal_scope::main});
    BOOST_TEST(runtime.expect<signalled>(name).error == 0);
    const auto end = runtime.end_of(name);
    BOOST_TEST(end.exit.signal == signal);
    BOOST_TEST(end.exit.code == -1);
    BOOST_TEST(!end.exit.core);
  }
  auto busy = make_request("busy#0", {"/bin/sh", "-c",
                                      "i=0; while [ $i -lt 100000 ]; do "
                                      "i=$((i+1)); done"});
  runtime.start(std::move(busy));
  const auto end = runtime.end_of("busy#0");
  BOOST_TEST(end.exit.user_us + end.exit.system_us > 1000U);
}

BOOST_AUTO_TEST_CASE(a_zombie_pins_its_pid_until_release) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  runtime.start(make_request("a#0", {"true"}));
  runtime.end_of("a#0");
  BOOST_TEST(child_states(keeper.pid(), {runtime.about.pid}) == "Z");

  // Signals reach nobody, and the group is still its own.
  runtime.send(signal_request{{"a#0", 1}, SIGTERM, signal_scope::main});
  BOOST_TEST(runtime.expect<signalled>().error == ESRCH);
  runtime.send(signal_request{{"a#0", 1}, SIGTERM, signal_scope::group});
  BOOST_TEST(runtime.expect<signalled>().error == 0);

  runtime.send(release_request{{"a#0", 1}});
  runtime.send(release_request{{"a#0", 1}}); // a second one does no harm
  const pid_t next = runtime.start(make_request("b#0", {"sleep", "1000"}));
  BOOST_TEST(child_states(keeper.pid(), {runtime.about.pid, next}).empty());
  runtime.send(signal_request{{"a#0", 1}, SIGTERM, signal_scope::group});
  BOOST_TEST(runtime.expect<signalled>("a#0").error == ESRCH);
}

BOOST_AUTO_TEST_CASE(what_is_alive_is_not_released) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  runtime.start(make_request("a#0", {"sleep", "1000"}));
  runtime.send(release_request{{"a#0", 1}});
  const auto refused = runtime.expect<bad_request>();
  BOOST_TEST(refused.error == EBUSY);
  BOOST_REQUIRE(refused.of.has_value());
  BOOST_TEST(refused.of->instance == "a#0");
}

BOOST_AUTO_TEST_CASE(a_group_signal_reaches_the_whole_group) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  auto output = make_pipe();
  auto request = make_request("a#0", {"/bin/sh", "-c", "sleep 1000 & echo $!; wait"});
  request.out = std::move(output.write);
  runtime.start(std::move(request));
  const watched_process grandchild{std::stoi(read_text(output.read.get(), "\n"))};
  runtime.send(signal_request{{"a#0", 1}, SIGTERM, signal_scope::group});
  BOOST_TEST(runtime.expect<signalled>().error == 0);
  BOOST_TEST(runtime.end_of("a#0").exit.signal == SIGTERM);
  BOOST_TEST(grandchild.wait_gone());
}

BOOST_AUTO_TEST_CASE(signals_that_make_no_sense_are_refused) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  runtime.start(make_request("a#0", {"sleep", "1000"}));
  for (const int number : {-1, 0, 65, 1 << 30}) {
    runtime.send(signal_request{{"a#0", 1}, number, signal_scope::main});
    BOOST_TEST(runtime.expect<signalled>().error == EINVAL);
  }
  runtime.send(signal_request{{"nobody#0", 1}, SIGTERM, signal_scope::main});
  BOOST_TEST(runtime.expect<signalled>().error == ESRCH);
}

BOOST_AUTO_TEST_CASE(stopped_and_continued_are_told) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  const pid_t pid = runtime.start(make_request("a#0", {"sleep", "1000"}));
  ::kill(pid, SIGSTOP);
  BOOST_TEST(runtime.expect<stopped>("a#0").signal == SIGSTOP);
  BOOST_TEST(runtime.greet().slots.front().stopped_by == SIGSTOP);
  ::kill(pid, SIGCONT);
  runtime.expect<continued>("a#0");
  BOOST_TEST(runtime.greet().slots.front().stopped_by == 0);
}

BOOST_AUTO_TEST_CASE(an_end_that_a_tracer_holds_back_is_told_later) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  const pid_t pid = runtime.start(make_request("traced#0", {"sleep", "1000"}));
  if (ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0) {
    BOOST_TEST_MESSAGE("skipped: tracing is not allowed here");
    return;
  }
  ::kill(pid, SIGKILL);
  const watched_process ended{pid};
  BOOST_TEST(ended.wait_gone());
  runtime.start(make_request("other#0", {"true"}));
  runtime.end_of("other#0");
  BOOST_TEST(runtime.greet().slots.size() == 2U);
  BOOST_TEST(waitpid(pid, nullptr, __WALL) == pid);
  BOOST_TEST(runtime.end_of("traced#0").exit.signal == SIGKILL);
}

BOOST_AUTO_TEST_CASE(nothing_is_lost_while_the_runtime_does_not_read) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  constexpr int count = 1500;
  std::vector<spawn_request> requests;
  for (int i = 0; i < count; ++i) {
    requests.push_back(make_request("many#" + std::to_string(i), {"true"}));
  }
  // Send until the socket is full, read nothing, then read while the rest is sent.
  std::size_t next = 0;
  while (next < requests.size() && runtime.client.send(requests[next])) {
    ++next;
  }
  for (; next < requests.size(); ++next) {
    runtime.send(requests[next]);
  }
  std::set<std::string> started;
  std::set<std::string> ended;
  while (ended.size() < count) {
    auto event = runtime.next([](const keeper_event& e) {
      return std::holds_alternative<spawned>(e) || std::holds_alternative<exited>(e);
    });
    if (const auto* it = std::get_if<spawned>(&event)) {
      BOOST_REQUIRE(started.insert(it->instance).second);
    } else {
      const auto& end = std::get<exited>(event);
      BOOST_REQUIRE(started.contains(end.instance));
      BOOST_REQUIRE(ended.insert(end.instance).second);
      runtime.send(release_request{end});
    }
  }
  BOOST_TEST(runtime.greet().slots.empty());
}

BOOST_AUTO_TEST_SUITE_END()
