// What `troupe doctor` says of hosts that are as bad as they can be.

#include "runtime/doctor/checks.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <set>

using namespace troupe::doctor;

namespace {

constexpr std::uint64_t gib = 1ull << 30;

/// A host on which nothing is to be said against a fleet.
host_facts good_host() {
  host_facts x;
  x.uid = 0;
  x.version = "1.2.3";
  x.open_files = {1024, 1048576};
  x.processes = {100000, 100000};
  x.core = {0, unlimited};
  x.core_pattern = "core";
  x.pid_max = 4194304;
  x.threads_max = 200000;
  x.inotify_watches = 65536;
  x.inotify_instances = 512;
  x.overcommit = 0;
  x.memory_total = 16 * gib;
  x.memory_available = 8 * gib;
  x.swap_total = gib;
  for (const char* call :
       {"pidfd_open", "clone3", "close_range", "PR_SET_CHILD_SUBREAPER", "memfd sealing"})
    x.calls[call] = 0;
  x.groups.mounted = x.groups.shows_own = x.groups.kill = x.groups.freeze = true;
  x.groups.mount = "/sys/fs/cgroup";
  x.groups.own = "/sys/fs/cgroup/system.slice/troupe.service";
  x.groups.controllers = {"cpu", "memory", "pids"};
  x.clock = {2'000'000'000, 1'900'000'000, true, true, true};
  x.state = {"/var/lib/troupe", 0, true, 0, 0711};
  x.state_disk = {"/var/lib/troupe", "ext4",    0,         false, 10 * gib,
                  20 * gib,          1'000'000, 2'000'000, true,  ""};
  auto& tree = x.tree.emplace();
  tree.at = {"/etc/troupe/fleet", 0, true, 0, 0755};
  tree.instances = 10;
  tree.secrets = place{"/etc/troupe/fleet/secrets", 0, true, 0, 0700};
  x.companions = {{"troupe-keeper", "/k", "1.2.3"}, {"troupe-runtime", "/r", "1.2.3"}};
  x.service.systemd = true;
  x.service.of_unit = {{"LoadState", "loaded"},
                       {"ActiveState", "active"},
                       {"Delegate", "yes"},
                       {"KillMode", "mixed"}};
  x.runtime.asked = x.runtime.answers = true;
  x.runtime.version = "1.2.3";
  return x;
}

const finding* find(const std::vector<finding>& all, const std::string& id) {
  const auto found = std::ranges::find(all, id, &finding::id);
  return found == all.end() ? nullptr : &*found;
}

/// Makes a good host bad in one way, which must be found by that check and no other.
void bad(const std::string& id, level expected, const std::function<void(host_facts&)>& spoil,
         const std::string& said = "") {
  BOOST_TEST_CONTEXT(id) {
    auto host = good_host();
    spoil(host);
    const auto all = examine(host);
    const auto* found = find(all, id);
    BOOST_REQUIRE(found);
    BOOST_TEST(to_string(found->level) == to_string(expected), found->what);
    BOOST_TEST(!found->todo.empty());
    BOOST_TEST((found->what + found->meaning + found->todo).find(said) != std::string::npos,
               found->what + " / " + found->meaning + " / " + found->todo);
    for (const auto& other : all)
      if (other.id != id)
        BOOST_TEST(to_string(other.level) == "ok", other.id + ": " + other.what);
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(checks_of_a_host)

BOOST_AUTO_TEST_CASE(a_good_host_has_no_findings_but_good_ones) {
  std::set<std::string> ids;
  for (const auto& one : examine(good_host())) {
    BOOST_TEST(to_string(one.level) == "ok", one.id + ": " + one.what);
    BOOST_TEST(ids.insert(one.id).second, one.id);
    BOOST_TEST(!one.what.empty(), one.id);
    BOOST_TEST(one.meaning.ends_with('.'), one.id);
    BOOST_TEST(one.todo.empty(), one.id);
  }
  BOOST_TEST(ids.size() == 32u);
}

BOOST_AUTO_TEST_CASE(limits_that_are_too_low) {
  bad(
      "limits.open_files", level::problem,
      [](auto& x) {
        x.open_files = {256, 256};
      },
      "LimitNOFILE");
  bad("limits.open_files", level::problem, [](auto& x) {
    x.open_files = {1024, 4096};
    x.tree->instances = 2000;
  });
  bad("limits.processes", level::warning, [](auto& x) {
    x.uid = x.state.owner = 1000;
    x.processes = {50, 50};
  });
  bad("limits.core", level::warning, [](auto& x) { x.core = {unlimited, unlimited}; });
  bad(
      "limits.pids", level::warning, [](auto& x) { x.pid_max = 2048; }, "kernel.pid_max");
  bad("limits.pids", level::warning, [](auto& x) { x.threads_max = 1000; });
  bad(
      "limits.tasks", level::warning, [](auto& x) { x.groups.most_tasks = 20; }, "TasksMax");
  bad("limits.inotify", level::warning, [](auto& x) { x.inotify_instances = 8; });
}

BOOST_AUTO_TEST_CASE(memory_that_is_short) {
  bad("memory.available", level::warning,
      [](auto& x) { x.memory_available = x.memory_total / 50; });
  bad("memory.overcommit", level::warning, [](auto& x) { x.overcommit = 2; });
  bad("memory.oom", level::warning, [](auto& x) { x.panic_on_oom = true; });
  bad("memory.oom", level::warning, [](auto& x) { x.oom_score_adj = 300; });
}

BOOST_AUTO_TEST_CASE(a_kernel_that_lacks_something) {
  for (const auto* call : {"pidfd_open", "clone3", "close_range"})
    bad(
        std::string{"kernel."} + call, level::warning, [call](auto& x) { x.calls[call] = ENOSYS; },
        "Function not implemented");
  bad("kernel.subreaper", level::problem,
      [](auto& x) { x.calls["PR_SET_CHILD_SUBREAPER"] = EINVAL; });
  bad("kernel.memfd_sealing", level::problem, [](auto& x) { x.calls["memfd sealing"] = EPERM; });
  bad("kernel.memfd_sealing", level::problem, [](auto& x) { x.calls.erase("memfd sealing"); });
  bad("kernel.entropy", level::problem, [](auto& x) { x.getrandom_error = EAGAIN; });
  bad("kernel.hidepid", level::warning, [](auto& x) {
    x.uid = x.state.owner = 1000;
    x.hidepid = "2";
  });
}

BOOST_AUTO_TEST_CASE(clocks_that_are_wrong) {
  bad("clock.set", level::warning, [](auto& x) { x.clock.synchronised = false; });
  bad("clock.set", level::problem, [](auto& x) { x.clock.now = 0; });
  bad("clock.runs", level::problem, [](auto& x) { x.clock.advances = false; });
}

BOOST_AUTO_TEST_CASE(control_groups_that_cannot_be_used) {
  bad("cgroup.mounted", level::warning, [](auto& x) { x.groups = {}; });
  bad("cgroup.mounted", level::warning, [](auto& x) { x.groups.shows_own = false; });
  bad(
      "cgroup.mounted", level::warning, [](auto& x) { x.groups.make_error = EACCES; },
      "Permission denied");
  bad(
      "cgroup.controllers", level::warning, [](auto& x) { x.groups.controllers = {"pids"}; },
      "missing: cpu, memory");
  bad("cgroup.kill", level::warning, [](auto& x) { x.groups.kill = false; });
  bad("cgroup.freeze", level::warning, [](auto& x) { x.groups.freeze = false; });
  // Where there is no group, what is in it is not told.
  auto host = good_host();
  host.groups = {};
  BOOST_TEST(!find(examine(host), "cgroup.kill"));
}

BOOST_AUTO_TEST_CASE(a_state_directory_that_is_refused) {
  const auto problem = [](const std::function<void(host_facts&)>& spoil, const std::string& said) {
    bad("state.directory", level::problem, spoil, said);
  };
  problem([](auto& x) { x.state.owner = 33; }, "uid 33");
  problem([](auto& x) { x.state.mode = 0777; }, "0777");
  problem([](auto& x) { x.state.directory = false; }, "no directory");
  problem([](auto& x) { x.state.error = EACCES; }, "Permission denied");
  problem([](auto& x) { x.state.path = "/" + std::string(90, 'x'); }, "at most 80");
  bad(
      "state.directory", level::warning, [](auto& x) { x.state.mode = 0700; }, "0711");
  auto host = good_host();
  host.state_error = "no HOME";
  const auto all = examine(host);
  BOOST_TEST(to_string(find(all, "state.directory")->level) == "problem");
  BOOST_TEST(!find(all, "state.space"));
  host = good_host();
  host.state.error = ENOENT;
  BOOST_TEST(to_string(find(examine(host), "state.directory")->level) == "ok");
}

BOOST_AUTO_TEST_CASE(a_disk_that_is_full_or_of_the_wrong_kind) {
  bad("state.space", level::warning, [](auto& x) { x.state_disk.free_bytes = 100 << 20; });
  bad("state.space", level::problem, [](auto& x) { x.state_disk.free_bytes = 1 << 20; });
  bad("state.inodes", level::warning, [](auto& x) { x.state_disk.free_inodes = 5000; });
  bad("state.inodes", level::problem, [](auto& x) { x.state_disk.free_inodes = 3; });
  for (const auto* type : {"nfs", "cifs", "9p"})
    bad(
        "state.filesystem", level::problem, [type](auto& x) { x.state_disk.type = type; }, type);
  for (const auto* type : {"tmpfs", "overlay", "fuse"})
    bad(
        "state.filesystem", level::warning, [type](auto& x) { x.state_disk.type = type; }, type);
  bad("state.filesystem", level::problem, [](auto& x) { x.state_disk.read_only = true; });
  bad(
      "state.filesystem", level::problem,
      [](auto& x) { x.state_disk.fails = "rename: Input/output error"; }, "rename: Input");
}

BOOST_AUTO_TEST_CASE(a_tree_that_is_open_to_others) {
  bad(
      "tree.directory", level::problem, [](auto& x) { x.tree->at.mode = 0775; }, "chmod go-w");
  bad("tree.directory", level::warning, [](auto& x) { x.tree->at.owner = 1000; });
  bad("tree.directory", level::problem, [](auto& x) { x.tree->at.error = EACCES; });
  bad(
      "tree.valid", level::problem,
      [](auto& x) {
        x.tree->errors = 2;
        x.tree->first_error = "a.json: bad";
      },
      "2 errors, first a.json: bad");
  bad("tree.valid", level::warning, [](auto& x) { x.tree->warnings = 1; });
  bad(
      "tree.secrets", level::problem,
      [](auto& x) {
        x.tree->open_secrets = {"a", "b", "c", "d"};
      },
      "a, b, c and 1 more");
  bad("tree.secrets", level::problem, [](auto& x) { x.tree->foreign_secrets = {"key"}; });
  bad("tree.secrets", level::warning, [](auto& x) { x.tree->secrets->mode = 0755; });
  bad("tree.secrets", level::problem, [](auto& x) { x.tree->secrets->error = EACCES; });
}

BOOST_AUTO_TEST_CASE(an_installation_that_does_not_fit_together) {
  bad(
      "install.programs", level::problem, [](auto& x) { x.companions[0].path = ""; },
      "troupe-keeper is not found");
  bad(
      "install.programs", level::problem, [](auto& x) { x.companions[1].version = "1.2.2"; },
      "1.2.2");
  bad(
      "install.programs", level::problem, [](auto& x) { x.companions[1].version = ""; },
      "does not run");
  bad("systemd.unit", level::problem, [](auto& x) { x.service.of_unit["Delegate"] = "no"; });
  bad("systemd.unit", level::warning,
      [](auto& x) { x.service.of_unit["KillMode"] = "control-group"; });
  bad(
      "fleet.runtime", level::problem,
      [](auto& x) {
        x.runtime.answers = false;
        x.runtime.trouble = "silence";
      },
      "silence");
  bad("fleet.runtime", level::warning, [](auto& x) { x.runtime.version = "1.0.0"; });
}

BOOST_AUTO_TEST_SUITE_END()
