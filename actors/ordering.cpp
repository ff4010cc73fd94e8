#include "actors/ordering.hpp"

#include <algorithm>

namespace troupe {

namespace {

bool is_group(const std::string& target) {
  return !target.empty() && target.back() == '/';
}

std::string join(std::string_view group, std::string_view name) {
  return group.empty() ? std::string{name} : std::string{group} + "/" + std::string{name};
}

// The child of `group` on the way to `name`: below `market`, `market/eu/x` → `market/eu`.
std::string_view component(std::string_view name, std::string_view group) {
  const auto from = group.empty() ? 0 : group.size() + 1;
  return name.substr(0, std::min(name.find('/', from), name.size()));
}

void add_order(const config::group_entry& group, std::string_view bot,
               std::vector<start_condition>& result) {
  const auto child = component(bot, group.name);
  const auto is_child = [&](const std::string& x) { return join(group.name, x) == child; };
  const auto at = std::find_if(group.order.begin(), group.order.end(), is_child);
  if (at == group.order.begin() || at == group.order.end())
    return;
  auto target = join(group.name, *std::prev(at));
  const bool names_group =
      std::any_of(group.children.begin(), group.children.end(),
                  [&](const auto& x) { return x.group && x.group->name == target; });
  result.push_back({{names_group ? target + "/" : target, config::condition::started, {}}, true});
}

void descend(const config::group_ptr& group, const std::string& bot,
             std::vector<start_condition>& result) {
  for (const auto& child : group->children)
    if (child.group && lies_in(bot, child.group->name))
      descend(child.group, bot, result);
  add_order(*group, bot, result);
}

bool reaches(const std::map<std::string, std::set<std::string>>& arrows, const std::string& from,
             const std::string& to) {
  if (from == to)
    return true;
  const auto at = arrows.find(from);
  return at != arrows.end()
         && std::any_of(at->second.begin(), at->second.end(),
                        [&](const std::string& next) { return reaches(arrows, next, to); });
}

// One that starts by itself is `defined` only until its proxy has looked around.
bool nobody_wants(const config::fleet_spec& fleet, const std::string& instance, state now) {
  if (now == state::stopped)
    return true;
  const auto at = fleet.bots.find(std::string{bot_of(instance)});
  return now == state::defined
         && (at == fleet.bots.end() || !at->second->instances.front()->autostart);
}

} // namespace

std::string_view bot_of(std::string_view instance) {
  return instance.substr(0, std::min(instance.rfind('#'), instance.size()));
}

std::string_view group_of(std::string_view name) {
  const auto slash = name.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : name.substr(0, slash);
}

std::string instance_name(std::string_view bot, std::size_t index) {
  return std::string{bot} + "#" + std::to_string(index);
}

bool lies_in(std::string_view name, std::string_view group) {
  return group.empty()
         || (name.size() > group.size() && name.starts_with(group) && name[group.size()] == '/');
}

std::vector<start_condition> start_conditions(const config::fleet_spec& fleet,
                                              const std::string& bot) {
  std::vector<start_condition> result;
  if (const auto at = fleet.bots.find(bot); at != fleet.bots.end())
    for (const auto& on : at->second->instances.front()->depends_on)
      result.push_back({on, false});
  if (fleet.root)
    descend(fleet.root, bot, result);
  return result;
}

std::vector<std::string> instances_of(const config::fleet_spec& fleet, const std::string& target) {
  std::vector<std::string> result;
  auto add = [&](const config::bot_entry& bot) {
    for (std::size_t i = 0; i < bot.instances.size(); ++i)
      result.push_back(instance_name(bot.name, i));
  };
  if (!is_group(target)) {
    if (const auto at = fleet.bots.find(target); at != fleet.bots.end())
      add(*at->second);
    return result;
  }
  for (auto at = fleet.bots.lower_bound(target);
       at != fleet.bots.end() && at->first.starts_with(target); ++at)
    if (at->second->instances.front()->autostart)
      add(*at->second);
  return result;
}

std::map<std::string, std::set<std::string>> sibling_order(const config::fleet_spec& fleet,
                                                           const config::group_entry& group) {
  std::map<std::string, std::set<std::string>> result;
  auto add = [&](std::string_view from, std::string_view to) {
    std::string a{from}, b{to};
    if (a != b && !reaches(result, b, a))
      result[a].insert(b);
  };
  for (std::size_t i = 1; i < group.order.size(); ++i)
    add(join(group.name, group.order[i]), join(group.name, group.order[i - 1]));
  const auto prefix = group.name.empty() ? std::string{} : group.name + "/";
  for (auto at = fleet.bots.lower_bound(prefix);
       at != fleet.bots.end() && at->first.starts_with(prefix); ++at)
    for (const auto& on : at->second->instances.front()->depends_on) {
      const auto target =
          is_group(on.target) ? on.target.substr(0, on.target.size() - 1) : on.target;
      if (lies_in(target, group.name))
        add(component(at->first, group.name), component(target, group.name));
    }
  return result;
}

namespace {

// The way from one child through all that it depends on; `known` remembers.
std::chrono::nanoseconds way_from(const std::string& child,
                                  const std::map<std::string, std::set<std::string>>& arrows,
                                  const std::map<std::string, std::chrono::nanoseconds>& own,
                                  std::map<std::string, std::chrono::nanoseconds>& known) {
  if (const auto at = known.find(child); at != known.end())
    return at->second;
  std::chrono::nanoseconds rest{};
  if (const auto at = arrows.find(child); at != arrows.end())
    for (const auto& next : at->second)
      rest = std::max(rest, way_from(next, arrows, own, known));
  const auto at = own.find(child);
  return known[child] = rest + (at == own.end() ? std::chrono::nanoseconds{} : at->second);
}

} // namespace

std::chrono::nanoseconds longest_stop(const config::bot_spec& bot) {
  auto result = bot.stop_timeout;
  for (const auto step : {bot.drain_timeout, bot.flatten_timeout})
    if (step.count() > 0)
      result += step + answer_slack;
  if (bot.on_crash)
    result += bot.on_crash->timeout;
  return result;
}

std::chrono::nanoseconds longest_stop(const config::fleet_spec& fleet,
                                      const config::group_entry& group) {
  std::map<std::string, std::chrono::nanoseconds> own;
  for (const auto& child : group.children) {
    if (child.group) {
      own[child.group->name] = longest_stop(fleet, *child.group);
      continue;
    }
    auto& longest = own[child.bot->name];
    for (const auto& instance : child.bot->instances)
      longest = std::max(longest, longest_stop(*instance));
  }
  const auto arrows = sibling_order(fleet, group);
  std::map<std::string, std::chrono::nanoseconds> known;
  std::chrono::nanoseconds result{};
  for (const auto& [child, time] : own)
    result = std::max(result, way_from(child, arrows, own, known));
  return result;
}

state progress::of(const std::string& instance) const {
  const auto at = seen_.find(instance);
  return at == seen_.end() ? state::defined : at->second.now;
}

bool progress::holds(const config::dependency& on, const std::string& instance) const {
  using enum state;
  const auto now = of(instance);
  switch (on.until) {
  case config::condition::started:
    return has_process(now) || now == completed;
  case config::condition::ready: // one that drains is on its way down
    return (has_been_ready(now) && now != draining) || now == completed;
  case config::condition::output: {
    if (!has_process(now) && now != completed)
      return false;
    const auto& printed = seen_.at(instance).printed;
    return std::find(printed.begin(), printed.end(), on.pattern) != printed.end();
  }
  case config::condition::completed:
    return now == completed;
  }
  return false;
}

std::string progress::missing(const config::fleet_spec& fleet,
                              const start_condition& condition) const {
  for (const auto& instance : instances_of(fleet, condition.on.target)) {
    const auto now = of(instance);
    if (holds(condition.on, instance)
        || (condition.from_order && nobody_wants(fleet, instance, now)))
      continue;
    auto lacking = std::string{to_string(now)};
    if (condition.on.until == config::condition::output && has_process(now))
      lacking += ", has not written " + condition.on.pattern;
    return instance + " (" + lacking + ")";
  }
  return {};
}

} // namespace troupe
