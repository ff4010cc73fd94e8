// New settings of a process that runs: what the kernel and the collector can be told anew.

#include "runtime/os/files.hpp"
#include "runtime/os/host.hpp"
#include "runtime/os/preparation.hpp"

#include <cerrno>
#include <cstring>
#include <sys/resource.h>

namespace troupe::os {

namespace {

std::string not_changed(const std::string& key, const std::string& why) {
  return "limits." + key + " could not be changed: " + why + "; it holds from the next start on";
}

} // namespace

std::string keeper_host::adjust(const launch& what) {
  const auto to = locate(what.instance, what.incarnation);
  if (!to.known || to.ended)
    return {}; // whatever comes after it has them
  std::optional<config::limits_spec> before;
  {
    const std::lock_guard lock{mutex_};
    before = std::exchange(to.known->limits, what.spec->limits);
    to.known->log = what.spec->log;
  }
  output_.settings(what.instance, what.incarnation, what.spec->log);
  attention_.adjust(what);
  std::string result;
  for (const auto& each : adjust_limits(what, to, before))
    result += (result.empty() ? "" : "; ") + each;
  return result;
}

std::vector<std::string>
keeper_host::adjust_limits(const launch& what, const target& to,
                           const std::optional<config::limits_spec>& before) {
  const auto& now = what.spec->limits;
  if (before == now || to.pid <= 0)
    return {};
  std::vector<std::string> result;
  if (to.known->group)
    for (const auto& [key, why] : groups_.adjust(to.known->group, before ? &*before : nullptr, now))
      result.push_back(not_changed(key, why));
  std::string done;
  for (const auto& each : own_limits) {
    const auto& value = now.*each.value;
    // What is not known to have been limited is left as it is.
    if (before ? value == (*before).*each.value : !value)
      continue;
    const auto which = static_cast<__rlimit_resource>(each.which);
    rlimit wanted{RLIM_INFINITY, RLIM_INFINITY};
    if (value)
      wanted = {*value, *value};
    else if (each.which == RLIMIT_NOFILE || ::getrlimit(which, &wanted) != 0) {
      // The keeper has raised its own, and we have it from there.
      result.push_back(not_changed(each.key, "what it is without a limit shows at a start only"));
      continue;
    }
    if (::prlimit(to.pid, which, &wanted, nullptr) == 0)
      done += (done.empty() ? "limits." : ", limits.") + std::string{each.key};
    else if (errno != ESRCH) // it ends
      result.push_back(not_changed(each.key, std::strerror(errno)));
  }
  // Such a limit is a process's own: it is handed down to children at their birth.
  if (const auto others = done.empty() ? 0 : strays(what.instance, what.incarnation); others > 0)
    result.push_back(done + " changed for the main process; " + std::to_string(others)
                     + (others == 1 ? " other process of it keeps" : " other processes of it keep")
                     + " what held when they began");
  return result;
}

// Of a process that an earlier runtime started: what that could not do any more.
void keeper_host::catch_up_limits(const launch& what) {
  const auto to = locate(what.instance, what.incarnation);
  if (!to.known || to.ended)
    return;
  {
    const std::lock_guard lock{mutex_};
    if (to.known->preparing || to.known->limits)
      return;
    to.known->limits = what.spec->limits;
  }
  if (to.known->group)
    groups_.adjust(to.known->group, nullptr, what.spec->limits);
  for (const auto& each : own_limits) {
    const auto& value = what.spec->limits.*each.value;
    const auto which = static_cast<__rlimit_resource>(each.which);
    rlimit has{};
    if (!value || to.pid <= 0 || ::prlimit(to.pid, which, nullptr, &has) != 0
        || has.rlim_cur == *value)
      continue;
    const rlimit wanted{*value, *value};
    ::prlimit(to.pid, which, &wanted, nullptr);
  }
}

} // namespace troupe::os
