#include "runtime/announcing.hpp"

#include "actors/ordering.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdlib>
#include <set>

namespace troupe {

namespace {

std::size_t count_instances(const config::fleet_spec& fleet) {
  std::size_t result = 0;
  for (const auto& [name, bot] : fleet.bots)
    result += bot->instances.size();
  return result;
}

/// Groups with a bot in them or below; the ledger knows no others.
bool collect_groups(const config::group_entry& group, std::set<std::string>& into) {
  bool has_bot = false;
  for (const auto& child : group.children)
    has_bot = (child.bot || collect_groups(*child.group, into)) || has_bot;
  if (has_bot)
    into.insert(group.name);
  return has_bot;
}

/// A group tells of itself when it has made its children, and no record of a group is older
/// than this runtime; those of instances may be.
bool is_applied(const config::fleet_spec& fleet, const ledger_view& view) {
  std::set<std::string> groups;
  collect_groups(*fleet.root, groups);
  for (const auto& group : view.groups)
    groups.erase(group.name);
  return groups.empty() && view.records.size() >= count_instances(fleet);
}

} // namespace

std::shared_ptr<const os::service_manager> find_manager(pid_t keeper) {
  auto result = std::make_shared<const os::service_manager>(os::real_environment, keeper);
  if (!result->trouble().empty())
    spdlog::warn("{}", result->trouble());
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
    unsetenv(name);
  return result;
}

std::string status_line(const config::fleet_spec& fleet, std::uint64_t epoch) {
  return "STATUS=fleet " + fleet.name + ": " + std::to_string(fleet.bots.size()) + " bots, "
         + std::to_string(count_instances(fleet)) + " instances, epoch " + std::to_string(epoch);
}

std::string stopping_lines(const config::fleet_spec& fleet) {
  const auto needed = longest_stop(fleet, *fleet.root) + std::chrono::seconds{30};
  return "STOPPING=1\nSTATUS=fleet " + fleet.name + " ends\nEXTEND_TIMEOUT_USEC="
         + std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(needed).count());
}

void await_applied(caf::actor_system& system,
                   const std::atomic<std::shared_ptr<const services>>& current,
                   std::future<int>& ended) {
  constexpr std::uint32_t slice_ms = 500;
  constexpr std::chrono::seconds patience{2};
  caf::scoped_actor self{system};
  const auto ignore = [](const caf::error&) {}; // it is being replaced, or slow
  std::uint64_t seen = 0;
  bool applied = false;
  while (!applied && ended.wait_for(std::chrono::seconds{0}) != std::future_status::ready) {
    const auto now = current.load();
    config::spec_ptr fleet;
    self->request(now->config, patience, view_atom_v)
        .receive([&](const config::spec_ptr& spec) { fleet = spec; }, ignore);
    self->request(now->ledger, patience, view_atom_v, std::vector<std::string>{})
        .receive([&](const ledger_view_ptr& view) { applied = fleet && is_applied(*fleet, *view); },
                 ignore);
    if (!applied)
      self->request(now->ledger, patience, await_atom_v, seen, slice_ms)
          .receive([&](std::uint64_t last) { seen = last; }, ignore);
  }
}

} // namespace troupe
