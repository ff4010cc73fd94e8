// Control groups.

#include "runtime/doctor/checks.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace troupe::doctor {

namespace {

bool has_groups(const host_facts& host) {
  return host.groups.mounted && host.groups.shows_own && host.groups.make_error == 0;
}

finding mounted(const host_facts& host) {
  const auto& groups = host.groups;
  constexpr const char* meaning =
      "Bots run without control groups: strays are found by looking, and limits of memory, tasks "
      "and CPU are not enforced.";
  if (!groups.mounted)
    return warn("no cgroup2 is mounted", meaning,
                "mount -t cgroup2 none /sys/fs/cgroup, or boot with "
                "systemd.unified_cgroup_hierarchy=1");
  if (!groups.shows_own)
    return warn("cgroup2 at " + groups.mount + " does not show our own group", meaning,
                "in a container: give it a cgroup namespace of its own (--cgroupns=private)");
  if (groups.make_error != 0)
    return warn("no group can be made in " + groups.own + ": " + std::strerror(groups.make_error),
                meaning,
                "run as root, or from a unit with Delegate=yes; by hand: systemd-run --user "
                "--scope -p Delegate=yes troupe run TREE");
  return fine("cgroup2 at " + groups.mount + ", groups can be made in " + groups.own,
              "Every bot gets a group of its own, from which nothing escapes.");
}

finding controllers(const host_facts& host) {
  constexpr std::array wanted{"cpu", "memory", "pids"};
  std::string there;
  std::string missing;
  for (const auto* name : wanted) {
    auto& to = std::ranges::count(host.groups.controllers, name) > 0 ? there : missing;
    to += (to.empty() ? "" : ", ") + std::string{name};
  }
  if (missing.empty())
    return fine("controllers: " + there, "All limits of the config tree can be enforced.");
  return warn("controllers: " + (there.empty() ? "none" : there) + "; missing: " + missing,
              "Limits that need " + missing + " are not enforced.",
              "run from a unit with Delegate=yes; on a host with cgroup v1 controllers boot with "
              "systemd.unified_cgroup_hierarchy=1");
}

finding kill(const host_facts& host) {
  if (host.groups.kill)
    return fine("cgroup.kill is there", "A whole bot is killed at once, a fork bomb too.");
  return warn("there is no cgroup.kill", "Processes are killed one by one, in rounds.",
              "use Linux 5.14 or newer");
}

finding freeze(const host_facts& host) {
  if (host.groups.freeze)
    return fine("cgroup.freeze is there", "`troupe pause` stops all of a bot at once.");
  return warn("there is no cgroup.freeze", "`troupe pause` sends SIGSTOP, which a bot can see.",
              "use Linux 5.2 or newer");
}

constexpr check table[] = {
    {"cgroup.mounted", mounted},
    {"cgroup.controllers", controllers, has_groups},
    {"cgroup.kill", kill, has_groups},
    {"cgroup.freeze", freeze, has_groups},
};

} // namespace

std::span<const check> group_checks() {
  return table;
}

} // namespace troupe::doctor
