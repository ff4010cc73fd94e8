#include "runtime/os/cgroup.hpp"
#include "runtime/os/files.hpp"
#include "runtime/os/leftovers.hpp"
#include "test/unit/os/temporary.hpp"

#include <boost/test/unit_test.hpp>

#include <iostream>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace troupe;
using namespace troupe::os;

namespace {

struct sleeper {
  // A process with this TROUPE_BOT_DIR in its environment, in a cgroup if one is given.
  explicit sleeper(const std::string& bot_directory, int cgroup = -1) {
    int ready[2];
    BOOST_REQUIRE(::pipe(ready) == 0);
    const auto variable = "TROUPE_BOT_DIR=" + bot_directory;
    pid = ::fork();
    if (pid == 0) {
      if (cgroup >= 0)
        write_file(cgroup, "cgroup.procs", "0");
      const char* arguments[] = {"/bin/sh", "-c", "echo x; exec sleep 1000", nullptr};
      const char* environment[] = {variable.c_str(), "PATH=/usr/bin:/bin", nullptr};
      ::dup2(ready[1], 1);
      ::execve(arguments[0], const_cast<char**>(arguments), const_cast<char**>(environment));
      ::_exit(127);
    }
    char byte = 0;
    BOOST_REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~sleeper() {
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }
  sleeper(const sleeper&) = delete;
  sleeper& operator=(const sleeper&) = delete;

  int wait() {
    int status = 0;
    ::waitpid(pid, &status, 0);
    pid = 0;
    return status;
  }
  bool alive() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0
           && info.si_pid == 0;
  }

  pid_t pid = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(leftovers_suite, test::temporary)

BOOST_AUTO_TEST_CASE(nothing_left_is_nothing_done) {
  const auto result = end_leftovers(path);
  BOOST_TEST(result.ended == 0u);
  BOOST_TEST(result.alive == 0u);
}

BOOST_AUTO_TEST_CASE(marked_processes_end_and_others_live) {
  sleeper ours{path + "/bots/a.0"};
  sleeper also{path + "/bots/market/b.3"};
  const sleeper neighbour{path + "2/bots/a.0"};
  const sleeper deeper{"/x" + path + "/bots/a.0"};
  const auto result = end_leftovers(path);
  BOOST_TEST(result.ended == 2u);
  BOOST_TEST(result.alive == 0u);
  BOOST_TEST(WTERMSIG(ours.wait()) == SIGKILL);
  BOOST_TEST(WTERMSIG(also.wait()) == SIGKILL);
  BOOST_TEST(neighbour.alive());
  BOOST_TEST(deeper.alive());
}

BOOST_AUTO_TEST_CASE(the_remembered_cgroup_ends) {
  const auto tree = cgroup_tree::of_this_process("troupe-left-" + std::to_string(::getpid()), {});
  if (!tree.usable()) {
    std::cout << "skipped: " << tree.report() << '\n';
    BOOST_TEST(!tree.report().empty());
    return;
  }
  const auto group = tree.create("a#0", 1, {});
  BOOST_REQUIRE(group.has_value());
  // Without a mark: the cgroup alone gives it away.
  sleeper unmarked{"", group->fd()};
  BOOST_TEST(remember_cgroup(path, tree.path()) == "");
  const auto result = end_leftovers(path);
  BOOST_TEST(result.ended == 1u);
  BOOST_TEST(result.alive == 0u);
  BOOST_TEST(WTERMSIG(unmarked.wait()) == SIGKILL);
  BOOST_TEST(!std::filesystem::exists(tree.path()));
}

BOOST_AUTO_TEST_CASE(no_other_cgroup_is_ever_touched) {
  const auto victim = path + "/user.slice";
  std::filesystem::create_directories(victim);
  for (const auto* file : {"/cgroup.events", "/cgroup.kill", "/cgroup.procs"})
    test::put(victim + file, "");
  test::put(victim + "/cgroup.events", "populated 1\n");
  BOOST_TEST(remember_cgroup(path, victim) == "");
  BOOST_TEST(end_leftovers(path, std::chrono::milliseconds{50}).ended == 0u);
  BOOST_TEST(test::get(victim + "/cgroup.kill") == "");
  BOOST_TEST(remember_cgroup(path, "relative/troupe-x") == "");
  BOOST_TEST(end_leftovers(path).ended == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
