// Limits of processes, memory and watches.

#include "runtime/doctor/checks.hpp"
#include "runtime/shell/text.hpp"

#include <algorithm>

namespace troupe::doctor {

namespace {

/// What the keeper and the runtime hold open for one instance, and for themselves.
constexpr std::uint64_t fds_per_instance = 4;
constexpr std::uint64_t own_fds = 256;
/// Of a fleet whose size is not known.
constexpr std::uint64_t modest_fleet = 200;

std::string number(std::uint64_t x) {
  return x == unlimited ? "unlimited" : std::to_string(x);
}

std::uint64_t instances_of(const host_facts& host) {
  return host.tree && host.tree->instances > 0 ? host.tree->instances : modest_fleet;
}

finding open_files(const host_facts& host) {
  const auto needed = instances_of(host) * fds_per_instance + own_fds;
  const auto what = "open files: " + number(host.open_files.soft) + ", may be raised to "
                    + number(host.open_files.hard);
  if (host.open_files.hard >= needed)
    return fine(what, "The keeper raises its own limit and gives bots the lower one back.");
  return wrong(what,
               "Bots beyond the " + std::to_string(host.open_files.hard / fds_per_instance)
                   + "th or so cannot be started.",
               "raise the hard limit to " + std::to_string(needed)
                   + " at least: LimitNOFILE= of the unit, or «hard nofile» in "
                     "/etc/security/limits.conf");
}

finding processes(const host_facts& host) {
  const auto what = "processes of one user: " + number(host.processes.soft);
  const auto needed = instances_of(host) * 2 + 64;
  if (host.uid == 0 || host.processes.soft >= needed)
    return fine(what, host.uid == 0 ? "Root is not bound by it; bots of other users are."
                                    : "There is room for the fleet.");
  return warn(what, "All bots of one user count together, threads too, and forks fail beyond it.",
              "raise it to " + std::to_string(needed)
                  + " or more: LimitNPROC= of the unit, or «nproc» in "
                    "/etc/security/limits.conf");
}

finding core_files(const host_facts& host) {
  const bool piped = host.core_pattern.starts_with('|');
  const auto what = "core files: " + number(host.core.soft)
                    + (piped ? ", to a program" : ", pattern " + host.core_pattern);
  if (host.core.soft == 0 || piped)
    return fine(what, "A bot that crashes again and again does not fill the disk with cores.");
  return warn(what, "A bot that crashes again and again leaves a core file each time.",
              "set \"limits\": {\"core_size\": 0} in group.json, or LimitCORE=0 in the unit");
}

finding pid_max(const host_facts& host) {
  const auto least = std::min(host.pid_max, host.threads_max ? host.threads_max : host.pid_max);
  const auto what =
      "pids: " + std::to_string(host.pid_max) + ", threads: " + std::to_string(host.threads_max);
  if (least >= std::max<std::uint64_t>(instances_of(host) * 8, 4096))
    return fine(what, "There are enough pids for the fleet.");
  return warn(what, "Each thread of each bot takes a pid; when they run out, no start works.",
              "sysctl -w kernel.pid_max=4194304, and kernel.threads-max if that is the lower one");
}

finding tasks(const host_facts& host) {
  const auto most = host.groups.most_tasks;
  const auto what = "tasks of this control group: " + number(most);
  if (most >= instances_of(host) * 8)
    return fine(what, "The group that this was started in leaves room for the fleet.");
  return warn(what, "All bots and their threads count together, and forks fail beyond it.",
              "TasksMax=infinity in the unit, or start the fleet from another group");
}

finding inotify(const host_facts& host) {
  const auto what = "inotify: " + std::to_string(host.inotify_watches) + " watches, "
                    + std::to_string(host.inotify_instances) + " instances";
  if (host.inotify_watches >= 8192 && host.inotify_instances >= 128)
    return fine(what, "Bots that watch files have room for it.");
  return warn(what, "Bots that watch files share these numbers with all else of their user.",
              "sysctl -w fs.inotify.max_user_watches=65536 fs.inotify.max_user_instances=512");
}

finding memory(const host_facts& host) {
  const auto what = "memory: " + shell::human_size(host.memory_available) + " of "
                    + shell::human_size(host.memory_total) + " available, swap "
                    + (host.swap_total ? shell::human_size(host.swap_total) : "none");
  if (host.memory_available < host.memory_total / 20)
    return warn(what, "The kernel is about to kill processes, and bots are likely ones.",
                "free memory, or give bots a \"limits\": {\"memory\": …} so that the greedy one "
                "is hit");
  return fine(what, host.swap_total
                        ? "What is rarely used may be swapped out."
                        : "Without swap a bot over its limit is killed at once, never slowed.");
}

finding overcommit(const host_facts& host) {
  const auto what = "vm.overcommit_memory: " + std::to_string(*host.overcommit);
  if (*host.overcommit != 2)
    return fine(what, "A fork does not need memory for all that it might touch.");
  return warn(what,
              "Bots that reserve more than they use, such as those in Go or Java, may not "
              "start.",
              "sysctl -w vm.overcommit_memory=0, unless that is how you want it");
}

finding oom(const host_facts& host) {
  if (host.panic_on_oom)
    return warn("vm.panic_on_oom is set",
                "When memory is short the whole machine goes down, in place of one bot.",
                "sysctl -w vm.panic_on_oom=0");
  const auto what = "oom_score_adj: " + std::to_string(host.oom_score_adj);
  if (host.oom_score_adj > 0)
    return warn(what, "The keeper is killed before others, and with it the whole fleet ends.",
                "start the fleet from a unit with OOMScoreAdjust=-500, or from another shell");
  return fine(what, host.oom_score_adj < 0
                        ? "The keeper is among the last to be killed when memory is short."
                        : "The keeper is so small that others are killed before it.");
}

constexpr check table[] = {
    {"limits.open_files", open_files},
    {"limits.processes", processes},
    {"limits.core", core_files},
    {"limits.pids", pid_max, [](const host_facts& x) { return x.pid_max > 0; }},
    {"limits.tasks", tasks},
    {"limits.inotify", inotify, [](const host_facts& x) { return x.inotify_watches > 0; }},
    {"memory.available", memory, [](const host_facts& x) { return x.memory_total > 0; }},
    {"memory.overcommit", overcommit, [](const host_facts& x) { return x.overcommit.has_value(); }},
    {"memory.oom", oom},
};

} // namespace

std::span<const check> limit_checks() {
  return table;
}

} // namespace troupe::doctor
