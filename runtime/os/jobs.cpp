#include "runtime/os/jobs.hpp"

#include <memory>

namespace troupe::os {

namespace {

const std::optional<config::hook_spec>& hook_of(const config::bot_spec& bot, job as) {
  static const std::optional<config::hook_spec> none;
  switch (as) {
  case job::start_command:
    return bot.start_command;
  case job::stop_command:
    return bot.stop_command;
  case job::on_crash:
    return bot.on_crash;
  default:
    return none;
  }
}

} // namespace

std::string_view to_string(job x) {
  switch (x) {
  case job::start_command:
    return "start_command";
  case job::stop_command:
    return "stop_command";
  case job::on_crash:
    return "on_crash";
  case job::check:
    return "check";
  case job::bot:
    break;
  }
  return "bot";
}

std::string slot_name(const std::string& instance, job as) {
  return as == job::bot ? instance : instance + ':' + std::string{to_string(as)};
}

slot_owner split_slot_name(std::string_view name) {
  const auto colon = name.rfind(':');
  if (colon != std::string_view::npos)
    for (const auto as : all_tasks)
      if (name.substr(colon + 1) == to_string(as))
        return {std::string{name.substr(0, colon)}, as};
  return {std::string{name}, job::bot};
}

config::bot_spec_ptr task_spec(const config::bot_spec& bot, job as) {
  auto result = std::make_shared<config::bot_spec>(bot);
  const auto& hook = hook_of(bot, as);
  if (as == job::check)
    result->command = bot.ready.command;
  else
    result->command = hook ? hook->command : std::vector<std::string>{};
  result->ready = {};
  result->watchdog.reset();
  result->awaited_output.clear();
  return result;
}

config::duration task_timeout(const config::bot_spec& bot, job as) {
  const auto& hook = hook_of(bot, as);
  return hook ? hook->timeout : bot.ready.timeout;
}

} // namespace troupe::os
