#include "test/unit/keeper/fixture.hpp"

#include <cerrno>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

using namespace keeper_test;

BOOST_AUTO_TEST_SUITE(spawning)

namespace {

/// Starts what cannot start and says where it failed.
spawn_failed failure(epoch& runtime, spawn_request&& request) {
  runtime.send(request);
  return runtime.expect<spawn_failed>(request.instance);
}

std::string output_of(epoch& runtime, spawn_request&& request) {
  auto output = make_pipe();
  request.out = std::move(output.write);
  runtime.start(std::move(request));
  return read_text(output.read.get());
}

} // namespace

BOOST_AUTO_TEST_CASE(a_program_runs_and_its_output_arrives) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  BOOST_TEST(output_of(runtime, make_request("a#0", {"/bin/echo", "hello", "two words"}))
             == "hello two words\n");
  BOOST_TEST(runtime.end_of("a#0").exit.code == 0);
}

BOOST_AUTO_TEST_CASE(failures_name_their_step_and_leave_no_slot) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  scratch files;
  const auto plain = files.write("plain", "echo no\n", 0644);
  const auto no_format = files.write("no_format", "echo no\n", 0755);
  const auto lost = files.write("lost", "#!/nonexistent/interpreter\n", 0755);

  const auto check = [&](spawn_request&& request, spawn_step step, int error) {
    const auto failed = failure(runtime, std::move(request));
    BOOST_TEST(to_string(failed.step) == to_string(step));
    BOOST_TEST(failed.error == error);
  };
  check(make_request("missing#0", {"/nonexistent"}), spawn_step::exec, ENOENT);
  check(make_request("plain#0", {plain}), spawn_step::exec, EACCES);
  check(make_request("format#0", {no_format}), spawn_step::exec, ENOEXEC);
  check(make_request("lost#0", {lost}), spawn_step::exec, ENOENT);
  check(make_request("folder#0", {"/tmp"}), spawn_step::exec, EACCES);
  check(make_request("empty#0", {""}), spawn_step::exec, ENOENT);

  auto elsewhere = make_request("directory#0", {"/bin/true"});
  elsewhere.directory = "/nonexistent";
  check(std::move(elsewhere), spawn_step::directory, ENOENT);

  auto limited = make_request("limits#0", {"/bin/true"});
  limited.limits.emplace_back(RLIMIT_CORE, rlimit{10, 5});
  check(std::move(limited), spawn_step::limits, EINVAL);

  auto adjusted = make_request("oom#0", {"/bin/true"});
  adjusted.oom_score_adj = 5000;
  check(std::move(adjusted), spawn_step::oom_score, EINVAL);

  auto file = files.write("no_cgroup", "", 0644);
  auto grouped = make_request("cgroup#0", {"/bin/true"});
  const unique_fd no_cgroup{open(files.path("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  grouped.cgroup_fd = no_cgroup.get();
  check(std::move(grouped), spawn_step::cgroup, ENOENT);

  BOOST_TEST(runtime.greet().slots.empty());
  BOOST_TEST(children_of(keeper.pid()).size() == 1U);
}

BOOST_AUTO_TEST_CASE(an_unprivileged_user_may_not_become_another) {
  if (!is_root()) {
    BOOST_TEST_MESSAGE("skipped: needs root to start as another user first");
    return;
  }
  keeper_process::settings as_nobody;
  as_nobody.before_exec = [] {
    if (setgid(65534) != 0 || setuid(65534) != 0) {
      _exit(1);
    }
  };
  // Its control socket is in a directory of root's; make it reachable for the other user.
  const mode_t before = umask(0);
  keeper_process keeper{as_nobody};
  umask(before);
  auto runtime = keeper.next_greeted();
  const auto check = [&](spawn_request&& request, spawn_step step) {
    const auto failed = failure(runtime, std::move(request));
    BOOST_TEST(to_string(failed.step) == to_string(step));
    BOOST_TEST(failed.error == EPERM);
  };
  auto user = make_request("user#0", {"/bin/true"});
  user.uid = 0;
  check(std::move(user), spawn_step::uid);
  auto group = make_request("group#0", {"/bin/true"});
  group.gid = 0;
  check(std::move(group), spawn_step::gid);
  auto groups = make_request("groups#0", {"/bin/true"});
  groups.groups.emplace();
  check(std::move(groups), spawn_step::groups);
}

BOOST_AUTO_TEST_CASE(commands_are_found_as_execvp_finds_them) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  scratch files;
  mkdir(files.path("one").c_str(), 0755);
  mkdir(files.path("two").c_str(), 0755);
  files.write("one/tool", "#!/bin/sh\necho one\n", 0644);
  files.write("two/tool", "#!/bin/sh\necho two\n", 0755);
  files.write("here", "#!/bin/sh\necho here\n", 0755);
  const auto with_path = [&](const std::string& name, const std::string& command,
                             const std::string& path) {
    auto request = make_request(name, {command});
    request.environment = {"PATH=" + path};
    request.directory = files.path("");
    return request;
  };
  // One that may not be run is passed over, as is a directory that is not there.
  BOOST_TEST(
      output_of(runtime, with_path("a#0", "tool",
                                   "/nonexistent:" + files.path("one") + ":" + files.path("two")))
      == "two\n");
  // An empty part of PATH is the directory the bot starts in.
  BOOST_TEST(output_of(runtime, with_path("b#0", "here", "/nonexistent::/usr/bin")) == "here\n");
  BOOST_TEST(failure(runtime, with_path("c#0", "tool", files.path("one"))).error == EACCES);
  BOOST_TEST(failure(runtime, with_path("d#0", "tool", "/nonexistent")).error == ENOENT);
  auto bare = make_request("e#0", {"echo", "found"});
  bare.environment.clear();
  BOOST_TEST(output_of(runtime, std::move(bare)) == "found\n");
}

BOOST_AUTO_TEST_CASE(a_known_incarnation_is_answered_and_not_started_again) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  auto request = make_request("twice#0", {"sleep", "1000"});
  request.blob = "secret";
  runtime.send(request);
  const pid_t pid = runtime.expect<spawned>("twice#0").pid;

  runtime.send(request);
  const auto known = runtime.expect<slot>("twice#0");
  BOOST_TEST(known.pid == pid);
  BOOST_TEST((known.state == slot_state::alive));
  BOOST_TEST(known.blob == "secret");
  BOOST_TEST(children_of(keeper.pid()).size() == 2U);

  // The next incarnation is another slot.
  BOOST_TEST(runtime.start(make_request("twice#0", {"sleep", "1000"}, 2)) != pid);

  runtime.send(signal_request{{"twice#0", 1}, SIGKILL, signal_scope::main});
  BOOST_TEST(runtime.end_of("twice#0").incarnation == 1U);
  runtime.send(request);
  const auto ended = runtime.expect<slot>("twice#0");
  BOOST_TEST((ended.state == slot_state::exited));
  BOOST_REQUIRE(ended.exit.has_value());
  BOOST_TEST(ended.exit->signal == SIGKILL);
}

