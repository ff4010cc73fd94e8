#pragma once

#include "actors/seams.hpp"
#include "runtime/os/cgroup.hpp"
#include "runtime/os/environment.hpp"
#include "runtime/os/keeper_client.hpp"
#include "runtime/os/state_directory.hpp"
#include "runtime/os/users.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace troupe::os {

/// A process that can be asked for now.
struct prepared {
  spawn_request request;
  unique_fd output; ///< the read end of its stdout and stderr
  cgroup group;     ///< none without cgroups
};

/// Everything that is done before the keeper is asked: names, directory, cgroup, pipe,
/// environment. The error is a sentence with the step, what it was about and why; nothing
/// is left behind then. `groups` may be unusable.
config::expected<prepared, std::string> prepare(const launch& what, const state_directory& state,
                                                const cgroup_tree& groups, const std::string& tree,
                                                const environment_lookup& original,
                                                users& accounts);

/// The RLIMIT_… that the limits of a bot amount to; the others are for its cgroup.
std::vector<std::pair<int, rlimit>> make_limits(const config::limits_spec& limits);

/// What a slot remembers of its start, besides what the keeper knows.
std::string make_blob(std::int64_t started);

/// The start in Unix microseconds, 0 when the blob is not ours.
std::int64_t started_from_blob(std::string_view blob);

/// «chdir /srv/x: No such file or directory» for a step of the keeper that failed.
std::string describe_failure(spawn_step step, int error, const config::bot_spec& spec,
                             const std::string& directory);

} // namespace troupe::os
