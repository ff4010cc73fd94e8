#pragma once

// What is run without a fleet: a program as it was typed, or one bot's file.

#include "config/loader.hpp"
#include "config/result.hpp"
#include "config/spec.hpp"
#include "config/tree.hpp"
#include "runtime/os/keeper_client.hpp"
#include "runtime/os/state_directory.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace troupe::solo {

/// Where the bot's own directory is made; null without --state.
using state_ptr = std::shared_ptr<const os::state_directory>;

struct plan {
  std::string name;      ///< of the bot: one component
  config::bot_spec spec; ///< its command and its policy
  /// Everything that is done before a start but the fork. The error is a sentence. Fds and
  /// cgroup of the request are not used: those of the caller are inherited.
  std::function<config::expected<os::spawn_request, std::string>(std::uint64_t incarnation)>
      prepare;
};

/// Of a program and its arguments: it gets the environment as it is, and TROUPE_BOT_DIR when
/// there is a state directory.
plan plan_program(std::vector<std::string> command, state_ptr state);

/// A bot's file that was read.
struct bot_file {
  config::tree source; ///< for excerpts in messages
  config::load_result loaded;
  std::string name;
};

/// Reads and checks the file as if it were a whole tree. `path` is absolute. Warns of what has
/// no effect without a fleet.
bot_file read_bot_file(const std::string& path);

/// Of a file without errors. What it does not set is inherited, but for the directory, which is
/// the file's, and nothing is restarted.
plan plan_bot(const bot_file& file, state_ptr state);

} // namespace troupe::solo