BOOST_AUTO_TEST_CASE(requests_of_every_size_arrive_whole) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  std::uint64_t incarnation = 0;
  // Inline, around the border to a memfd, and a memfd of several hundred KiB.
  for (const std::size_t size : {0U, 1U, 30000U, 32700U, 33000U, 100000U}) {
    auto request = make_request("sized#0", {PROBE_BOT, "--count"}, ++incarnation);
    for (int i = 0; i < 5; ++i) {
      request.argv.emplace_back(size, 'x');
    }
    BOOST_TEST(output_of(runtime, std::move(request)) == "5 " + std::to_string(5 * size) + "\n");
  }
}

BOOST_AUTO_TEST_CASE(requests_that_cannot_be_carried_are_answered) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  const auto check = [&](spawn_request&& request, int error) {
    runtime.send(request);
    const auto failed = runtime.expect<spawn_failed>();
    BOOST_TEST(to_string(failed.step) == to_string(spawn_step::request));
    BOOST_TEST(failed.error == error);
  };
  check(make_request("none#0", {}), EINVAL);
  check(make_request("nul#0", {"/bin/echo", std::string{"a\0b", 3}}), EINVAL);
  check(make_request("large#0", {"/bin/echo", std::string(9 * 1024 * 1024, 'x')}), E2BIG);
  check(make_request("many#0", std::vector<std::string>(70000, "x")), E2BIG);
  check(make_request(std::string(301, 'n'), {"/bin/true"}), ENAMETOOLONG);
  auto blob = make_request("blob#0", {"/bin/true"});
  blob.blob.assign(1025, 'b');
  check(std::move(blob), E2BIG);
  auto limits = make_request("limits#0", {"/bin/true"});
  limits.limits.resize(33, {RLIMIT_CORE, rlimit{0, 0}});
  check(std::move(limits), E2BIG);
  BOOST_TEST(runtime.start(make_request(std::string(300, 'n'), {"/bin/true"})) > 0);
}

