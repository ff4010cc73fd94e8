#pragma once

// Which values differ between two configs; for config/plan.cpp.

#include "config/plan.hpp"

#include <string>
#include <vector>

namespace troupe::config {

/// A value of an instance with what sets it in that config.
setting setting_at(const plan_side& of, const std::string& instance, const std::string& pointer,
                   nlohmann::json value);

/// The settings of an instance that differ, by pointer: `replicas` and what else is no setting of
/// an instance left out. Paths count as they come out, so one may differ that is written alike.
std::vector<value_change> setting_changes(const plan_side& from, const plan_side& to,
                                          const std::string& instance, const bot_spec& before,
                                          const bot_spec& after);

/// The groups that came, went, or have other settings of their own, by name.
std::vector<group_step> group_steps(const plan_side& from, const plan_side& to);

/// What differs in runtime.json, if it has an effect.
std::vector<value_change> runtime_changes(const plan_side& from, const plan_side& to);

} // namespace troupe::config
