#pragma once

// How a plan is shown: the documents of the operations `plan` and `apply`, see
// actors/config.hpp. Secrets are masked in all of it.

#include "config/conflicts.hpp"
#include "config/plan.hpp"
#include "config/problem.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::config {

/// {pointer, before, after, scope, file, line, column, change}; `scope` is null when nothing sets
/// the value any more, the place is null where there is none.
nlohmann::json to_json(const value_change& what);

/// The members `changes` (counts), `instances`, `groups` and `runtime`.
nlohmann::json to_json(const fleet_plan& what);

/// {bot, pointer, mine, theirs, before, set_by, set_at}.
nlohmann::json to_json(const conflict& what);

/// {bot, pointer, value, tree_value?}.
nlohmann::json to_json(const override_value& what);

/// What belongs to a plan beside its steps.
struct plan_context {
  std::uint64_t version = 0; ///< of the config in force
  std::string hash;          ///< of the new one
  std::vector<problem> problems;
  std::vector<override_value> overrides;
  std::vector<conflict> conflicts;
};

/// The whole document.
nlohmann::json plan_document(const fleet_plan& what, const plan_context& around);

} // namespace troupe::config
