#include "config/plan_json.hpp"

#include "config/masking.hpp"

namespace troupe::config {

namespace {

using nlohmann::json;

json changes_json(const std::vector<value_change>& changes) {
  auto result = json::array();
  for (const auto& one : changes)
    result.push_back(to_json(one));
  return result;
}

template <class List>
json list_json(const List& list) {
  auto result = json::array();
  for (const auto& one : list)
    result.push_back(to_json(one));
  return result;
}

} // namespace

json to_json(const value_change& what) {
  const auto& after = what.after;
  // What stands in group.json or runtime.json is in no scope, nor is what is gone without a trace.
  const bool in_scope =
      after.where != scope::built_in || (after.file.empty() && !after.value.is_null());
  json result;
  result["pointer"] = what.pointer;
  result["before"] = masked(what.before, what.pointer);
  result["after"] = masked(after.value, what.pointer);
  result["scope"] = in_scope ? json(to_string(after.where)) : json(nullptr);
  result["file"] = after.file.empty() ? json(nullptr) : json(after.file);
  result["line"] = after.line == 0 ? json(nullptr) : json(after.line);
  result["column"] = after.column == 0 ? json(nullptr) : json(after.column);
  result["change"] = to_string(what.when);
  return result;
}

json to_json(const fleet_plan& what) {
  json result;
  for (const auto kind :
       {step_kind::restart, step_kind::start, step_kind::stop, step_kind::adjust, step_kind::note})
    result["changes"][std::string{to_string(kind)}] = what.count(kind);
  auto& instances = result["instances"] = json::array();
  for (const auto& step : what.instances) {
    json one;
    one["name"] = step.name;
    one["what"] = to_string(step.what);
    one["why"] = step.why;
    one["changes"] = changes_json(*step.changes);
    instances.push_back(std::move(one));
  }
  auto& groups = result["groups"] = json::array();
  for (const auto& step : what.groups) {
    json one;
    one["name"] = step.name;
    one["what"] = to_string(step.what);
    one["changes"] = changes_json(step.changes);
    groups.push_back(std::move(one));
  }
  result["runtime"] = changes_json(what.runtime);
  return result;
}

json to_json(const conflict& what) {
  json result;
  result["bot"] = what.bot;
  result["pointer"] = what.pointer;
  result["mine"] = masked(what.mine, what.pointer);
  result["theirs"] = masked(what.theirs, what.pointer);
  result["before"] = masked(what.before, what.pointer);
  result["set_by"] = what.set.who.empty() ? json(nullptr) : json(what.set.who);
  result["set_at"] = what.set.at.empty() ? json(nullptr) : json(what.set.at);
  return result;
}

json to_json(const override_value& what) {
  json result;
  result["bot"] = what.bot;
  result["pointer"] = what.pointer;
  result["value"] = masked(what.value, what.pointer);
  if (!what.tree_value.is_discarded())
    result["tree_value"] = masked(what.tree_value, what.pointer);
  return result;
}

json plan_document(const fleet_plan& what, const plan_context& around) {
  auto result = to_json(what);
  result["version"] = around.version;
  result["hash"] = around.hash;
  result["problems"] = list_json(around.problems);
  result["overrides"] = list_json(around.overrides);
  result["conflicts"] = list_json(around.conflicts);
  return result;
}

} // namespace troupe::config
