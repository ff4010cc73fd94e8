// What the kernel offers, its clocks and /proc.

#include "runtime/doctor/checks.hpp"

#include <cerrno>
#include <cstring>
#include <string>

namespace troupe::doctor {

namespace {

int errno_of(const host_facts& host, const char* call) {
  const auto found = host.calls.find(call);
  return found == host.calls.end() ? ENOSYS : found->second;
}

/// A system call that the keeper is better off with: what is worse without, and from when.
finding feature(const host_facts& host, const char* call, const char* good, const char* without,
                const char* since, bool needed) {
  const int error = errno_of(host, call);
  if (error == 0)
    return fine(std::string{call} + " works", good);
  const auto what = std::string{call} + ": " + std::strerror(error);
  const auto todo = std::string{"use Linux "} + since
                    + " or newer; in a container, a seccomp profile that allows it";
  return needed ? wrong(what, without, todo) : warn(what, without, todo);
}

finding pidfd_open(const host_facts& host) {
  return feature(host, "pidfd_open", "Ends of bots are learned and signals sent without a race.",
                 "The keeper falls back to polling, and a signal may reach a stranger that has "
                 "got the pid.",
                 "5.3", false);
}

finding clone3(const host_facts& host) {
  return feature(host, "clone3", "A bot is in its control group from its first instruction.",
                 "A bot is moved into its control group after the fork, which is slower.", "5.7",
                 false);
}

finding close_range(const host_facts& host) {
  return feature(host, "close_range", "No descriptor of ours reaches a bot.",
                 "A descriptor that a library forgot to mark may reach bots.", "5.9", false);
}

finding subreaper(const host_facts& host) {
  return feature(host, "PR_SET_CHILD_SUBREAPER", "What bots leave behind comes to the keeper.",
                 "What bots leave behind escapes the keeper and may run on.", "3.4", true);
}

finding sealing(const host_facts& host) {
  return feature(host, "memfd sealing", "Starts of any size reach the keeper.",
                 "The keeper refuses every start with a large environment.", "3.17", true);
}

finding entropy(const host_facts& host) {
  if (host.getrandom_error == 0)
    return fine("random numbers are there", "Keys of links are made without a wait.");
  return wrong(std::string{"getrandom: "} + std::strerror(host.getrandom_error),
               "The start hangs until the kernel has gathered enough randomness.",
               "give the machine a source: virtio-rng, or the package rng-tools");
}

finding clock_set(const host_facts& host) {
  if (host.clock.now + 86'400 < host.clock.built)
    return wrong("the clock is before the time at which this program was built",
                 "Times in events are wrong, and certificates are taken for not yet valid.",
                 "set the clock, and have it set at boot: systemd-timesyncd or chrony");
  if (!host.clock.known || host.clock.synchronised)
    return fine(host.clock.known ? "the clock is synchronised" : "the clock is set",
                "Times in events can be compared with those of other machines.");
  return warn("the clock is not synchronised",
              "Times in events drift; supervision itself goes by another clock and does not care.",
              "enable systemd-timesyncd or chrony; in a container, on the host");
}

finding clock_runs(const host_facts& host) {
  if (host.clock.advances)
    return fine("CLOCK_MONOTONIC runs", "Timeouts and pauses take as long as they say.");
  return wrong("CLOCK_MONOTONIC stands still or is ahead of CLOCK_BOOTTIME",
               "No timeout, pause or watchdog can be relied on.",
               "look for a broken clock source: /sys/devices/system/clocksource/*/current_*");
}

finding hidepid(const host_facts& host) {
  if (host.hidepid.empty() || host.hidepid == "0" || host.hidepid == "off")
    return fine("/proc shows all processes", "Strays of an earlier life are found.");
  const auto what = "/proc is mounted with hidepid=" + host.hidepid;
  if (host.uid == 0)
    return fine(what, "Root sees all processes in spite of it.");
  return warn(what, "Processes that a bot runs as another user are not found when they stray.",
              "run the fleet as root, or mount /proc with gid= of a group that runs it");
}

constexpr check table[] = {
    {"kernel.pidfd_open", pidfd_open},   {"kernel.clone3", clone3},
    {"kernel.close_range", close_range}, {"kernel.subreaper", subreaper},
    {"kernel.memfd_sealing", sealing},   {"kernel.entropy", entropy},
    {"kernel.hidepid", hidepid},         {"clock.set", clock_set},
    {"clock.runs", clock_runs},
};

} // namespace

std::span<const check> kernel_checks() {
  return table;
}

} // namespace troupe::doctor
