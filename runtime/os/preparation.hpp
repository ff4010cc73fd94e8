#pragma once

#include "actors/seams.hpp"
#include "runtime/os/cgroup.hpp"
#include "runtime/os/environment.hpp"
#include "runtime/os/jobs.hpp"
#include "runtime/os/keeper_client.hpp"
#include "runtime/os/link_keys.hpp"
#include "runtime/os/state_directory.hpp"
#include "runtime/os/users.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace troupe::os {

/// What is to be started.
struct preparation {
  launch what;                                    ///< of a task: with its `task_spec`
  job as = job::bot;                              ///< decides the name of the slot
  std::map<std::string, std::string> variables{}; ///< more of its environment
};

/// The key of a process's link, and who may use it.
struct owned_key {
  link_key key{};
  uid_t uid = 0;
};

/// A process that can be asked for now.
struct prepared {
  spawn_request request;
  unique_fd output;              ///< the read end of its stdout and stderr
  unique_fd notify;              ///< its notify socket, if it uses one
  cgroup group;                  ///< none without cgroups
  std::optional<owned_key> link; ///< of a bot
};

/// Everything that is done before the keeper is asked: names, directory, cgroup, pipe,
/// environment. The error is a sentence with the step, what it was about and why; nothing
/// is left behind then. `groups` may be unusable.
config::expected<prepared, std::string> prepare(const preparation& x, const state_directory& state,
                                                const cgroup_tree& groups, const std::string& tree,
                                                const environment_lookup& original,
                                                users& accounts);

/// A limit that the kernel keeps for each process alone.
struct own_limit {
  const char* key; ///< in a bot's file
  int which;       ///< RLIMIT_…
  std::optional<std::uint64_t> config::limits_spec::*value;
};
extern const std::array<own_limit, 7> own_limits;

/// The RLIMIT_… that the limits of a bot amount to; the others are for its cgroup.
std::vector<std::pair<int, rlimit>> make_limits(const config::limits_spec& limits);

/// What placeholders stand for at a start of that instance; the error: it is no instance's name.
/// `original` must outlive it.
config::expected<config::expand_context, std::string>
start_context(const std::string& instance, const std::string& tree,
              const environment_lookup& original);

/// What a bot finds as TROUPE_LINK.
std::string link_path(const state_directory& state);

/// Whether a bot is given a NOTIFY_SOCKET.
bool uses_notify(const config::bot_spec& spec);

/// What a slot remembers of its start, besides what the keeper knows: words of the form
/// `name=value`, at most 1 KiB in all. A name that is not known is passed over.
std::string make_blob(std::int64_t started, const config::bot_spec& spec,
                      const std::optional<owned_key>& link);

/// The start in Unix microseconds, 0 when the blob is not ours.
std::int64_t started_from_blob(std::string_view blob);

/// config::bot_spec::fingerprint of what it was started with, 0 when that is not known.
std::uint64_t settings_from_blob(std::string_view blob);

/// The key of its link; nothing when it has none.
std::optional<owned_key> link_from_blob(std::string_view blob);

/// How the output is to be kept; what an older blob does not say is as by default.
config::log_spec log_from_blob(std::string_view blob);

/// «chdir /srv/x: No such file or directory» for a step of the keeper that failed.
std::string describe_failure(spawn_step step, int error, const config::bot_spec& spec,
                             const std::string& directory);

} // namespace troupe::os
