// What shells want to know of instances and of the machine. May be called from any thread.

#include "runtime/os/environment.hpp"
#include "runtime/os/files.hpp"
#include "runtime/os/host.hpp"
#include "runtime/os/preparation.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <utility>

namespace troupe::os {

namespace {

using number = std::optional<double>;

number parse(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} ? number{static_cast<double>(value)} : std::nullopt;
}

/// Of a file of a cgroup; «max» is no number.
number read_number(const cgroup& group, const char* file) {
  const auto text = read_file(group.fd(), file, 64);
  return text ? parse(*text) : std::nullopt;
}

/// «150000 100000» as 1.5 cores.
number read_cores(const cgroup& group) {
  const auto text = read_file(group.fd(), "cpu.max", 64);
  const auto blank = text ? text->find(' ') : std::string::npos;
  if (blank == std::string::npos)
    return std::nullopt;
  const auto quota = parse(*text);
  const auto period = parse(std::string_view{*text}.substr(blank + 1));
  return quota && period && *period > 0 ? number{*quota / *period} : std::nullopt;
}

/// The soft limit in a line of /proc/PID/limits, «Max open files  1024  4096  files».
number soft_limit(std::string_view text, std::string_view name) {
  auto at = text.find(name);
  if (at == std::string_view::npos)
    return std::nullopt;
  at = text.find_first_not_of(' ', at + name.size());
  return at == std::string_view::npos ? std::nullopt : parse(text.substr(at));
}

/// «VmLck:      64 kB» of /proc/PID/status, in bytes.
number kibibytes(std::string_view text, std::string_view name) {
  auto at = text.find(name);
  if (at == std::string_view::npos)
    return std::nullopt;
  at = text.find_first_not_of(" \t", at + name.size());
  const auto value = at == std::string_view::npos ? std::nullopt : parse(text.substr(at));
  return value ? number{*value * 1024} : std::nullopt;
}

number as_number(const auto& value) {
  return value ? number{static_cast<double>(*value)} : std::nullopt;
}

struct process_limit {
  const char* name;
  const char* line; ///< in /proc/PID/limits
  std::optional<std::uint64_t> config::limits_spec::*asked;
};

constexpr std::array<process_limit, 7> process_limits{{
    {"open_files", "Max open files", &config::limits_spec::open_files},
    {"processes", "Max processes", &config::limits_spec::processes},
    {"file_size", "Max file size", &config::limits_spec::file_size},
    {"core_size", "Max core file size", &config::limits_spec::core_size},
    {"locked_memory", "Max locked memory", &config::limits_spec::locked_memory},
    {"stack", "Max stack size", &config::limits_spec::stack},
    {"address_space", "Max address space", &config::limits_spec::address_space},
}};

/// Runtime or keeper.
void add_process(figures& to, const std::string& who, pid_t pid) {
  const auto set = [&](const char* what, const number& value) {
    if (value)
      to.of[who + what] = *value;
  };
  const auto found = read_process(pid);
  if (!found)
    return;
  set("_pid", static_cast<double>(pid));
  set("_memory_bytes", static_cast<double>(found->resident));
  set("_cpu_s", static_cast<double>(ticks_to_us(found->cpu_ticks)) / 1e6);
  set("_files", as_number(open_files_of(pid)));
  if (const auto limits = look_at(pid, "limits"))
    set("_files_limit", soft_limit(*limits, "Max open files"));
}

/// Bytes of the files under a directory; of a huge one, of its first 100 000.
double bytes_under(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  double result = 0;
  std::size_t seen = 0;
  for (fs::recursive_directory_iterator at{path, fs::directory_options::skip_permission_denied,
                                           error};
       !error && at != fs::recursive_directory_iterator{} && ++seen < 100'000;
       at.increment(error)) {
    struct stat info {};
    if (::lstat(at->path().c_str(), &info) == 0 && S_ISREG(info.st_mode))
      result += static_cast<double>(info.st_blocks) * 512;
  }
  return result;
}

} // namespace

environment_report keeper_host::environment(const launch& what) {
  environment_report result;
  const auto to = locate(what.instance, what.incarnation);
  std::string tree;
  {
    const std::lock_guard lock{mutex_};
    tree = options_.tree;
  }
  std::vector<variable> given;
  const auto compose = [&]() -> std::string {
    auto context = start_context(what.instance, tree, options_.original);
    if (!context)
      return context.error();
    // Nobody is shown its value, so it is not even read.
    context->secret = [](const std::string&) -> config::expected<std::string, std::string> {
      return std::string{};
    };
    const auto directory = config::expand(what.spec->directory, *context);
    if (!directory)
      return "directory: " + directory.error();
    users accounts; // the host's own belong to the thread that prepares starts
    const auto who = accounts.find(what.spec->user, what.spec->group);
    if (!who)
      return who.error();
    auto all = compose_environment({*what.spec,
                                    *context,
                                    options_.original,
                                    *who,
                                    what.incarnation,
                                    state_.bot_directory(what.instance),
                                    *directory,
                                    {{"TROUPE_LINK", link_path(state_)}, {"TROUPE_TOKEN", {}}},
                                    {}});
    if (!all)
      return all.error();
    given = std::move(*all);
    return {};
  };
  result.trouble = compose();
  if (!to.known || to.pid <= 0 || to.ended) {
    result.variables = std::move(given);
    return result;
  }
  auto found = variables_of(to.pid);
  if (found.empty()) {
    result.variables = std::move(given);
    if (result.trouble.empty())
      result.trouble = "the environment of process " + std::to_string(to.pid)
                       + " cannot be read; this is what its settings give";
    return result;
  }
  result.pid = to.pid;
  std::sort(found.begin(), found.end());
  for (auto& [name, value] : found) {
    const auto known =
        std::find_if(given.begin(), given.end(), [&](const auto& x) { return x.name == name; });
    if (known != given.end())
      result.variables.push_back({name, std::move(value), known->from, known->secret});
    else
      result.variables.push_back({name, std::move(value), variable_source::unknown, false});
  }
  return result;
}

