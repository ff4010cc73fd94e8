#include "actors/commands/documents.hpp"
#include "config/masking.hpp"

#include <array>
#include <cstring>

namespace troupe::commands {

namespace {

double seconds(config::duration value) {
  return std::chrono::duration<double>{value}.count();
}

template <class T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

json hook(const std::optional<config::hook_spec>& what) {
  if (!what)
    return nullptr;
  json result;
  result["command"] = what->command;
  result["timeout_s"] = seconds(what->timeout);
  return result;
}

json ready_check(const config::ready_spec& check) {
  if (check.how == config::ready_spec::kind::none)
    return nullptr;
  constexpr std::array kinds{"none", "tcp", "http", "exec", "output", "file", "notify", "link"};
  json result;
  result["kind"] = kinds.at(static_cast<std::size_t>(check.how));
  if (!check.value.empty())
    result["value"] = config::masked(check.value);
  if (!check.command.empty())
    result["command"] = check.command;
  using enum config::ready_spec::kind;
  if (check.how != output && check.how != notify && check.how != config::ready_spec::kind::link) {
    result["interval_s"] = seconds(check.interval);
    result["timeout_s"] = seconds(check.timeout);
  }
  return result;
}

json mailbox(const config::mailbox_spec& from) {
  constexpr std::array words{"reject", "drop_oldest", "drop_newest", "spill"};
  json result;
  result["messages"] = from.messages;
  result["bytes"] = from.bytes;
  result["overflow"] = words.at(static_cast<std::size_t>(from.when_full));
  result["spill"] = from.when_full == config::overflow::spill ? json(from.spill) : json(nullptr);
  return result;
}

json dependencies(const std::vector<config::dependency>& from) {
  constexpr std::array words{"started", "ready", "completed", "output"};
  json result = json::object();
  for (const auto& one : from)
    result[one.target] = words.at(static_cast<std::size_t>(one.until));
  return result;
}

json limits(const config::limits_spec& from) {
  json result = json::object();
  const auto add = [&](const char* name, const auto& value) {
    if (value)
      result[name] = *value;
  };
  add("memory", from.memory);
  add("memory_high", from.memory_high);
  add("tasks", from.tasks);
  add("cpu_weight", from.cpu_weight);
  add("cpu", from.cpu);
  add("open_files", from.open_files);
  add("processes", from.processes);
  add("file_size", from.file_size);
  add("core_size", from.core_size);
  add("locked_memory", from.locked_memory);
  add("stack", from.stack);
  add("address_space", from.address_space);
  return result;
}

std::string signal_name(int number) {
  const char* name = sigabbrev_np(number);
  return name ? name : std::to_string(number);
}

std::string octal(std::uint32_t mask) {
  char text[16];
  std::snprintf(text, sizeof text, "%03o", mask);
  return text;
}

} // namespace

json settings(const config::bot_spec& spec) {
  constexpr std::array restart_words{"permanent", "transient", "temporary"};
  constexpr std::array balances{"least_loaded", "round_robin", "consistent_hash", "two_choices"};
  json result;
  if (!spec.description.empty())
    result["description"] = spec.description;
  result["command"] = spec.command;
  result["directory"] = spec.directory;
  result["user"] = or_null(spec.user);
  result["group"] = or_null(spec.group);
  result["umask"] = octal(spec.umask);
  result["environment"] = config::masked(spec.environment, "/environment");
  result["environment_file"] = or_null(spec.environment_file);
  result["pass_environment"] = spec.pass_environment;
  result["autostart"] = spec.autostart;
  result["labels"] = spec.labels;
  result["depends_on"] = dependencies(spec.depends_on);
  result["restart"] = restart_words.at(static_cast<std::size_t>(spec.restart));
  result["success_codes"] = spec.success_codes;
  result["no_restart_codes"] = spec.no_restart_codes;
  auto& delay = result["delay"];
  delay["initial_s"] = seconds(spec.delay.initial);
  delay["factor"] = spec.delay.factor;
  delay["max_s"] = seconds(spec.delay.max);
  delay["jitter"] = spec.delay.jitter;
  delay["reset_after_s"] = seconds(spec.delay.reset_after);
  result["failed_starts"] = spec.failed_starts;
  result["max_restarts"]["count"] = spec.max_restarts.count;
  result["max_restarts"]["within_s"] = seconds(spec.max_restarts.within);
  result["retry_failed"]["initial_s"] = seconds(spec.retry_failed.initial);
  result["retry_failed"]["max_s"] = seconds(spec.retry_failed.max);
  result["ready"] = ready_check(spec.ready);
  result["start_grace_s"] = seconds(spec.start_grace);
  result["start_timeout_s"] = seconds(spec.start_timeout);
  result["start_command"] = hook(spec.start_command);
  result["stop_command"] = hook(spec.stop_command);
  result["on_crash"] = hook(spec.on_crash);
  result["stop_signal"] = signal_name(spec.stop_signal);
  result["stop_timeout_s"] = seconds(spec.stop_timeout);
  result["kill_mode"] = spec.kill == config::kill_mode::group ? "group" : "process";
  result["drain_timeout_s"] = seconds(spec.drain_timeout);
  result["flatten_timeout_s"] = seconds(spec.flatten_timeout);
  result["on_hang"] = spec.on_hang == config::hang_action::restart ? "restart" : "report";
  result["watchdog_s"] = spec.watchdog ? json(seconds(*spec.watchdog)) : json(nullptr);
  result["limits"] = limits(spec.limits);
  result["nice"] = or_null(spec.nice);
  result["oom_score_adj"] = or_null(spec.oom_score_adj);
  result["no_new_privs"] = spec.no_new_privs;
  result["mailbox"] = mailbox(spec.mailbox);
  result["balance"] = balances.at(static_cast<std::size_t>(spec.balance));
  result["may_send"] = or_null(spec.may_send);
  result["may_subscribe"] = or_null(spec.may_subscribe);
  result["max_deliveries"] = spec.max_deliveries;
  result["settings"] = config::masked(json::parse(spec.settings), "/settings");
  return result;
}

} // namespace troupe::commands
