#pragma once

// What a slot of the keeper is there for: the bot itself, or a task beside it. A task is
// started exactly as its bot is, with another command, in a slot and a cgroup of its own.

#include "config/spec.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::os {

enum class job : std::uint8_t {
  bot,
  start_command, ///< before the bot
  stop_command,  ///< in place of the stop signal
  on_crash,      ///< after its death
  check,         ///< of `ready.exec`
};

inline constexpr job all_tasks[] = {job::start_command, job::stop_command, job::on_crash,
                                    job::check};

/// «start_command»; of the bot itself «bot».
std::string_view to_string(job);

/// The name of a slot: `market/trader#0` of the bot, `market/trader#0:on_crash` of a task.
std::string slot_name(const std::string& instance, job);

/// The two parts of such a name.
struct slot_owner {
  std::string instance;
  job as = job::bot;
};
slot_owner split_slot_name(std::string_view name);

/// The bot as it is for one of its tasks: the same but for the command, and without what
/// only the bot itself is asked for. The command is empty when it has no such task.
config::bot_spec_ptr task_spec(const config::bot_spec& bot, job);

/// The time limit of a task.
config::duration task_timeout(const config::bot_spec& bot, job);

} // namespace troupe::os
