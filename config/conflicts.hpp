#pragma once

// What operators have set above the tree, when the tree changes below it.

#include "config/provenance.hpp"
#include "config/spec.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <string>
#include <vector>

namespace troupe::config {

/// One value that an operator has set.
struct override_value {
  std::string bot;
  std::string pointer;  ///< in the bot's file; what concerns one instance is under /instances/N
  nlohmann::json value; ///< null: it takes away what the tree says
  nlohmann::json tree_value; ///< what would hold without it; discarded: nothing
};

/// Who has set a value, and when.
struct set_by {
  std::string who; ///< empty: not known
  std::string at;  ///< RFC 3339; empty: not known
};

/// An override whose value the tree has changed too, to something else.
struct conflict {
  std::string bot;
  std::string pointer;
  nlohmann::json mine;   ///< the override; null: it takes the value away
  nlohmann::json theirs; ///< what the new tree says; null: nothing
  nlohmann::json before; ///< what the applied tree says; null: nothing
  set_by set;
};

/// All overrides, by bot and pointer, with what `origins` (which may be null) says below them.
std::vector<override_value> list_overrides(const override_map& overrides,
                                           const provenance* origins);

/// The three-way comparison: `base` is the applied tree, `theirs` the new one; both may be loaded
/// under any overrides. What the tree changes elsewhere, or changes to the same value, goes
/// together by itself. Overrides of bots that one of the two trees does not have never conflict.
std::vector<conflict> find_conflicts(
    const override_map& mine, const provenance& base, const provenance& theirs,
    const std::function<set_by(const std::string& bot, const std::string& pointer)>& who = {});

/// What is left of the overrides when the tree wins these conflicts. (When the overrides win, all
/// is left: afterwards `theirs` is the applied tree, and there is no conflict any more.)
override_map without(override_map overrides, const std::vector<conflict>& lost);

} // namespace troupe::config
