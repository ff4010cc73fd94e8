#include "runtime/os/cgroup.hpp"
#include "runtime/os/files.hpp"
#include "runtime/os/leftovers.hpp"
#include "test/unit/os/temporary.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <functional>
#include <grp.h>
#include <iostream>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace troupe;
using namespace troupe::os;
namespace fs = std::filesystem;

namespace {

struct sleeper {
  // A process with this TROUPE_BOT_DIR in its environment, in a cgroup if one is given, after
  // `prepare`.
  explicit sleeper(
      const std::string& bot_directory, int cgroup = -1,
      const std::function<void()>& prepare = [] {}) {
    int ready[2];
    BOOST_REQUIRE(::pipe(ready) == 0);
    const auto variable = "TROUPE_BOT_DIR=" + bot_directory;
    pid = ::fork();
    if (pid == 0) {
      if (cgroup >= 0)
        write_file(cgroup, "cgroup.procs", "0");
      prepare();
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

BOOST_AUTO_TEST_CASE(another_directory_at_the_same_path_is_not_ours) {
  bool possible = false;
  int told[2];
  BOOST_REQUIRE(::pipe2(told, O_CLOEXEC) == 0);
  const sleeper contained{path + "/bots/a.0", -1, [&] {
                            possible =
                                ::unshare(CLONE_NEWNS) == 0
                                && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0
                                && ::mount("none", path.c_str(), "tmpfs", 0, nullptr) == 0;
                            static_cast<void>(::write(told[1], &possible, 1) == 1);
                          }};
  BOOST_REQUIRE(::read(told[0], &possible, 1) == 1);
  ::close(told[0]);
  ::close(told[1]);
  if (!possible) {
    std::cout << "skipped: no right to mount\n";
    return;
  }
  // Its own view of the mounts alone makes nobody a stranger.
  sleeper apart{path + "/bots/a.0", -1, [] { ::unshare(CLONE_NEWNS); }};
  BOOST_TEST(end_leftovers(path).ended == 1u);
  BOOST_TEST(WTERMSIG(apart.wait()) == SIGKILL);
  BOOST_TEST(contained.alive());
}

BOOST_AUTO_TEST_CASE(root_without_the_right_to_trace_sees_other_users) {
  if (::geteuid() != 0) {
    std::cout << "skipped: only root has bots of others\n";
    return;
  }
  fs::permissions(path, fs::perms{0711});
  sleeper other{path + "/bots/a.0", -1, [] {
                  static_cast<void>(::setgroups(0, nullptr) == 0 && ::setgid(65534) == 0
                                    && ::setuid(65534) == 0);
                }};
  const auto child = ::fork();
  if (child == 0) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct sets[2]{};
    ::syscall(SYS_capget, &header, sets);
    // The last two imply the right to read on new kernels.
    for (const auto right : {CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_PERFMON}) {
      sets[right / 32].effective &= ~(1u << right % 32);
      sets[right / 32].permitted &= ~(1u << right % 32);
    }
    ::syscall(SYS_capset, &header, sets);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool denied = !read_file("/proc/" + std::to_string(other.pid) + "/environ");
    const bool ended = end_leftovers(path).ended == 1;
    int death_signal = 0;
    ::prctl(PR_GET_PDEATHSIG, &death_signal);
    const bool unchanged = ::setfsuid(static_cast<uid_t>(-1)) == 0 && ::prctl(PR_GET_DUMPABLE) == 1
                           && death_signal == SIGKILL;
    ::_exit((denied ? 0 : 1) | (ended ? 0 : 2) | (unchanged ? 0 : 4));
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  BOOST_TEST(WEXITSTATUS(status) == 0);
  BOOST_TEST(WTERMSIG(other.wait()) == SIGKILL);
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
