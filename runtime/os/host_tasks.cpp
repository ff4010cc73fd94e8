// What runs beside a bot, and what a bot lets us know: the host as its surroundings.

#include "runtime/os/files.hpp"
#include "runtime/os/host.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

namespace troupe::os {

namespace {

// Ancestors of a process that are looked at to find out whose it is.
constexpr int most_ancestors = 64;

job job_of(hook which) {
  return which == hook::stop_command ? job::stop_command : job::on_crash;
}

const char* cause_of(const troupe::exited& end) {
  if (end.out_of_memory)
    return "out_of_memory";
  if (end.status.core)
    return "core_dump";
  return end.status.signal != 0 ? "signal" : "exit";
}

} // namespace

// -- slots ----------------------------------------------------------------------------------

struct keeper_host::slots_of_tasks final : task_slots {
  explicit slots_of_tasks(keeper_host& x)
      : host(x) {}

  void start(const launch& what, job as, std::map<std::string, std::string> variables) override {
    const slot_key key{slot_name(what.instance, as), what.incarnation};
    const std::lock_guard lock{host.mutex_};
    auto place = std::make_shared<entry>();
    place->preparing = true;
    host.table_[key] = place;
    host.starts_.push_back({what, as, std::move(variables), std::move(place), {}});
    host.starts_changed_.notify_one();
  }

  void kill(const slot_key& task) override {
    host.signal(task.instance, task.incarnation, SIGKILL, true);
  }

  bool has_strays(const slot_key& task) override {
    return host.strays(task.instance, task.incarnation) > 0;
  }

  std::string output(const slot_key& task) override {
    return host.tail(task.instance, task.incarnation);
  }

  void release(const slot_key& task) override { host.release(task.instance, task.incarnation); }

  keeper_host& host;
};

std::unique_ptr<task_slots> keeper_host::make_task_slots() {
  return std::make_unique<slots_of_tasks>(*this);
}

// The bot's tasks but on_crash, which comes when the bot is gone. A stop_command has its time
// also when the bot has ended: it may have something to tidy up.
void keeper_host::cancel_tasks(const slot_key& bot, bool stop_too) {
  boost::asio::post(io_, [this, bot, stop_too] {
    attention_.stop_check(bot);
    tasks_.cancel(bot.instance, bot.incarnation, job::check, false);
    tasks_.cancel(bot.instance, bot.incarnation, job::start_command, true);
    if (stop_too)
      tasks_.cancel(bot.instance, bot.incarnation, job::stop_command, true);
  });
}

// -- hooks ----------------------------------------------------------------------------------

void keeper_host::run_start_command(const launch& what, const entry_ptr& place) {
  const slot_key key{what.instance, what.incarnation};
  {
    const std::lock_guard lock{mutex_};
    if (find(key) != place)
      return; // called off
  }
  tasks_.run(what, job::start_command, {}, [this, what, key, place](const task_end& end) {
    const std::lock_guard lock{mutex_};
    if (find(key) != place)
      return;
    if (!end.ok) {
      table_.erase(key);
      return not_started(key, end.text);
    }
    starts_.push_back({what, job::bot, {}, place, end.text});
    starts_changed_.notify_one();
  });
}

void keeper_host::run_hook(const launch& what, hook which) {
  boost::asio::post(io_, [this, what, which] {
    const auto then = [this, instance = what.instance, incarnation = what.incarnation,
                       which](const task_end& end) {
      tell(hook_end{instance, incarnation, which, end.ok, end.text});
    };
    if (task_spec(*what.spec, job_of(which))->command.empty())
      return then({false, std::string{to_string(job_of(which))} + ": the bot has none", {}});
    tasks_.run(what, job_of(which), hook_variables({what.instance, what.incarnation}, which), then);
  });
}

std::map<std::string, std::string> keeper_host::hook_variables(const slot_key& bot, hook which) {
  const std::lock_guard lock{mutex_};
  const auto known = find(bot);
  std::map<std::string, std::string> result;
  if (which == hook::stop_command) {
    if (known && known->pid > 0 && !known->end)
      result["MAINPID"] = std::to_string(known->pid);
    return result;
  }
  auto end = known ? known->end : std::nullopt;
  if (!known) {
    const auto found =
        std::find_if(ends_.rbegin(), ends_.rend(), [&](const auto& x) { return x.first == bot; });
    if (found != ends_.rend())
      end = found->second;
  }
  result["TROUPE_CAUSE"] = end ? cause_of(*end) : "unknown";
  if (end && end->status.signal == 0)
    result["TROUPE_EXIT_CODE"] = std::to_string(end->status.code);
  if (end && end->status.signal != 0) {
    const char* name = ::sigabbrev_np(end->status.signal);
    result["TROUPE_EXIT_SIGNAL"] = name ? name : std::to_string(end->status.signal);
  }
  return result;
}

// -- notices --------------------------------------------------------------------------------

attention::surroundings keeper_host::surroundings() {
  return {[this](process_event event) { tell(std::move(event)); },
          [this](const slot_key& key, pid_t pid) { return kin_of(key, pid); },
          [this](const std::string& name) { return options_.original(name); }, state_.path()};
}

void keeper_host::attend(const launch& what, bool check_ready) {
  catch_up_limits(what);
  boost::asio::post(io_, [this, what, check_ready] {
    entry_ptr known;
    pid_t pid = 0;
    {
      const std::lock_guard lock{mutex_};
      known = find({what.instance, what.incarnation});
      // One that this host starts is attended when it is there.
      if (!known || known->end || known->preparing || known->spec)
        return;
      pid = known->pid;
      known->log = what.spec->log; // may have changed while nobody looked
      read_output({what.instance, what.incarnation}, *known, what.spec.get());
    }
    attention_.attend(what, pid, known->notify, check_ready);
  });
}

kinship keeper_host::kin_of(const slot_key& key, pid_t pid) {
  const auto to = locate(key.instance, key.incarnation);
  if (!to.known)
    return kinship::no;
  if (pid == to.pid)
    return kinship::yes;
  const auto x = read_process(pid);
  if (!x || x->dead())
    return kinship::gone;
  if (to.known->group) {
    const auto text = read_file("/proc/" + std::to_string(pid) + "/cgroup", 16 * 1024);
    const auto group = text ? own_cgroup(*text) : std::nullopt;
    if (!group)
      return kinship::gone;
    const auto& tree = groups_.path();
    const auto ours = tree.substr(tree.rfind('/')) + '/'
                      + cgroup_tree::child_name(key.instance, key.incarnation) + '/';
    return (*group + '/').find(ours) != std::string::npos ? kinship::yes : kinship::no;
  }
  auto ancestor = x;
  for (int i = 0; i < most_ancestors && ancestor && ancestor->pid > 1; ++i) {
    if (ancestor->pid == to.pid)
      return kinship::yes;
    if (ancestor->pid == keeper_pid_)
      break;
    ancestor = read_process(ancestor->parent);
  }
  return belongs(to, *x) ? kinship::yes : kinship::no;
}

} // namespace troupe::os