BOOST_AUTO_TEST_CASE(the_table_is_bounded) {
  keeper_process keeper{{{"--max-slots", "2"}, {}, {}}};
  auto runtime = keeper.next_greeted();
  runtime.start(make_request("a#0", {"sleep", "1000"}));
  runtime.start(make_request("b#0", {"true"}));
  const auto failed = failure(runtime, make_request("c#0", {"true"}));
  BOOST_TEST(to_string(failed.step) == to_string(spawn_step::slots));
  BOOST_TEST(failed.error == ENOSPC);
  runtime.end_of("b#0");
  runtime.send(release_request{{"b#0", 1}});
  BOOST_TEST(runtime.start(make_request("c#0", {"true"})) > 0);
}

BOOST_AUTO_TEST_CASE(no_more_processes_for_a_user_is_told) {
  if (!is_root()) {
    BOOST_TEST_MESSAGE("skipped: needs root to start bots as another user");
    return;
  }
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  const auto limited = [](const std::string& name) {
    auto request = make_request(name, {"sleep", "1000"});
    request.uid = 54321;
    request.gid = 54321;
    request.groups.emplace();
    request.limits.emplace_back(RLIMIT_NPROC, rlimit{1, 1});
    return request;
  };
  runtime.start(limited("first#0"));
  // Kernels differ in whether the one over the limit is the second or the third.
  spawn_failed failed;
  for (int i = 1; i <= 3 && failed.error == 0; ++i) {
    runtime.send(limited("more#" + std::to_string(i)));
    const auto answer = runtime.next([](const keeper_event& e) {
      return std::holds_alternative<spawned>(e) || std::holds_alternative<spawn_failed>(e);
    });
    if (const auto* it = std::get_if<spawn_failed>(&answer)) {
      failed = *it;
    }
  }
  BOOST_TEST(to_string(failed.step) == to_string(spawn_step::exec));
  BOOST_TEST(failed.error == EAGAIN);
  BOOST_TEST(runtime.start(make_request("innocent#0", {"true"})) > 0);
}

BOOST_AUTO_TEST_CASE(a_slow_spawn_holds_up_nobody) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  const spawn_gate gate;
  auto slow = make_request("slow#0", {"sleep", "1000"});
  slow.cgroup_fd = gate.fd();
  runtime.send(slow);
  for (int i = 0; i < 20; ++i) {
    runtime.start(make_request("quick#" + std::to_string(i), {"true"}));
  }
  runtime.send(slow); // asked again meanwhile
  const auto pending = runtime.expect<slot>("slow#0");
  BOOST_TEST((pending.state == slot_state::pending));
  gate.open_once();
  BOOST_TEST(runtime.expect<spawned>("slow#0").pid == pending.pid);
}

BOOST_AUTO_TEST_CASE(a_slow_spawn_can_be_killed) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  const spawn_gate gate;
  for (const auto scope : {signal_scope::main, signal_scope::group}) {
    auto slow = make_request("slow#0", {"sleep", "1000"}, static_cast<std::uint64_t>(scope));
    slow.cgroup_fd = gate.fd();
    runtime.send(slow);
    runtime.send(signal_request{slow, SIGKILL, scope});
    BOOST_TEST(runtime.expect<signalled>("slow#0").error == 0);
    BOOST_TEST(runtime.end_of("slow#0").exit.signal == SIGKILL);
  }
}

BOOST_AUTO_TEST_SUITE_END()
