#pragma once

#include "actors/seams.hpp"
#include "config/expand.hpp"
#include "config/result.hpp"
#include "config/spec.hpp"
#include "runtime/os/state_directory.hpp"
#include "runtime/os/users.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::os {

/// Lines NAME=VALUE; blank ones and those that begin with '#' are skipped, «export » before
/// and quotes around are taken away. The error names the line and never a value.
config::expected<std::map<std::string, std::string>, std::string>
parse_environment_file(std::string_view text);

/// The secret NAME: the file `TREE/secrets/NAME`, which nobody else may read, else the
/// systemd credential of that name. One newline at its end is not part of it. The error
/// never holds a value.
config::expected<std::string, std::string>
read_secret(const std::string& tree, const environment_lookup& env, const std::string& name);

/// What makes up a bot's environment.
struct environment_request {
  const config::bot_spec& spec;
  const config::expand_context& expand;
  const environment_lookup& original; ///< that of `troupe run`
  const identity& who;
  std::uint64_t incarnation = 0;
  std::string bot_directory;
  std::string directory;                     ///< what a relative environment_file counts from
  std::map<std::string, std::string> more{}; ///< of this start; stronger than the bot's own
  std::set<std::string> without{};           ///< taken away again
};

/// All of it, by name, with where each comes from. Weakest first: PATH, HOME, USER, LANG, TZ;
/// pass_environment; the environment_file; the bot's own; TROUPE_…
config::expected<std::vector<variable>, std::string>
compose_environment(const environment_request& x);

/// The same as NAME=VALUE, for a process.
config::expected<std::vector<std::string>, std::string>
make_environment(const environment_request& x);

} // namespace troupe::os
