#pragma once

#include "config/fleet_files.hpp"
#include "config/problem_bag.hpp"
#include "config/spec.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace troupe::config {

/// A bot with its settings merged and decoded; names in `depends_on` are as written.
struct merged_bot {
  std::vector<bot_spec> distinct;       ///< the settings that differ
  std::vector<std::uint32_t> instances; ///< index into `distinct` for each instance
  std::uint32_t written = 1;            ///< how many instances the files say
};

/// Merges and decodes every bot, and reports what only the merged values show: what is
/// missing, and pairs that contradict each other.
std::map<std::string, merged_bot> merge_bots(const fleet_files& files, problem_bag& problems);

/// Replaces the names in every `depends_on` by full ones; reports those that name nothing,
/// and cycles, those made by `order` included.
void resolve_dependencies(const fleet_files& files, std::map<std::string, merged_bot>& bots,
                          problem_bag& problems);

/// Puts everything together; to be called only when there are no errors.
spec_ptr build_fleet(const fleet_files& files, std::map<std::string, merged_bot> bots);

} // namespace troupe::config
