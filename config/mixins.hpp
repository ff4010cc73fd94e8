#pragma once

#include "config/fleet_files.hpp"
#include "config/problem_bag.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

namespace troupe::config {

/// Bounds of what one bot may extend.
struct mixin_limits {
  static constexpr std::size_t depth = 32;    ///< of mixins that extend mixins
  static constexpr std::size_t lineage = 256; ///< mixins that one brings along
};

/// What a value of `extends` names: the pointer of each name within the value, and the name.
std::vector<std::pair<std::string, std::string>> extended_names(const nlohmann::json& extends);

/// Works out what each mixin brings along; reports circles and what passes `mixin_limits`.
void resolve_mixins(fleet_files& files, problem_bag& problems);

} // namespace troupe::config
