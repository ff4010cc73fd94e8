#include "runtime/os/cgroup.hpp"
#include "runtime/os/files.hpp"
#include "test/unit/os/temporary.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <fcntl.h>
#include <iostream>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace troupe;
using namespace troupe::os;
using troupe::test::get;
using troupe::test::put;
namespace fs = std::filesystem;

namespace {

// A plain directory with the files that a kernel would make.
struct fake_tree : test::temporary {
  explicit fake_tree(const std::string& controllers = "cpuset cpu io memory hugetlb pids rdma\n") {
    fs::create_directories(path + "/a.slice/b.service");
    for (const auto* base : {"", "/a.slice/b.service"}) {
      put(path + base + "/cgroup.controllers", controllers);
      put(path + base + "/cgroup.subtree_control", "");
      make_files(path + base + "/troupe-x");
      put(path + base + "/troupe-x/cgroup.subtree_control", "");
    }
  }

  // mkdir makes no files here, so they are there before.
  static void make_files(const std::string& directory) {
    fs::create_directories(directory);
    for (const auto* file :
         {"memory.max", "memory.high", "memory.oom.group", "pids.max", "cpu.weight", "cpu.max",
          "cgroup.kill", "cgroup.freeze", "cgroup.procs"})
      put(directory + '/' + file, "");
  }

  cgroup_tree open(const std::string& own) const {
    return cgroup_tree{{path, own, "troupe-x", {}}};
  }
};

std::optional<cgroup_mount> first_mount(std::string_view mountinfo) {
  const auto all = cgroup2_mounts(mountinfo);
  return all.empty() ? std::nullopt : std::optional{all.front()};
}

} // namespace

BOOST_AUTO_TEST_SUITE(cgroup_suite)

BOOST_AUTO_TEST_CASE(cgroup2_is_found_wherever_it_is_mounted) {
  // A current systemd machine.
  BOOST_TEST((first_mount("25 30 0:23 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
                          "35 25 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 -"
                          " cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n")
              == cgroup_mount{"/sys/fs/cgroup", "/"}));
  // A hybrid one.
  BOOST_TEST((first_mount("31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
                          "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
                          "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n")
              == cgroup_mount{"/sys/fs/cgroup/unified", "/"}));
  // A container without a namespace of its own sees a part, and a name with a space.
  BOOST_TEST((first_mount("812 810 0:27 /docker/3f2a /mnt/my\\040groups ro,nosuid master:11 -"
                          " cgroup2 cgroup rw\n")
              == cgroup_mount{"/mnt/my groups", "/docker/3f2a"}));
  // No optional fields, several of them, no newline at the end.
  BOOST_TEST((first_mount("1 2 0:3 / /c rw shared:1 master:2 propagate_from:3 - cgroup2 none rw")
              == cgroup_mount{"/c", "/"}));
  // None, only v1, nonsense.
  BOOST_TEST(!first_mount(""));
  BOOST_TEST(!first_mount("39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"));
  BOOST_TEST(!first_mount(" - cgroup2 \n - \n\n"));
}

BOOST_AUTO_TEST_CASE(only_a_mount_that_shows_a_group_is_used_for_it) {
  const auto all = cgroup2_mounts("1 2 0:3 /../.. /host rw - cgroup2 none rw\n"
                                  "4 5 0:3 / /own rw - cgroup2 none rw\n");
  BOOST_REQUIRE(all.size() == 2u);
  BOOST_TEST(all[1].path == "/own");
  // A namespace of its own with the host's mount: that shows our ancestors, under other names.
  BOOST_TEST(!shown_by(all[0], "/").has_value());
  BOOST_TEST(!shown_by(all[0], "/a").has_value());
  BOOST_TEST(*shown_by(all[1], "/") == "/");
  BOOST_TEST(*shown_by(all[1], "/a/b") == "/a/b");
  BOOST_TEST(!shown_by(all[1], "/../other").has_value());
  const cgroup_mount part{"/c", "/docker/3f2a"};
  BOOST_TEST(*shown_by(part, "/docker/3f2a") == "/");
  BOOST_TEST(*shown_by(part, "/docker/3f2a/x") == "/x");
  BOOST_TEST(!shown_by(part, "/docker/3f2ab").has_value());
  BOOST_TEST(!shown_by(part, "/docker/3f2a/../y").has_value());
  BOOST_TEST(!shown_by(part, "/").has_value());
}

