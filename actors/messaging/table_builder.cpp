#include "actors/messaging/table_builder.hpp"

#include "actors/messaging/address.hpp"
#include "config/names.hpp"

#include <utility>

namespace troupe::messaging {

namespace {

const config::bot_spec_ptr* spec_of(const config::spec_ptr& fleet, const std::string& bot,
                                    std::uint32_t index) {
  if (!fleet)
    return nullptr;
  const auto at = fleet->bots.find(bot);
  if (at == fleet->bots.end() || index >= at->second->instances.size())
    return nullptr;
  return &at->second->instances[index];
}

/// Every group of the tree, of bots or not.
void collect_groups(const config::group_entry& group,
                    std::map<std::string, std::vector<std::string>>& into) {
  into[group.name];
  for (const auto& child : group.children)
    if (child.group)
      collect_groups(*child.group, into);
}

} // namespace

void table_builder::apply(const config::spec_ptr& fleet, std::uint64_t version) {
  fleet_ = fleet;
  table_.fleet = fleet->name;
  table_.version = version;
  unsaid_ = regroup_ = true;
  for (const auto& [bot, entry] : fleet->bots)
    for (std::uint32_t i = 0; i < entry->instances.size(); ++i)
      place(bot, i, entry->instances[i], false);
  std::vector<std::pair<std::string, std::uint32_t>> gone;
  for (const auto& [bot, its] : bots_)
    for (const auto& [index, member] : its)
      if (!spec_of(fleet, bot, index))
        gone.emplace_back(bot, index);
  for (const auto& [bot, index] : gone)
    if (const auto last = bots_[bot][index]; last->alive())
      place(bot, index, last->spec, true);
    else
      displace(bot, index);
  std::erase_if(known_, [&](const auto& x) { return !table_.instances.contains(x.first); });
}

void table_builder::note(const instance_record& record) {
  auto& known = known_[record.name];
  const condition now{record.incarnation, record.now, record.wanted};
  if (record.incarnation < known.incarnation)
    return; // from a ledger that was replaced and had not heard of the newer one
  known = now;
  if (const auto* spec = spec_of(fleet_, record.bot, record.index))
    return place(record.bot, record.index, *spec, false);
  const auto at = bots_.find(record.bot);
  const bool is_there = at != bots_.end() && at->second.contains(record.index);
  if (has_process(record.now)) {
    if (fleet_) // else the spec is to come
      place(record.bot, record.index, is_there ? at->second[record.index]->spec : nullptr, true);
  } else if (is_there) {
    displace(record.bot, record.index);
    known_.erase(record.name);
  }
}

void table_builder::place(const std::string& bot, std::uint32_t index,
                          const config::bot_spec_ptr& spec, bool leaving) {
  const auto [at, is_new_bot] = bots_.try_emplace(bot);
  regroup_ = regroup_ || is_new_bot;
  auto& here = at->second[index];
  auto instance = here ? here->instance : config::join_instance(bot, index);
  condition its;
  if (const auto known = known_.find(instance); known != known_.end())
    its = known->second;
  if (here && here->spec == spec && here->leaving == leaving
      && condition{here->incarnation, here->now, here->wanted} == its)
    return;
  auto made = std::make_shared<route>();
  made->instance = std::move(instance);
  made->bot = bot;
  made->group = enclosing(bot);
  made->index = index;
  made->incarnation = its.incarnation;
  made->now = its.now;
  made->wanted = its.wanted;
  made->leaving = leaving;
  made->spec = spec;
  here = std::move(made);
  table_.instances[here->instance] = here;
  changed_.insert(bot);
  unsaid_ = true;
}

void table_builder::displace(const std::string& bot, std::uint32_t index) {
  const auto at = bots_.find(bot);
  table_.instances.erase(at->second[index]->instance);
  at->second.erase(index);
  if (at->second.empty()) {
    bots_.erase(at);
    table_.bots.erase(bot);
    changed_.erase(bot);
    regroup_ = true;
  } else {
    changed_.insert(bot);
  }
  unsaid_ = true;
}

void table_builder::refresh_groups() {
  std::map<std::string, std::vector<std::string>> groups;
  if (fleet_ && fleet_->root)
    collect_groups(*fleet_->root, groups);
  for (const auto& [bot, its] : bots_)
    for (std::string group{enclosing(bot)};; group = enclosing(group)) {
      groups[group].push_back(bot);
      if (group.empty())
        break;
    }
  std::vector<std::string> gone;
  for (const auto& [group, bots] : table_.groups)
    if (!groups.contains(group))
      gone.push_back(group);
  for (const auto& group : gone)
    table_.groups.erase(group);
  for (auto& [group, bots] : groups)
    if (const auto* old = table_.groups.get(group); !old || **old != bots)
      table_.groups[group] = std::make_shared<const std::vector<std::string>>(std::move(bots));
}

routes_ptr table_builder::make() {
  if (!std::exchange(unsaid_, false))
    return nullptr;
  for (const auto& bot : std::exchange(changed_, {})) {
    const auto& its = bots_.at(bot);
    auto made = std::make_shared<pool>();
    made->members.reserve(its.size());
    for (const auto& [index, member] : its)
      made->members.push_back(member);
    // How to choose is what the bot says; one instance's own word for it would mean nothing.
    if (const auto& spec = its.begin()->second->spec)
      made->balance = spec->balance;
    table_.bots[bot] = std::move(made);
  }
  if (std::exchange(regroup_, false))
    refresh_groups();
  return std::make_shared<const routing_table>(table_);
}

} // namespace troupe::messaging
