// The installation, systemd, and the fleet that may be running.

#include "runtime/doctor/checks.hpp"

#include <string>

namespace troupe::doctor {

namespace {

finding companions(const host_facts& host) {
  std::string there;
  for (const auto& one : host.companions) {
    if (one.path.empty())
      return wrong(one.name + " is not found", "`troupe run` cannot start a fleet.",
                   "install all of troupe, or build the target of that name");
    if (one.version != host.version)
      return wrong(one.path
                       + (one.version.empty()
                              ? " does not run"
                              : " has version " + one.version + ", this is " + host.version),
                   "Programs of different versions do not understand each other.",
                   "install all of troupe anew");
    there += (there.empty() ? "" : ", ") + one.path;
  }
  return fine(there, "All programs are there and of version " + host.version + ".");
}

std::string property(const host_facts& host, const char* name) {
  const auto found = host.service.of_unit.find(name);
  return found == host.service.of_unit.end() ? "" : found->second;
}

finding unit(const host_facts& host) {
  if (property(host, "LoadState") != "loaded")
    return fine("systemd is there, troupe.service is not",
                "A fleet runs for as long as whoever types `troupe run` stays.");
  if (property(host, "Delegate") != "yes")
    return wrong("troupe.service has Delegate=no",
                 "systemd takes the control groups of bots for its own and may move or empty "
                 "them.",
                 "add Delegate=yes: systemctl edit troupe.service");
  if (const auto mode = property(host, "KillMode"); mode != "mixed" && mode != "process")
    return warn("troupe.service has KillMode=" + mode,
                "At the stop systemd signals all bots at once, so that their order is lost.",
                "set KillMode=mixed: systemctl edit troupe.service");
  return fine("troupe.service is " + property(host, "ActiveState") + ", with Delegate=yes",
              "systemd leaves the control groups of bots alone.");
}

finding runtime(const host_facts& host) {
  const auto& runtime = host.runtime;
  if (runtime.nobody)
    return fine("no fleet runs here now", "Nothing is in the way of `troupe run`.");
  if (!runtime.answers)
    return wrong("the runtime does not answer: " + runtime.trouble,
                 "Bots run on, but nobody restarts them while that is so.",
                 "look into the log of `troupe run`; the keeper replaces a runtime that hangs "
                 "within 15 s");
  if (runtime.version != host.version)
    return warn("the runtime has version " + runtime.version + ", this is " + host.version,
                "What this program can do the runtime may not know.",
                "start the fleet anew when it suits: `troupe shutdown --wait`, then `troupe run`");
  return fine("the runtime answers, version " + runtime.version, "The fleet can be steered.");
}

constexpr check table[] = {
    {"install.programs", companions},
    {"systemd.unit", unit, [](const host_facts& x) { return x.service.systemd; }},
    {"fleet.runtime", runtime, [](const host_facts& x) { return x.runtime.asked; }},
};

} // namespace

std::span<const check> service_checks() {
  return table;
}

} // namespace troupe::doctor
