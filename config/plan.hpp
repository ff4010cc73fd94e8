#pragma once

// What would happen if one loaded config took the place of another. Pure; nothing here carries
// anything out, but what does looks at the same fingerprints.

#include "config/provenance.hpp"
#include "config/schema.hpp"
#include "config/spec.hpp"
#include "config/tree.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::config {

/// When a setting that has changed comes into force: the schema's `x-change`.
enum class change_class : std::uint8_t {
  now,        ///< at once, in place
  next_start, ///< from the next start on; nobody is restarted for it
  restart,    ///< with a new process; of runtime.json: with the next `troupe run`
};

/// «now», «next_start», «restart».
std::string_view to_string(change_class);

/// The class of what `pointer` names in a document of that kind; of the innermost key on its way
/// for which the schema says one. Keys that no schema knows count as `now`.
change_class class_of(schema_kind which, std::string_view pointer);

/// One value that is not what it was.
struct value_change {
  std::string pointer;   ///< in the merged settings, or in the file of a group or the runtime
  nlohmann::json before; ///< null: it was not there
  setting after;         ///< its value is null: it is gone; and what sets it, or takes it away
  change_class when = change_class::now;
};
using change_list = std::shared_ptr<const std::vector<value_change>>;

/// What happens to an instance.
enum class step_kind : std::uint8_t {
  start,   ///< it is new
  stop,    ///< it is no more
  restart, ///< its process is replaced
  adjust,  ///< something changes in place
  note,    ///< something is for the next start only; it may be new and not start by itself
};

/// «start», …
std::string_view to_string(step_kind);

struct instance_step {
  std::string name; ///< `market/trader#0`
  step_kind what = step_kind::note;
  std::string why;     ///< «command», «replicas», «new», «renamed from market/old»
  change_list changes; ///< never null; shared by instances of one bot
  bot_spec_ptr before; ///< null: there was none
  bot_spec_ptr after;  ///< null: there is none any more
};

struct group_step {
  enum class kind : std::uint8_t { added, removed, changed };
  std::string name; ///< empty for the root
  kind what = kind::changed;
  std::vector<value_change> changes;
};

/// «added», …
std::string_view to_string(group_step::kind);

struct fleet_plan {
  std::vector<instance_step> instances; ///< by bot, then by index
  std::vector<group_step> groups;       ///< by name
  std::vector<value_change> runtime;
  std::array<std::size_t, 5> counts{}; ///< of `instances`, by step_kind

  std::size_t count(step_kind of) const { return counts[static_cast<std::size_t>(of)]; }
  /// Whether nothing would happen. (Comments may differ all the same, and values in spelling.)
  bool empty() const { return instances.empty() && groups.empty() && runtime.empty(); }
};

/// One of the two configs. Without `origins` values are not told apart, only instances.
struct plan_side {
  spec_ptr spec;
  const tree* source = nullptr; ///< what `spec` was made of
  std::shared_ptr<const provenance> origins;
};

struct plan_options {
  /// Whether an instance of the old config has a process; unset: all have. One that has none is
  /// not restarted but takes its new settings when it starts.
  std::function<bool(const std::string& instance)> has_process;
};

/// What has to happen to come from one config to another. Costs a comparison for each instance
/// that stays as it is; settings are merged and compared only of those that differ.
fleet_plan make_plan(const plan_side& from, const plan_side& to, const plan_options& options = {});

} // namespace troupe::config
