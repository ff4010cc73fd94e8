#include "config/fleet_provenance.hpp"

#include "config/document.hpp"
#include "config/merge.hpp"
#include "config/names.hpp"
#include "config/schema.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

namespace troupe::config {

namespace {

using nlohmann::json;

/// What a value says of the tokens: the value there, or one above it that is no object and so
/// leaves nothing below; null when it says nothing.
const json* said_by(const json& value, const std::vector<std::string>& tokens) {
  const auto* at = &value;
  for (const auto& token : tokens) {
    if (!at->is_object())
      return at;
    const auto member = at->find(token);
    if (member == at->end())
      return nullptr;
    at = &*member;
  }
  return at;
}

/// The value itself; null when it is not there.
const json* value_at(const json& value, const std::vector<std::string>& tokens) {
  const auto* at = &value;
  for (const auto& token : tokens) {
    if (!at->is_object() || !at->contains(token))
      return nullptr;
    at = &(*at)[token];
  }
  return at;
}

/// The layers of one subject, and what was made only for it.
struct layer_stack {
  std::vector<layer> layers; ///< weakest first
  std::deque<json> made;     ///< values that layers point to
  schema_kind kind = schema_kind::bot;

  json merged() const {
    auto result = json::object();
    for (const auto& one : layers)
      merge_settings(result, *one.value);
    if (kind == schema_kind::group)
      result.erase("defaults"); // of the bots below, not of the group
    return result;
  }
};

/// Finds places; scans each document once.
class place_finder {
public:
  void put_place(setting& out, const layer& from, const std::string& pointer) {
    out.where = from.where;
    if (!from.source || from.where == scope::operator_override)
      return;
    auto known = lines_.find(from.source);
    if (known == lines_.end())
      known = lines_.emplace(from.source, line_index{from.source->text()}).first;
    const auto place = known->second.place_of(from.source->offset(from.base + pointer));
    out.file = from.source->path();
    out.line = place.line;
    out.column = place.column;
  }

private:
  std::map<const parsed_document*, line_index> lines_;
};

class fleet_provenance final : public provenance {
public:
  fleet_provenance(std::shared_ptr<const fleet_files> files, spec_ptr spec)
      : files_{std::move(files)}
      , spec_{std::move(spec)} {}

  expected<std::vector<origin>, std::string> explain(const std::string& instance,
                                                     const std::string& pointer) const override {
    const auto stack = instance.ends_with('/') ? stack_of_group(instance) : stack_of(instance);
    if (!stack)
      return unexpected{stack.error()};
    const auto merged = stack->merged();
    const auto tokens = pointer_tokens(pointer);
    const auto* part = value_at(merged, tokens);
    place_finder places;
    std::vector<origin> result;
    if (!part) {
      auto gone = origin_at(*stack, pointer, nullptr, places);
      if (!gone)
        return unexpected{nobody_sets(instance, pointer, *stack)};
      result.push_back(*std::move(gone));
      return result;
    }
    for_each_leaf(*part, [&](const std::string& below, const json& value) {
      if (auto leaf = origin_at(*stack, pointer + below, value, places))
        result.push_back(*std::move(leaf));
    });
    return result;
  }

  json settings(const std::string& instance, bool with_overrides) const override {
    const auto name = split_instance(instance);
    if (!name || !files_->bots.contains(name->bot))
      return nullptr;
    auto merged = json::object();
    for (const auto& one : files_->layers_of(name->bot, name->index.value_or(0)))
      if (with_overrides || one.where != scope::operator_override)
        merge_settings(merged, *one.value);
    return merged;
  }

  setting source_of(const std::string& instance, const std::string& pointer) const override {
    setting result;
    const auto name = split_instance(instance);
    if (!name || !files_->bots.contains(name->bot))
      return result;
    const auto layers = files_->layers_of(name->bot, name->index.value_or(0));
    if (const auto at = locate(layers, pointer))
      place_finder{}.put_place(result, layers[*at], pointer);
    return result;
  }

private:
  expected<layer_stack, std::string> stack_of(const std::string& instance) const {
    const auto name = split_instance(instance);
    const auto bot = name ? spec_->bots.find(name->bot) : spec_->bots.end();
    if (bot == spec_->bots.end())
      return unexpected{"there is no bot " + in_quotes(name ? name->bot : instance)};
    const auto index = name->index.value_or(0);
    const auto count = bot->second->instances.size();
    if (index >= count)
      return unexpected{name->bot + " has " + std::to_string(count)
                        + " instances, the last one is #" + std::to_string(count - 1)};
    layer_stack result;
    result.layers = files_->layers_of(name->bot, index);
    return result;
  }

  /// A group has its own file and nothing above it, but for the tenant, which is inherited.
  expected<layer_stack, std::string> stack_of_group(const std::string& written) const {
    const auto name = written.substr(0, written.size() - 1);
    if (!files_->groups.contains(name))
      return unexpected{"there is no group " + in_quotes(written)};
    layer_stack result;
    result.kind = schema_kind::group;
    result.layers.push_back({scope::built_in, &built_in_settings(schema_kind::group), nullptr, ""});
    auto inherit_tenant = [&](const std::string& group) {
      const auto* source = files_->groups.at(group).source;
      if (!source || !source->root().contains("tenant"))
        return;
      result.made.push_back({{"tenant", source->root()["tenant"]}});
      result.layers.push_back(
          {group.empty() ? scope::root : scope::group, &result.made.back(), source, ""});
    };
    if (!name.empty())
      inherit_tenant("");
    for (auto slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
      inherit_tenant(name.substr(0, slash));
    if (const auto* own = files_->groups.at(name).source)
      result.layers.push_back({name.empty() ? scope::root : scope::group, &own->root(), own, ""});
    return result;
  }

  /// Who sets a value, and what the weaker ones say; nothing when no scope says anything.
  static std::optional<origin> origin_at(const layer_stack& stack, const std::string& pointer,
                                         const json& value, place_finder& places) {
    const auto tokens = pointer_tokens(pointer);
    std::optional<origin> result;
    for (auto one = stack.layers.rbegin(); one != stack.layers.rend(); ++one) {
      const auto* said = said_by(*one->value, tokens);
      if (!said)
        continue;
      if (!result) {
        result.emplace();
        result->pointer = pointer;
        result->value = value;
        places.put_place(*result, *one, pointer);
        continue;
      }
      auto& weaker = result->overrides.emplace_back();
      weaker.value = *said;
      places.put_place(weaker, *one, pointer);
    }
    return result;
  }

  static std::string nobody_sets(const std::string& instance, const std::string& pointer,
                                 const layer_stack& stack) {
    const auto tokens = pointer_tokens(pointer);
    auto text = "nobody sets " + in_quotes(pointer) + " of " + instance;
    const auto& known = keys_of(stack.kind);
    if (!tokens.empty() && std::find(known.begin(), known.end(), tokens.front()) == known.end())
      if (const auto hint = did_you_mean(tokens.front(), known); !hint.empty())
        text += "; " + hint;
    return text;
  }

  std::shared_ptr<const fleet_files> files_;
  spec_ptr spec_;
};

} // namespace

std::shared_ptr<const provenance> make_provenance(std::shared_ptr<const fleet_files> files,
                                                  spec_ptr spec) {
  return std::make_shared<fleet_provenance>(std::move(files), std::move(spec));
}

} // namespace troupe::config
