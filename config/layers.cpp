// The order of the scopes: which layers make up the settings of a bot.
#include "config/fleet_files.hpp"
#include "config/mixins.hpp"
#include "config/names.hpp"
#include "config/schema.hpp"

#include <algorithm>

namespace troupe::config {

namespace {

using nlohmann::json;

void push_member(std::vector<layer>& out, scope where, const parsed_document* source,
                 std::initializer_list<std::string_view> keys) {
  if (!source)
    return;
  const auto* value = &source->root();
  std::string base;
  for (const auto& key : keys) {
    value = object_member(*value, std::string{key});
    if (!value)
      return;
    base = pointer_to(base, key);
  }
  if (value->is_object())
    out.push_back({where, value, source, std::move(base)});
}

/// A document that may speak of one bot, and where in it.
struct speaker {
  scope where;
  const parsed_document* source;
  bool by_name; ///< under `bots`, as profiles and tenants do
};

/// Adds what a document says of one instance. A `null` there, or in place of all of
/// `instances`, takes away what weaker documents say of it.
void push_instance(std::vector<layer>& out, const speaker& from, const std::string& bot,
                   const std::string& key) {
  if (!from.source)
    return;
  const auto* settings = &from.source->root();
  if (from.by_name) {
    const auto* bots = object_member(*settings, "bots");
    settings = bots ? object_member(*bots, bot) : nullptr;
  }
  if (!settings || !settings->is_object())
    return;
  const auto instances = settings->find("instances");
  if (instances == settings->end())
    return;
  const bool removes =
      !instances->is_object() || (instances->contains(key) && !(*instances)[key].is_object());
  if (removes)
    std::erase_if(out, [](const layer& one) { return one.where == scope::instance; });
  if (from.by_name)
    push_member(out, scope::instance, from.source, {"bots", bot, "instances", key});
  else
    push_member(out, scope::instance, from.source, {"instances", key});
}

} // namespace

std::vector<layer> fleet_files::inherited_layers(const std::string& group) const {
  std::vector<layer> result;
  result.push_back({scope::built_in, &built_in_settings(), nullptr, ""});
  auto push_group = [&](scope where, const std::string& name) {
    auto folder = groups.find(name);
    if (folder != groups.end())
      push_member(result, where, folder->second.source, {"defaults"});
  };
  push_group(scope::root, "");
  push_member(result, scope::profile, profile, {"defaults"});
  if (auto folder = groups.find(group); folder != groups.end() && folder->second.tenant)
    push_member(result, scope::tenant, folder->second.tenant->source, {"defaults"});
  if (group.empty())
    return result;
  for (auto slash = group.find('/'); slash != std::string::npos; slash = group.find('/', slash + 1))
    push_group(scope::group, group.substr(0, slash));
  push_group(scope::group, group);
  return result;
}

std::vector<layer> fleet_files::own_layers(const std::string& bot,
                                           std::optional<std::uint32_t> index,
                                           const json* extends) const {
  const auto own = bots.find(bot);
  const auto folder = groups.find(std::string{parent_name(bot)});
  const auto* tenant = folder != groups.end() ? folder->second.tenant : nullptr;
  const auto override = overrides.find(bot);
  const speaker file{scope::bot, own == bots.end() ? nullptr : own->second.source, false};
  const speaker by_profile{scope::profile, profile, true};
  const speaker by_tenant{scope::tenant, tenant ? tenant->source : nullptr, true};
  const speaker by_operator{scope::operator_override,
                            override == overrides.end() ? nullptr : override->second, false};

  std::vector<layer> above;
  push_member(above, scope::bot, file.source, {});
  push_member(above, scope::profile, by_profile.source, {"bots", bot});
  push_member(above, scope::tenant, by_tenant.source, {"bots", bot});
  const auto whole_bot = above.size();
  if (index) {
    const auto key = std::to_string(*index);
    for (const auto& from : {file, by_profile, by_tenant})
      push_instance(above, from, bot, key);
    std::vector<layer> of_override;
    if (by_operator.source) {
      // Removes the others with a null; what it adds itself stands above all of it.
      push_instance(above, by_operator, bot, key);
      if (!above.empty() && above.back().source == by_operator.source) {
        of_override.push_back(std::move(above.back()));
        of_override.back().where = scope::operator_override;
        above.pop_back();
      }
    }
    push_member(above, scope::operator_override, by_operator.source, {});
    std::move(of_override.begin(), of_override.end(), std::back_inserter(above));
  } else {
    push_member(above, scope::operator_override, by_operator.source, {});
  }

  // The strongest that speaks of the whole bot says what it extends.
  for (std::size_t at = 0; at < above.size(); ++at)
    if ((at < whole_bot || above[at].base.empty()) && above[at].where != scope::instance)
      if (const auto written = above[at].value->find("extends"); written != above[at].value->end())
        extends = &*written;
  if (!extends)
    return above;
  std::vector<layer> result;
  for (const auto& [pointer, name] : extended_names(*extends)) {
    const auto found = mixins.find(name);
    if (found == mixins.end())
      continue;
    for (const auto* each : found->second.lineage) {
      const bool known = std::any_of(result.begin(), result.end(), [&](const layer& one) {
        return one.value == &each->settings;
      });
      if (!known && each->source)
        result.push_back({scope::mixin, &each->settings, each->source, ""});
    }
  }
  std::move(above.begin(), above.end(), std::back_inserter(result));
  return result;
}

std::vector<layer> fleet_files::layers_of(const std::string& bot,
                                          std::optional<std::uint32_t> index) const {
  auto result = inherited_layers(std::string{parent_name(bot)});
  const auto at = locate(result, "/extends");
  auto own = own_layers(bot, index, at ? &result[*at].value->at("extends") : nullptr);
  std::move(own.begin(), own.end(), std::back_inserter(result));
  return result;
}

} // namespace troupe::config