BOOST_AUTO_TEST_CASE(the_own_group_is_found) {
  BOOST_TEST(*own_cgroup("0::/user.slice/session-1.scope\n") == "/user.slice/session-1.scope");
  BOOST_TEST(*own_cgroup("9:name=systemd:/\n8:pids:/x\n0::/\n") == "/");
  BOOST_TEST(!own_cgroup("9:name=systemd:/\n"));
  BOOST_TEST(!own_cgroup(""));
}

BOOST_AUTO_TEST_CASE(controllers_are_enabled_and_limits_written) {
  const fake_tree fake;
  const auto tree = fake.open("/a.slice/b.service");
  BOOST_REQUIRE(tree.usable());
  for (const auto* name : {"cpu", "memory", "pids"})
    BOOST_TEST(tree.has(name));
  BOOST_TEST(!tree.has("io"));
  BOOST_TEST(tree.report().find("missing") == std::string::npos);
  const auto base = fake.path + "/a.slice/b.service/troupe-x";
  BOOST_TEST(tree.path() == base);
  const auto child = base + "/market:trader#0@7";
  fake_tree::make_files(child);
  config::limits_spec limits;
  limits.memory = 64 << 20;
  limits.memory_high = 48 << 20;
  limits.tasks = 20;
  limits.cpu_weight = 50;
  limits.cpu = 1.5;
  const auto group = tree.create("market/trader#0", 7, limits);
  BOOST_REQUIRE(group.has_value());
  BOOST_TEST(get(child + "/memory.max") == "67108864");
  BOOST_TEST(get(child + "/memory.high") == "50331648");
  BOOST_TEST(get(child + "/memory.oom.group") == "1");
  BOOST_TEST(get(child + "/pids.max") == "20");
  BOOST_TEST(get(child + "/cpu.weight") == "50");
  BOOST_TEST(get(child + "/cpu.max") == "150000 100000");
  BOOST_TEST(group->kill() == 0);
  BOOST_TEST(get(child + "/cgroup.kill") == "1");
  BOOST_TEST(group->freeze(true) == 0);
  BOOST_TEST(get(child + "/cgroup.freeze") == "1");
}

BOOST_AUTO_TEST_CASE(limits_are_changed_and_taken_back) {
  const fake_tree fake;
  const auto tree = fake.open("/");
  const auto child = fake.path + "/troupe-x/a#0@1";
  fake_tree::make_files(child);
  config::limits_spec before;
  before.memory = 64 << 20;
  before.tasks = 20;
  before.cpu = 1.5;
  const auto group = tree.create("a#0", 1, before);
  BOOST_REQUIRE(group.has_value());
  test::put(child + "/pids.max", "untouched");
  config::limits_spec now;
  now.memory = 32 << 20;
  now.tasks = 20;
  BOOST_TEST(tree.adjust(*group, &before, now).empty());
  BOOST_TEST(get(child + "/memory.max").starts_with("33554432"));
  BOOST_TEST(get(child + "/cpu.max").starts_with("max 100000"));
  BOOST_TEST(get(child + "/pids.max") == "untouched");
  fs::remove(child + "/memory.high");
  now.memory_high = 1 << 20;
  const auto problems = tree.adjust(*group, nullptr, now);
  BOOST_REQUIRE(problems.size() == 1u);
  BOOST_TEST(problems.front().first == "memory_high");
  BOOST_TEST(problems.front().second.find("memory.high: No such file") != std::string::npos);
  BOOST_TEST(get(child + "/pids.max").starts_with("20"));
}

