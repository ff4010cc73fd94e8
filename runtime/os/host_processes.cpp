#include "config/names.hpp"
#include "runtime/os/host.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <utility>

namespace troupe::os {

namespace {

// How long the first sweep of an incarnation waits for what it killed. What takes longer is
// asked for again, and then nobody waits: the launcher serves the whole fleet.
constexpr std::chrono::milliseconds first_patience{30};

// How old a look at /proc may be when many instances are sampled one after the other.
constexpr std::chrono::milliseconds fresh_enough{200};

constexpr const char* nobody_there = "no such process is known";
constexpr const char* still_starting = "it is still being started";

std::string cannot_signal(int error) {
  return std::string{"cannot-signal: "} + std::strerror(error)
         + (error == EPERM ? " (it runs as another user; see no_new_privs)" : "");
}

// Calls `left` until it gives 0 or patience ends; returns its last answer.
template <class F>
std::size_t wait_until_none(std::chrono::milliseconds patience, F left) {
  using clock = std::chrono::steady_clock;
  const auto deadline = clock::now() + patience;
  std::size_t count = left();
  for (int pause = 1; count > 0; pause = std::min(pause * 2, 8)) {
    if (clock::now() + std::chrono::milliseconds{pause} > deadline)
      break;
    ::poll(nullptr, 0, pause);
    count = left();
  }
  return count;
}

} // namespace

keeper_host::target keeper_host::locate(const std::string& instance, std::uint64_t incarnation) {
  const std::lock_guard lock{mutex_};
  target result;
  result.key = {instance, incarnation};
  result.known = find(result.key);
  if (result.known) {
    result.pid = result.known->pid;
    result.ended = result.known->end.has_value();
    result.stopped = result.known->stopped_by != 0;
  }
  return result;
}

// Whether a process that is no child of anything we know is of this incarnation.
bool keeper_host::belongs(const target& to, const process& x) const {
  if (x.session == to.pid || x.group == to.pid)
    return true;
  const auto owner = split_slot_name(to.key.instance);
  const auto name = config::split_instance(owner.instance);
  const auto hook = owner.as == job::bot ? std::string_view{} : to_string(owner.as);
  return name && variable_of(x.pid, "TROUPE_BOT_DIR") == state_.bot_directory(owner.instance)
         && variable_of(x.pid, "TROUPE_HOOK").value_or("") == hook
         && variable_of(x.pid, "TROUPE_BOT") == name->bot
         && variable_of(x.pid, "TROUPE_INCARNATION") == std::to_string(to.key.incarnation);
}

// The living processes of an incarnation, found without a cgroup. When the main process
// has ended, whatever it left has the keeper as its parent: looking at the keeper's
// children is enough to know that there is nothing, which is nearly always so. Nothing at
// all when we cannot look now.
std::optional<std::vector<process>> keeper_host::members(const target& to, look how) {
  const auto self = ::getpid();
  const auto alive = [](const process& x) { return !x.dead(); };
  bool blind = false;
  const auto ours = [&](const process& x) {
    errno = 0;
    const bool result = belongs(to, x);
    blind = blind || (!result && short_of_means(errno));
    return result;
  };
  const auto children = to.ended ? children_of(keeper_pid_) : std::nullopt;
  std::set<pid_t> roots;
  if (children) {
    std::vector<pid_t> strangers;
    {
      const std::lock_guard lock{mutex_};
      for (const auto pid : *children)
        if (pid != self && !mains_.contains(pid))
          strangers.push_back(pid);
    }
    for (const auto pid : strangers) {
      errno = 0;
      const auto x = read_process(pid);
      blind = blind || (!x && short_of_means(errno));
      if (x && alive(*x) && ours(*x))
        roots.insert(pid);
    }
    if (blind)
      return std::nullopt;
    if (roots.empty())
      return std::vector<process>{};
  }
  std::optional<std::vector<process>> seen;
  if (how == look::now && !(seen = all_processes()))
    return std::nullopt;
  const auto& all = seen ? *seen : recent_processes();
  auto result = with_descendants(all, [&](const process& x) {
    if (children)
      return roots.contains(x.pid);
    return x.pid == to.pid || (x.parent == keeper_pid_ && x.pid != self && ours(x));
  });
  if (blind)
    return std::nullopt;
  std::erase_if(result, [&](const process& x) { return !alive(x); });
  return result;
}

// -- signals ---------------------------------------------------------------------------

std::string keeper_host::signal(const std::string& instance, std::uint64_t incarnation, int signal,
                                bool all) {
  const auto to = locate(instance, incarnation);
  if (!to.known)
    return nobody_there;
  if (to.known->preparing) {
    if (signal != SIGKILL)
      return still_starting;
    if (!call_off(to))
      return this->signal(instance, incarnation, signal, all);
    // After that: the end of its start command is nobody's failure any more.
    if (split_slot_name(instance).as == job::bot)
      cancel_tasks(to.key, true);
    return {};
  }
  if (to.pid <= 0) {
    signal_unconfirmed(to, signal, all);
    return {};
  }
  int error = 0;
  if (!all) {
    if (to.ended)
      return "it has ended already";
    error = ::kill(to.pid, signal) == 0 ? 0 : errno;
  } else if (to.known->group) {
    const auto& group = to.known->group;
    if (signal != SIGKILL || group.kill() != 0)
      error = group.signal(signal);
  } else {
    error = ::kill(-to.pid, signal) == 0 ? 0 : errno;
    for (const auto& x : members(to, look::now).value_or(std::vector<process>{}))
      if (x.group != to.pid)
        kill_exactly(x, signal);
  }
  // Whoever was stopped from outside must run to obey.
  if (error == 0 && to.stopped && signal != SIGSTOP && signal != SIGCONT && signal != SIGKILL)
    ::kill(to.pid, SIGCONT);
  return error == 0 ? std::string{} : cannot_signal(error);
}

// Before its exec is confirmed only the keeper knows the process, and whether it still is.
void keeper_host::signal_unconfirmed(const target& to, int signal, bool all) {
  if (signal == SIGKILL && to.known->group)
    to.known->group.kill();
  signal_request order;
  static_cast<slot_key&>(order) = to.key;
  order.signal = signal;
  order.scope = all ? signal_scope::group : signal_scope::main;
  const std::lock_guard lock{mutex_};
  post(std::move(order));
}

std::string keeper_host::freeze(const std::string& instance, std::uint64_t incarnation, bool on) {
  const auto to = locate(instance, incarnation);
  if (!to.known)
    return nobody_there;
  if (to.known->group) {
    const int error = to.known->group.freeze(on);
    // «resume» is for what a signal from outside stopped as well.
    if (!on && to.stopped)
      ::kill(to.pid, SIGCONT);
    return error == 0 ? std::string{} : std::string{"cgroup.freeze: "} + std::strerror(error);
  }
  if (to.pid <= 0)
    return still_starting;
  if (::kill(-to.pid, on ? SIGSTOP : SIGCONT) != 0)
    return cannot_signal(errno);
  for (const auto& x : members(to, look::now).value_or(std::vector<process>{}))
    if (x.group != to.pid)
      kill_exactly(x, on ? SIGSTOP : SIGCONT);
  return {};
}

// -- sweeping --------------------------------------------------------------------------

std::size_t keeper_host::strays(const std::string& instance, std::uint64_t incarnation) {
  const auto to = locate(instance, incarnation);
  if (!to.known || to.pid <= 0)
    return 0;
  const auto beside = [&](pid_t pid) { return pid != to.pid; };
  if (const auto& group = to.known->group) {
    if (!group.populated())
      return 0;
    const auto pids = group.processes();
    return pids ? static_cast<std::size_t>(std::count_if(pids->begin(), pids->end(), beside)) : 1;
  }
  const auto found = members(to, look::now);
  return found ? static_cast<std::size_t>(std::count_if(
             found->begin(), found->end(), [&](const process& x) { return beside(x.pid); }))
               : 1;
}

std::size_t keeper_host::sweep(const std::string& instance, std::uint64_t incarnation,
                               bool main_too) {
  const auto beside = main_too ? sweep_tasks(instance, incarnation) : 0;
  return beside + sweep_slot(instance, incarnation, main_too);
}

// on_crash is spared: it comes after the sweep.
std::size_t keeper_host::sweep_tasks(const std::string& instance, std::uint64_t incarnation) {
  cancel_tasks({instance, incarnation}, true);
  std::size_t left = 0;
  for (const auto as : {job::start_command, job::stop_command, job::check})
    left += sweep_slot(slot_name(instance, as), incarnation, true);
  return left;
}

std::size_t keeper_host::sweep_slot(const std::string& instance, std::uint64_t incarnation,
                                    bool main_too) {
  const auto to = locate(instance, incarnation);
  if (!to.known)
    return 0;
  if (to.known->preparing)
    return !main_too || call_off(to) ? 0 : sweep_slot(instance, incarnation, main_too);
  if (to.pid <= 0) {
    // It has nothing beside it yet, and is there until the keeper says how it ended.
    if (main_too)
      signal_unconfirmed(to, SIGKILL, true);
    return main_too ? 1 : 0;
  }
  const auto patience =
      std::exchange(to.known->swept, true) ? std::chrono::milliseconds{0} : first_patience;
  return to.known->group ? sweep_group(to, main_too, patience)
                         : sweep_processes(to, main_too, patience);
}

std::size_t keeper_host::sweep_group(const target& to, bool main_too,
                                     std::chrono::milliseconds patience) {
  const auto& group = to.known->group;
  const auto spare = main_too || to.ended ? 0 : to.pid;
  if (!group.populated())
    return 0;
  const auto others = [&] {
    auto pids = group.processes();
    if (pids)
      std::erase(*pids, spare);
    return pids;
  };
  const auto count = [](const std::optional<std::vector<pid_t>>& pids) {
    return pids ? pids->size() : 1;
  };
  if (spare == 0 && group.kill() == 0)
    return wait_until_none(patience, [&]() -> std::size_t {
      return group.populated() ? std::max<std::size_t>(count(others()), 1) : 0;
    });
  // One by one: the main process is to live, or this kernel has no cgroup.kill.
  return wait_until_none(patience, [&] {
    group.signal(SIGKILL, spare);
    return count(others());
  });
}

std::size_t keeper_host::sweep_processes(const target& to, bool main_too,
                                         std::chrono::milliseconds patience) {
  const bool with_main = main_too && !to.ended;
  const auto kill_all = [&](look how) -> std::size_t {
    const auto found = members(to, how);
    if (!found)
      return 1;
    return static_cast<std::size_t>(
        std::count_if(found->begin(), found->end(), [&](const process& x) {
          if ((x.pid == to.pid && !with_main) || kill_exactly(x, SIGKILL) == ESRCH)
            return false;
          const auto now = read_process(x.pid);
          return now ? !now->dead() : short_of_means(errno);
        }));
  };
  // Many that cannot be killed share one look; that there is nothing, only a new one can say.
  if (patience.count() == 0)
    if (const auto left = kill_all(look::recent); left > 0)
      return left;
  return wait_until_none(patience, [&] { return kill_all(look::now); });
}

// -- use of resources ----------------------------------------------------------------------

const std::vector<process>& keeper_host::recent_processes() {
  if (const auto now = clock::now(); now - snapshot_at_ > fresh_enough) {
    snapshot_ = all_processes().value_or(std::vector<process>{});
    snapshot_at_ = now;
  }
  return snapshot_;
}

std::optional<usage> keeper_host::sample(const std::string& instance, std::uint64_t incarnation) {
  const auto to = locate(instance, incarnation);
  if (!to.known || to.pid <= 0 || to.ended)
    return std::nullopt;
  std::uint64_t cpu = 0;
  std::uint64_t memory = 0;
  const auto& group = to.known->group;
  const auto measured_cpu = group ? group.cpu_time() : std::nullopt;
  const auto measured_memory = group ? group.memory() : std::nullopt;
  if (!measured_cpu || !measured_memory) {
    std::vector<process> all;
    if (group) {
      for (const auto pid : group.processes().value_or(std::vector<pid_t>{}))
        if (const auto x = read_process(pid))
          all.push_back(*x);
    } else {
      all = with_descendants(recent_processes(), [&](const process& x) {
        return x.pid == to.pid || x.session == to.pid;
      });
    }
    if (all.empty())
      return std::nullopt;
    for (const auto& x : all) {
      cpu += ticks_to_us(x.cpu_ticks);
      memory += x.resident;
    }
  }
  cpu = measured_cpu.value_or(cpu);
  memory = measured_memory.value_or(memory);
  // The first time: since it was started.
  const auto now = clock::now();
  auto& known = *to.known;
  const auto wall = std::chrono::duration_cast<std::chrono::microseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count();
  const auto elapsed =
      known.sampled_at == clock::time_point{}
          ? wall - known.started
          : std::chrono::duration_cast<std::chrono::microseconds>(now - known.sampled_at).count();
  // A process that ended takes its ticks along.
  const auto spent = cpu > known.sampled_cpu ? cpu - known.sampled_cpu : 0;
  known.sampled_cpu = cpu;
  known.sampled_at = now;
  usage result;
  if (elapsed > 0)
    result.cpu_percent = 100.0 * static_cast<double>(spent) / static_cast<double>(elapsed);
  result.memory = memory;
  const auto output = output_.count(instance, incarnation);
  result.written = output.read;
  result.unlogged = output.dropped;
  result.says = attention_.says(to.key);
  result.cpu_time = cpu;
  return result;
}

} // namespace troupe::os
