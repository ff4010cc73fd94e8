#include "config/conflicts.hpp"

#include "config/document.hpp"
#include "config/merge.hpp"
#include "config/overrides.hpp"

#include <map>
#include <optional>
#include <utility>

namespace troupe::config {

namespace {

using nlohmann::json;

/// What is not there; in a tree nothing is.
const json nothing(json::value_t::discarded);

/// The value at a pointer, or `nothing`.
json value_at(const json& settings, const std::vector<std::string>& tokens) {
  const auto* at = &settings;
  for (const auto& token : tokens) {
    if (!at->is_object())
      return nothing;
    const auto member = at->find(token);
    if (member == at->end())
      return nothing;
    at = &*member;
  }
  return *at;
}

/// What a tree says below all overrides; merges the settings of each instance once.
class tree_values {
public:
  explicit tree_values(const provenance& of)
      : of_{of} {
    // nop
  }

  /// Empty when the tree has no such bot.
  std::optional<json> at(const std::string& bot, const std::string& pointer) {
    auto tokens = pointer_tokens(pointer);
    auto instance = bot;
    // What is under /instances/2 is a setting of that instance.
    if (tokens.size() > 2 && tokens[0] == "instances") {
      instance += "#" + tokens[1];
      tokens.erase(tokens.begin(), tokens.begin() + 2);
    }
    auto known = merged_.find(instance);
    if (known == merged_.end())
      known = merged_.emplace(instance, of_.settings(instance, false)).first;
    if (known->second.is_null())
      return std::nullopt;
    return value_at(known->second, tokens);
  }

private:
  const provenance& of_;
  std::map<std::string, json> merged_;
};

bool same(const json& a, const json& b) {
  return a.is_discarded() || b.is_discarded() ? a.is_discarded() == b.is_discarded() : a == b;
}

/// To be shown: what is not there is null.
json shown(json value) {
  return value.is_discarded() ? json(nullptr) : value;
}

template <class F>
void for_each_override(const override_map& overrides, F visit) {
  for (const auto& [bot, patch] : overrides) {
    const auto values = json::parse(patch, nullptr, false);
    if (values.is_object() && !values.empty())
      for_each_leaf(values, [&, name = bot](const std::string& pointer, const json& value) {
        visit(name, pointer, value);
      });
  }
}

} // namespace

std::vector<override_value> list_overrides(const override_map& overrides,
                                           const provenance* origins) {
  std::vector<override_value> result;
  std::optional<tree_values> tree;
  if (origins)
    tree.emplace(*origins);
  for_each_override(overrides,
                    [&](const std::string& bot, const std::string& pointer, const json& value) {
                      auto below = tree ? tree->at(bot, pointer) : std::nullopt;
                      result.push_back({bot, pointer, value, below ? std::move(*below) : nothing});
                    });
  return result;
}

std::vector<conflict>
find_conflicts(const override_map& mine, const provenance& base, const provenance& theirs,
               const std::function<set_by(const std::string&, const std::string&)>& who) {
  std::vector<conflict> result;
  tree_values before{base};
  tree_values after{theirs};
  for_each_override(
      mine, [&](const std::string& bot, const std::string& pointer, const json& value) {
        auto was = before.at(bot, pointer);
        auto is = after.at(bot, pointer);
        // An override that is null wants what the tree may now say by itself: nothing.
        if (!was || !is || same(*was, *is) || same(value.is_null() ? nothing : value, *is))
          return;
        result.push_back({bot, pointer, value, shown(std::move(*is)), shown(std::move(*was)),
                          who ? who(bot, pointer) : set_by{}});
      });
  return result;
}

override_map without(override_map overrides, const std::vector<conflict>& lost) {
  for (const auto& one : lost) {
    const auto patch = overrides.find(one.bot);
    if (patch == overrides.end())
      continue;
    patch->second = without_override(patch->second, one.pointer);
    if (patch->second.empty())
      overrides.erase(patch);
  }
  return overrides;
}

} // namespace troupe::config
