#include "config/plan_compare.hpp"

#include "config/document.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

namespace troupe::config {

namespace {

using nlohmann::json;

using visitor = std::function<void(const std::string&, const json& before, const json& after)>;

/// Visits every leaf that is not the same in both; what is not there is null.
void compare(const json& before, const json& after, const std::string& pointer,
             const visitor& visit) {
  static const auto nothing = json::object();
  static const json absent;
  const auto branch = [](const json& x) { return x.is_object() && !x.empty(); };
  if (before == after)
    return;
  if (!branch(before) && !branch(after))
    return visit(pointer, before, after);
  // An object against a value: that goes, and what is in the object comes.
  if (!before.is_object() && !before.is_null())
    visit(pointer, before, absent);
  if (!after.is_object() && !after.is_null())
    visit(pointer, absent, after);
  const auto& left = before.is_object() ? before : nothing;
  const auto& right = after.is_object() ? after : nothing;
  for (const auto& [key, value] : left.items()) {
    const auto other = right.find(key);
    compare(value, other == right.end() ? absent : *other, pointer_to(pointer, key), visit);
  }
  for (const auto& [key, value] : right.items())
    if (!left.contains(key))
      compare(absent, value, pointer_to(pointer, key), visit);
}

bool is_of_the_bot(std::string_view key) {
  constexpr std::array<std::string_view, 4> keys{"replicas", "instances", "extends", "$schema"};
  return std::ranges::find(keys, key) != keys.end();
}

/// A file of a tree, which may not be there.
class settings_file {
public:
  settings_file(const plan_side& of, const std::string& path) {
    if (const auto* found = of.source ? of.source->find(path) : nullptr)
      if (auto parsed = parse(*found); parsed && (*parsed)->root().is_object())
        parsed_ = std::move(*parsed);
    if (parsed_)
      values_ = parsed_->root();
    values_.erase("$schema");
    values_.erase("defaults"); // of bots
  }

  const json& values() const { return values_; }

  setting at(const std::string& pointer, const json& value) const {
    setting result;
    result.value = value;
    if (parsed_)
      result.file = parsed_->path();
    if (parsed_ && !value.is_null()) {
      const auto place = place_of(parsed_->text(), parsed_->offset(pointer));
      result.line = place.line;
      result.column = place.column;
    }
    return result;
  }

private:
  std::unique_ptr<const parsed_document> parsed_;
  json values_ = json::object();
};

std::vector<value_change> file_changes(const plan_side& from, const plan_side& to,
                                       const std::string& path, schema_kind kind) {
  std::vector<value_change> result;
  const settings_file old{from, path};
  const settings_file next{to, path};
  compare(old.values(), next.values(), "",
          [&](const std::string& pointer, const json& before, const json& after) {
            result.push_back({pointer, before, next.at(pointer, after), class_of(kind, pointer)});
          });
  return result;
}

void collect_groups(const group_ptr& from, std::map<std::string, group_ptr>& out) {
  out[from->name] = from;
  for (const auto& child : from->children)
    if (child.group)
      collect_groups(child.group, out);
}

bool alike(const group_entry& a, const group_entry& b) {
  return a.how == b.how && a.intensity == b.intensity && a.labels == b.labels && a.order == b.order;
}

} // namespace

setting setting_at(const plan_side& of, const std::string& instance, const std::string& pointer,
                   json value) {
  auto result = of.origins ? of.origins->source_of(instance, pointer) : setting{};
  result.value = std::move(value);
  return result;
}

std::vector<value_change> setting_changes(const plan_side& from, const plan_side& to,
                                          const std::string& instance, const bot_spec& before,
                                          const bot_spec& after) {
  std::vector<value_change> result;
  const auto add = [&](const std::string& pointer, json old, json next) {
    result.push_back({pointer, std::move(old), setting_at(to, instance, pointer, std::move(next)),
                      class_of(schema_kind::bot, pointer)});
  };
  if (from.origins && to.origins)
    compare(from.origins->settings(instance, true), to.origins->settings(instance, true), "",
            [&](const std::string& pointer, const json& old, const json& next) {
              if (!is_of_the_bot(pointer_tokens(pointer).front()))
                add(pointer, old, next);
            });
  const auto add_path = [&](const char* pointer, json old, json next) {
    if (old != next && std::ranges::find(result, pointer, &value_change::pointer) == result.end())
      add(pointer, std::move(old), std::move(next));
  };
  add_path("/directory", before.directory, after.directory);
  add_path("/environment_file",
           before.environment_file ? json(*before.environment_file) : json(nullptr),
           after.environment_file ? json(*after.environment_file) : json(nullptr));
  std::ranges::sort(result, {}, &value_change::pointer);
  return result;
}

std::vector<group_step> group_steps(const plan_side& from, const plan_side& to) {
  std::map<std::string, group_ptr> old;
  std::map<std::string, group_ptr> next;
  if (from.spec->root)
    collect_groups(from.spec->root, old);
  if (to.spec->root)
    collect_groups(to.spec->root, next);
  std::set<std::string> names;
  for (const auto* side : {&old, &next})
    for (const auto& [name, group] : *side)
      names.insert(name);
  std::vector<group_step> result;
  for (const auto& name : names) {
    const auto was = old.find(name);
    const auto is = next.find(name);
    auto what = was == old.end()   ? group_step::kind::added
                : is == next.end() ? group_step::kind::removed
                                   : group_step::kind::changed;
    if (what == group_step::kind::changed && alike(*was->second, *is->second))
      continue;
    result.push_back({name, what,
                      file_changes(from, to, name + (name.empty() ? "" : "/") + "group.json",
                                   schema_kind::group)});
  }
  return result;
}

std::vector<value_change> runtime_changes(const plan_side& from, const plan_side& to) {
  const bool named = from.spec->name == to.spec->name;
  if (named && from.spec->runtime == to.spec->runtime)
    return {};
  auto result = file_changes(from, to, "runtime.json", schema_kind::runtime);
  if (!named && std::ranges::find(result, "/fleet", &value_change::pointer) == result.end()) {
    setting after;
    after.value = to.spec->name;
    result.push_back(
        {"/fleet", from.spec->name, std::move(after), class_of(schema_kind::runtime, "/fleet")});
  }
  return result;
}

} // namespace troupe::config