BOOST_AUTO_TEST_CASE(without_limits_nothing_is_written_but_oom_group) {
  const fake_tree fake;
  const auto tree = fake.open("/");
  const auto child = fake.path + "/troupe-x/a#0@1";
  fake_tree::make_files(child);
  BOOST_TEST(tree.create("a#0", 1, {}).has_value());
  BOOST_TEST(get(child + "/memory.max") == "");
  BOOST_TEST(get(child + "/pids.max") == "");
  BOOST_TEST(get(child + "/memory.oom.group") == "1");
}

BOOST_AUTO_TEST_CASE(a_limit_that_cannot_be_set_is_an_error_that_names_the_file) {
  const fake_tree fake;
  const auto tree = fake.open("/");
  fs::create_directories(fake.path + "/troupe-x/a#0@1");
  config::limits_spec limits;
  limits.tasks = 20;
  const auto group = tree.create("a#0", 1, limits);
  BOOST_REQUIRE(!group.has_value());
  BOOST_TEST(group.error().find("/troupe-x/a#0@1/pids.max: No such file") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(missing_controllers_are_said) {
  const fake_tree none{"\n"};
  const auto tree = none.open("/");
  BOOST_REQUIRE(tree.usable());
  BOOST_TEST(!tree.has("memory"));
  BOOST_TEST(tree.report().find("missing controllers: cpu, memory, pids") != std::string::npos);
  config::limits_spec limits;
  limits.memory = 1;
  BOOST_TEST(tree.create("a#0", 1, limits).has_value());
  const fake_tree some{"memory pids\n"};
  BOOST_TEST(some.open("/").report().find("missing controllers: cpu ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_runtime_started_again_in_the_leaf_uses_the_same_tree) {
  const fake_tree fake;
  fs::create_directories(fake.path + "/a.slice/b.service/troupe-x.runtime");
  const auto tree = fake.open("/a.slice/b.service/troupe-x.runtime");
  BOOST_TEST(tree.path() == fake.path + "/a.slice/b.service/troupe-x");
}

BOOST_AUTO_TEST_CASE(no_write_access_is_no_cgroups) {
  const cgroup_tree tree{{"/proc/self", "/", "troupe-x", {}}};
  BOOST_TEST(!tree.usable());
  BOOST_TEST(tree.report().find("no cgroups: mkdir /proc/self/troupe-x: ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_the_kernel_tells_is_read) {
  const test::temporary directory;
  const cgroup group{unique_fd{::open(directory.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)}};
  BOOST_TEST(!group.populated());
  BOOST_TEST(!group.cpu_time());
  BOOST_TEST(!group.memory());
  BOOST_TEST(!group.out_of_memory());
  BOOST_TEST(group.kill() == ENOENT);
  const auto file = [&](const char* name) { return directory.path + '/' + name; };
  put(file("cgroup.events"), "populated 1\nfrozen 0\n");
  put(file("cpu.stat"), "usage_usec 1234\nuser_usec 1000\nsystem_usec 234\n");
  put(file("memory.current"), "5678\n");
  put(file("memory.events"), "low 0\nhigh 3\nmax 9\noom 1\noom_kill 1\noom_group_kill 0\n");
  put(file("cgroup.procs"), "12\n34\n");
  fs::create_directory(file("sub"));
  put(file("sub/cgroup.procs"), "56\n");
  BOOST_TEST(group.populated());
  BOOST_TEST(*group.cpu_time() == 1234u);
  BOOST_TEST(*group.memory() == 5678u);
  BOOST_TEST(group.out_of_memory());
  BOOST_TEST((*group.processes() == std::vector<pid_t>{12, 34, 56}));
  put(file("cgroup.events"), "populated 0\n");
  put(file("memory.events"), "oom 1\noom_kill 0\n");
  BOOST_TEST(!group.populated());
  BOOST_TEST(!group.out_of_memory());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_not_empty) {
  const test::temporary directory;
  const cgroup group{unique_fd{::open(directory.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)}};
  put(directory.path + "/cgroup.events", "frozen 0\n");
  BOOST_TEST(group.populated());
  for (const auto* name : {"/cgroup.events", "/cgroup.procs"}) {
    fs::remove(directory.path + name);
    fs::create_directory(directory.path + name); // opens, and gives EISDIR
  }
  BOOST_TEST(group.populated());
  BOOST_TEST(!group.processes().has_value());
}

BOOST_AUTO_TEST_CASE(a_signal_reaches_all_that_are_listed_but_the_spared) {
  const test::temporary directory;
  const cgroup group{unique_fd{::open(directory.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)}};
  fs::create_directory(directory.path + "/sub");
  pid_t children[3];
  for (auto& child : children) {
    child = ::fork();
    if (child == 0)
      for (;;)
        ::pause();
  }
  const auto has_gone = [](pid_t child) {
    siginfo_t info{};
    BOOST_REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT)
                  == 0);
    return info.si_pid == child;
  };
  const auto gone_pid = ::fork();
  if (gone_pid == 0)
    ::_exit(0);
  ::waitpid(gone_pid, nullptr, 0);
  put(directory.path + "/cgroup.procs", std::to_string(children[0]) + '\n'
                                            + std::to_string(gone_pid) + '\n'
                                            + std::to_string(children[1]) + '\n');
  put(directory.path + "/sub/cgroup.procs", std::to_string(children[2]) + '\n');
  BOOST_TEST(group.signal(SIGKILL, children[0]) == 0);
  ::waitpid(children[1], nullptr, 0);
  ::waitpid(children[2], nullptr, 0);
  BOOST_TEST(!has_gone(children[0]));
  BOOST_TEST(group.signal(SIGKILL) == 0);
  ::waitpid(children[0], nullptr, 0);
}

BOOST_AUTO_TEST_CASE(names_of_incarnations_never_meet) {
  BOOST_TEST(cgroup_tree::child_name("market/trader#0", 7) == "market:trader#0@7");
  BOOST_TEST(cgroup_tree::child_name("a.b#0", 1) != cgroup_tree::child_name("a/b#0", 1));
}

// With the real one, where there is one that may be written to.
BOOST_AUTO_TEST_CASE(a_real_group_kills_freezes_and_goes) {
  const auto name = "troupe-test-" + std::to_string(::getpid());
  auto tree = cgroup_tree::of_this_process(name, {});
  if (!tree.usable()) {
    std::cout << "skipped: " << tree.report() << '\n';
    BOOST_TEST(!tree.report().empty());
    return;
  }
  std::cout << tree.report() << '\n';
  const auto group = tree.create("a#0", 1, {});
  BOOST_REQUIRE(group.has_value());
  BOOST_TEST(!group->populated());
  int ready[2];
  BOOST_REQUIRE(::pipe(ready) == 0);
  const auto child = ::fork();
  if (child == 0) {
    // Two processes in a group below: neither may survive.
    write_file(group->fd(), "cgroup.procs", "0");
    ::fork();
    static_cast<void>(::write(ready[1], "x", 1) == 1);
    for (;;)
      ::pause();
  }
  char byte = 0;
  BOOST_REQUIRE(::read(ready[0], &byte, 1) == 1);
  BOOST_REQUIRE(::read(ready[0], &byte, 1) == 1);
  BOOST_TEST(group->populated());
  BOOST_TEST(group->processes()->size() == 2u);
  BOOST_TEST(group->cpu_time().has_value());
  BOOST_TEST(tree.remove("a#0", 1) == EBUSY);
  BOOST_TEST(group->freeze(true) == 0);
  BOOST_TEST(group->freeze(false) == 0);
  BOOST_TEST(group->kill() == 0);
  // A zombie, which the keeper would pin, must not count as left over.
  siginfo_t info{};
  BOOST_REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  // The grandchild dies on its own time.
  for (int i = 0; i < 1000 && group->populated(); ++i)
    ::poll(nullptr, 0, 1);
  BOOST_TEST(!group->populated());
  BOOST_TEST(tree.remove("a#0", 1) == 0);
  ::waitpid(child, nullptr, 0);
  BOOST_TEST(tree.children().empty());
  ::close(ready[0]);
  ::close(ready[1]);
  kill_and_remove_tree(tree.path(), 1000);
  BOOST_TEST(!fs::exists(tree.path()));
}

BOOST_AUTO_TEST_SUITE_END()
