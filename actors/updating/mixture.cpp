#include "actors/updating/mixture.hpp"

#include "actors/ordering.hpp"
#include "actors/updating/changes.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <tuple>
#include <utility>

namespace troupe::updating {

namespace {

using config::bot_entry;
using config::bot_spec;
using config::bot_spec_ptr;
using config::group_entry;
using config::group_ptr;

using changed_bots = std::map<std::string, std::shared_ptr<const bot_entry>>;

/// The group with its changed bots; the same object when there are none in it.
group_ptr with_bots(const group_ptr& group, const changed_bots& changed) {
  std::shared_ptr<group_entry> result;
  const auto own = [&]() -> group_entry& {
    if (!result)
      result = std::make_shared<group_entry>(*group);
    return *result;
  };
  for (std::size_t i = 0; i < group->children.size(); ++i) {
    const auto& child = group->children[i];
    if (child.bot) {
      if (const auto at = changed.find(child.bot->name); at != changed.end())
        own().children[i].bot = at->second;
      continue;
    }
    // Skips what cannot hold one: the names are sorted.
    const auto first = changed.lower_bound(child.group->name + '/');
    if (first == changed.end() || !lies_in(first->first, child.group->name))
      continue;
    if (auto below = with_bots(child.group, changed); below != child.group)
      own().children[i].group = std::move(below);
  }
  return result ? group_ptr{std::move(result)} : group;
}

/// What an outdated instance goes by until its turn comes. Equal ones become one object.
class old_specs {
public:
  /// `before`: with the fingerprint `runs`, or null.
  bot_spec_ptr make(const bot_spec_ptr& next, const bot_spec_ptr& before, std::uint64_t runs) {
    auto& kept = made_[{next.get(), before.get(), runs}];
    if (kept)
      return kept;
    if (before && before->depends_on == next->depends_on
        && before->awaited_output == next->awaited_output)
      return kept = before;
    auto spec = std::make_shared<bot_spec>(before ? *before : *next);
    spec->fingerprint = runs;
    spec->depends_on = next->depends_on;
    spec->awaited_output = next->awaited_output;
    return kept = std::move(spec);
  }

private:
  std::map<std::tuple<const bot_spec*, const bot_spec*, std::uint64_t>, bot_spec_ptr> made_;
};

bot_spec_ptr with_fingerprint(const std::vector<config::spec_ptr>& fleets,
                              const std::string& instance, std::uint64_t fingerprint) {
  for (const auto& fleet : fleets)
    if (auto spec = fleet ? spec_of(*fleet, instance) : nullptr;
        spec && spec->fingerprint == fingerprint)
      return spec;
  return nullptr;
}

template <class Check>
outdated_map find_where(const config::fleet_spec& to, const record_map& records, Check check) {
  outdated_map result;
  for (const auto& [name, record] : records)
    if (const auto spec = spec_of(to, name); spec && check(record, *spec))
      result.emplace(name, record.settings);
  return result;
}

} // namespace

bool is_outdated(const instance_record& record, const bot_spec& spec) {
  return has_process(record.now) && out_of_date(record.settings, spec);
}

outdated_map find_outdated(const config::fleet_spec& to, const record_map& records) {
  return find_where(to, records, is_outdated);
}

outdated_map find_untold(const config::fleet_spec& to, const record_map& records) {
  return find_where(to, records, [](const instance_record& record, const bot_spec& spec) {
    return record.wanted && out_of_date(record.settings, spec);
  });
}

config::spec_ptr mixture(const config::spec_ptr& to, const std::vector<config::spec_ptr>& before,
                         const outdated_map& outdated) {
  std::map<std::string, std::shared_ptr<bot_entry>> mixed;
  old_specs old;
  for (const auto& [name, runs] : outdated) {
    const auto next = spec_of(*to, name);
    if (!next)
      continue;
    const std::string bot{bot_of(name)};
    auto& entry = mixed[bot];
    if (!entry)
      entry = std::make_shared<bot_entry>(*to->bots.at(bot));
    const auto index = std::stoul(name.substr(bot.size() + 1));
    entry->instances[index] = old.make(next, with_fingerprint(before, name, runs), runs);
  }
  if (mixed.empty())
    return to;
  const changed_bots changed{mixed.begin(), mixed.end()};
  auto result = std::make_shared<config::fleet_spec>(*to);
  for (const auto& [name, entry] : changed)
    result->bots[name] = entry;
  result->root = with_bots(to->root, changed);
  return result;
}

std::vector<std::string> start_order(const config::fleet_spec& fleet) {
  std::vector<std::string> result;
  std::set<std::string> seen;
  // By hand: a chain of dependencies may be longer than a stack.
  std::vector<std::pair<std::string, std::vector<std::string>>> path;
  const auto enter = [&](const std::string& bot) {
    if (!fleet.bots.contains(bot) || !seen.insert(bot).second)
      return;
    std::vector<std::string> before;
    for (const auto& condition : start_conditions(fleet, bot))
      if (fleet.bots.contains(condition.on.target))
        before.push_back(condition.on.target);
      else
        for (const auto& instance : instances_of(fleet, condition.on.target))
          if (std::string each{bot_of(instance)}; before.empty() || before.back() != each)
            before.push_back(std::move(each));
    std::reverse(before.begin(), before.end());
    path.emplace_back(bot, std::move(before));
  };
  for (const auto& [name, entry] : fleet.bots) {
    enter(name);
    while (!path.empty()) {
      auto& [bot, before] = path.back();
      if (before.empty()) {
        result.push_back(bot);
        path.pop_back();
        continue;
      }
      const auto next = std::move(before.back());
      before.pop_back();
      enter(next);
    }
  }
  return result;
}

std::uint32_t batch_of(const config::batch_size& size, std::size_t total) {
  const auto share = (total * size.percent + 99) / 100;
  const auto count = size.count > 0 ? size.count : static_cast<std::uint32_t>(share);
  return std::max(count, 1u);
}

config::bot_spec_ptr spec_of(const config::fleet_spec& fleet, const std::string& instance) {
  const auto mark = instance.rfind('#');
  if (mark == std::string::npos)
    return nullptr;
  const auto at = fleet.bots.find(instance.substr(0, mark));
  if (at == fleet.bots.end())
    return nullptr;
  std::size_t index = 0;
  const auto* last = instance.data() + instance.size();
  const auto [end, error] = std::from_chars(instance.data() + mark + 1, last, index);
  if (error != std::errc{} || end != last || index >= at->second->instances.size())
    return nullptr;
  return at->second->instances[index];
}

} // namespace troupe::updating