std::vector<limit_use> keeper_host::limits_of(const launch& what) {
  const auto& asked = what.spec->limits;
  const auto to = locate(what.instance, what.incarnation);
  const bool runs = to.known && to.pid > 0 && !to.ended;
  std::vector<limit_use> result;
  const auto unenforced = [&](const char* controller) -> std::string {
    if (!groups_.usable())
      return groups_.report().empty() ? "there are no cgroups here" : groups_.report();
    return groups_.has(controller) ? "" : std::string{"no "} + controller + " controller";
  };
  const auto add = [&](const char* name, const char* controller, const number& wish, auto read,
                       const number& used) {
    limit_use x{name, std::nullopt, used, {}};
    x.limit = runs && to.known->group ? read(to.known->group) : std::nullopt;
    if (wish && !runs && (x.unenforced = unenforced(controller)).empty())
      x.limit = wish;
    if (wish && runs && !x.limit) {
      x.unenforced = unenforced(controller);
      if (x.unenforced.empty())
        x.unenforced = "it was started without";
    }
    if (x.limit || x.used || !x.unenforced.empty())
      result.push_back(std::move(x));
  };
  const auto in_group = [&](const char* file) {
    return [file](const cgroup& group) { return read_number(group, file); };
  };
  const cgroup none;
  const auto& group = runs ? to.known->group : none;
  const auto memory = group ? read_number(group, "memory.current") : std::nullopt;
  add("memory", "memory", as_number(asked.memory), in_group("memory.max"), memory);
  add("memory_high", "memory", as_number(asked.memory_high), in_group("memory.high"),
      asked.memory_high ? memory : std::nullopt);
  add("tasks", "pids", as_number(asked.tasks), in_group("pids.max"),
      group ? read_number(group, "pids.current") : std::nullopt);
  add("cpu", "cpu", as_number(asked.cpu), read_cores, std::nullopt);
  if (asked.cpu_weight)
    add("cpu_weight", "cpu", as_number(asked.cpu_weight), in_group("cpu.weight"), std::nullopt);
  const auto limits = runs ? look_at(to.pid, "limits") : std::nullopt;
  const auto status = runs ? look_at(to.pid, "status") : std::nullopt;
  for (const auto& each : process_limits) {
    limit_use x{each.name, std::nullopt, std::nullopt, {}};
    const auto& wish = asked.*each.asked;
    if (limits)
      x.limit = soft_limit(*limits, each.line);
    else if (!runs)
      x.limit = as_number(wish);
    if (runs && std::strcmp(each.name, "open_files") == 0)
      x.used = as_number(open_files_of(to.pid));
    if (status && std::strcmp(each.name, "locked_memory") == 0)
      x.used = kibibytes(*status, "VmLck:");
    if (status && std::strcmp(each.name, "stack") == 0)
      x.used = kibibytes(*status, "VmStk:");
    if (status && std::strcmp(each.name, "address_space") == 0)
      x.used = kibibytes(*status, "VmSize:");
    // What nobody has set says nothing, but for files: those run out.
    if (wish || (runs && std::strcmp(each.name, "open_files") == 0))
      result.push_back(std::move(x));
  }
  return result;
}

limits_report keeper_host::limits(const std::vector<launch>& what) {
  limits_report result;
  for (const auto& each : what)
    result.of[each.instance] = limits_of(each);
  return result;
}

figures keeper_host::machine() {
  figures result;
  add_process(result, "runtime", ::getpid());
  add_process(result, "keeper", keeper_pid_);
  result.set("epoch", epoch_);
  {
    const std::lock_guard lock{mutex_};
    result.set("slots", table_.size());
  }
  double state = 0;
  for (const char* name : {"state.db", "state.db-wal", "queue.db", "queue.db-wal", "metrics.db"}) {
    struct stat info {};
    if (::stat((state_.path() + '/' + name).c_str(), &info) == 0)
      state += static_cast<double>(info.st_size);
  }
  result.set("state_bytes", state);
  result.set("logs_bytes", bytes_under(state_.path() + "/logs"));
  struct statvfs disk {};
  if (::statvfs(state_.path().c_str(), &disk) == 0 && disk.f_blocks > 0) {
    const auto block = static_cast<double>(disk.f_frsize);
    result.set("disk_bytes", static_cast<double>(disk.f_blocks) * block);
    result.set("disk_free_bytes", static_cast<double>(disk.f_bavail) * block);
  }
  return result;
}

} // namespace troupe::os
