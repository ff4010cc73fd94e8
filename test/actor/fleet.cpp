#include "test/actor/fleet.hpp"

#include "actors/ordering.hpp"

#include <algorithm>

namespace troupe::test {

fleet_builder& fleet_builder::bot(const std::string& name, change with, std::size_t replicas) {
  config::bot_spec spec;
  spec.command = {name};
  spec.fingerprint = 1;
  if (with)
    with(spec);
  bots_[name] = {std::move(spec), replicas};
  for (auto each = group_of(name); !each.empty(); each = group_of(each))
    groups_.try_emplace(std::string{each});
  return *this;
}

fleet_builder& fleet_builder::bot_after(const std::string& name, std::vector<config::dependency> on,
                                        change with) {
  return bot(name, [&](config::bot_spec& spec) {
    spec.depends_on = on;
    if (with)
      with(spec);
  });
}

fleet_builder& fleet_builder::group(const std::string& name, config::strategy how,
                                    config::rate_spec intensity) {
  auto& settings = groups_[name];
  settings.how = how;
  settings.intensity = intensity;
  return *this;
}

fleet_builder& fleet_builder::order(const std::string& group, std::vector<std::string> children) {
  groups_[group].order = std::move(children);
  return *this;
}

fleet_builder& fleet_builder::without(const std::string& bot) {
  bots_.erase(bot);
  return *this;
}

config::spec_ptr fleet_builder::build() const {
  auto fleet = std::make_shared<config::fleet_spec>();
  fleet->name = "test";
  fleet->runtime = runtime;
  for (const auto& [name, what] : bots_) {
    auto entry = std::make_shared<config::bot_entry>();
    entry->name = name;
    entry->file = name + ".json";
    entry->instances.assign(what.second, std::make_shared<const config::bot_spec>(what.first));
    fleet->bots.emplace(name, std::move(entry));
  }
  fleet->root = build_group("", *fleet);
  return fleet;
}

config::group_ptr fleet_builder::build_group(const std::string& name,
                                             const config::fleet_spec& fleet) const {
  auto group = std::make_shared<config::group_entry>();
  group->name = name;
  if (const auto at = groups_.find(name); at != groups_.end()) {
    group->how = at->second.how;
    group->intensity = at->second.intensity;
    group->order = at->second.order;
  }
  const auto prefix = name.empty() ? 0 : name.size() + 1;
  for (const auto& [full_name, entry] : fleet.bots)
    if (group_of(full_name) == name)
      group->children.push_back({full_name.substr(prefix), entry, nullptr});
  for (const auto& [full_name, settings] : groups_) {
    const bool lives = std::any_of(fleet.bots.begin(), fleet.bots.end(),
                                   [&](const auto& x) { return lies_in(x.first, full_name); });
    if (!full_name.empty() && lives && group_of(full_name) == name)
      group->children.push_back({full_name.substr(prefix), nullptr, build_group(full_name, fleet)});
  }
  const auto place = [&](const auto& child) {
    return std::pair{std::find(group->order.begin(), group->order.end(), child.name)
                         - group->order.begin(),
                     child.name};
  };
  std::sort(group->children.begin(), group->children.end(),
            [&](const auto& a, const auto& b) { return place(a) < place(b); });
  return group;
}

} // namespace troupe::test
