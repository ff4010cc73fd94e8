#include "config/plan.hpp"

#include "config/document.hpp"
#include "config/plan_compare.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

namespace troupe::config {

namespace {

using nlohmann::json;
using bot_ptr = std::shared_ptr<const bot_entry>;

/// The first component of each pointer once, at most three by name.
std::string keys_of(const std::vector<value_change>& changes, std::optional<change_class> only) {
  std::vector<std::string> keys;
  for (const auto& one : changes)
    if (!only || one.when == *only)
      if (auto key = pointer_tokens(one.pointer).front(); !std::ranges::count(keys, key))
        keys.push_back(std::move(key));
  std::string result;
  for (std::size_t i = 0; i < std::min<std::size_t>(keys.size(), 3); ++i)
    result += (i == 0 ? "" : ", ") + keys[i];
  if (keys.size() > 3)
    result += " and " + std::to_string(keys.size() - 3) + " more";
  return result;
}

std::string instance_name(const bot_entry& bot, std::size_t index) {
  return bot.name + "#" + std::to_string(index);
}

/// Finds out which files have only moved: a bot that is gone and one that is new with the same
/// text. Where several could be meant, none is.
class rename_finder {
public:
  rename_finder(const plan_side& from, const plan_side& to) {
    if (!from.source || !to.source)
      return;
    std::unordered_map<std::string_view, pair_of_lists> by_text;
    collect(from, to, by_text, &pair_of_lists::gone);
    collect(to, from, by_text, &pair_of_lists::come);
    for (auto& [text, bots] : by_text) {
      // Of several alike, those that kept their last name belong together.
      std::map<std::string_view, pair_of_lists> by_name;
      for (const auto* one : bots.gone)
        by_name[last_name(one->name)].gone.push_back(one);
      for (const auto* one : bots.come)
        by_name[last_name(one->name)].come.push_back(one);
      for (const auto& [name, alike] : by_name)
        join(alike);
      std::erase_if(bots.gone, [&](const auto* x) { return to_.contains(x->name); });
      std::erase_if(bots.come, [&](const auto* x) { return from_.contains(x->name); });
      join(bots);
    }
  }

  /// « from market/old», or empty.
  std::string origin_of(const std::string& bot) const { return found(from_, bot); }
  std::string destination_of(const std::string& bot) const { return found(to_, bot); }

private:
  struct pair_of_lists {
    std::vector<const bot_entry*> gone;
    std::vector<const bot_entry*> come;
  };

  static std::string_view last_name(std::string_view name) {
    return name.substr(name.rfind('/') + 1);
  }

  static void collect(const plan_side& of, const plan_side& other,
                      std::unordered_map<std::string_view, pair_of_lists>& by_text,
                      std::vector<const bot_entry*> pair_of_lists::*list) {
    for (const auto& [name, bot] : of.spec->bots)
      if (!other.spec->bots.contains(name))
        if (const auto* file = of.source->find(bot->file))
          (by_text[file->text].*list).push_back(bot.get());
  }

  void join(const pair_of_lists& bots) {
    if (bots.gone.size() != 1 || bots.come.size() != 1)
      return;
    from_[bots.come.front()->name] = bots.gone.front()->name;
    to_[bots.gone.front()->name] = bots.come.front()->name;
  }

  static std::string found(const std::map<std::string, std::string>& in, const std::string& bot) {
    const auto at = in.find(bot);
    return at == in.end() ? std::string{} : at->second;
  }

  std::map<std::string, std::string> from_; ///< new name → old one
  std::map<std::string, std::string> to_;   ///< old name → new one
};

class planner {
public:
  planner(const plan_side& from, const plan_side& to, const plan_options& options)
      : from_{from}
      , to_{to}
      , options_{options}
      , renames_{from, to} {
    // nop
  }

  fleet_plan plan() {
    auto old = from_.spec->bots.begin();
    auto next = to_.spec->bots.begin();
    const auto old_end = from_.spec->bots.end();
    const auto next_end = to_.spec->bots.end();
    while (old != old_end || next != next_end) {
      if (next == next_end || (old != old_end && old->first < next->first))
        remove(*(old++)->second);
      else if (old == old_end || next->first < old->first)
        add(*(next++)->second);
      else
        change((old++)->second, (next++)->second);
    }
    result_.groups = group_steps(from_, to_);
    result_.runtime = runtime_changes(from_, to_);
    return std::move(result_);
  }

private:
  void push(instance_step step) {
    ++result_.counts[static_cast<std::size_t>(step.what)];
    result_.instances.push_back(std::move(step));
  }

  void add(const bot_entry& bot) {
    const auto old = renames_.origin_of(bot.name);
    for (std::size_t i = 0; i < bot.instances.size(); ++i)
      start(bot, i, old.empty() ? "new" : "renamed from " + old, nothing_);
  }

  void remove(const bot_entry& bot) {
    const auto next = renames_.destination_of(bot.name);
    for (std::size_t i = 0; i < bot.instances.size(); ++i)
      push({instance_name(bot, i), step_kind::stop, next.empty() ? "removed" : "renamed to " + next,
            nothing_, bot.instances[i], nullptr});
  }

  void start(const bot_entry& bot, std::size_t index, std::string why, const change_list& changes) {
    const auto& spec = bot.instances[index];
    push({instance_name(bot, index), spec->autostart ? step_kind::start : step_kind::note,
          std::move(why) + (spec->autostart ? "" : "; autostart is false"), changes, nullptr,
          spec});
  }

  void change(const bot_ptr& old, const bot_ptr& next) {
    if (old == next)
      return;
    known_.clear();
    const auto both = std::min(old->instances.size(), next->instances.size());
    for (std::size_t i = 0; i < both; ++i)
      change(*old, *next, i);
    if (old->instances.size() == next->instances.size())
      return;
    const auto count = std::make_shared<const std::vector<value_change>>(
        1, value_change{"/replicas", old->instances.size(),
                        setting_at(to_, next->name, "/replicas", next->instances.size()),
                        change_class::now});
    for (auto i = both; i < next->instances.size(); ++i)
      start(*next, i, "replicas", count);
    for (auto i = both; i < old->instances.size(); ++i)
      push(
          {instance_name(*old, i), step_kind::stop, "replicas", count, old->instances[i], nullptr});
  }

  void change(const bot_entry& old, const bot_entry& next, std::size_t index) {
    const auto& before = old.instances[index];
    const auto& after = next.instances[index];
    if (before == after)
      return;
    // Instances of one bot mostly share their specs.
    auto [known, first] = known_.try_emplace({before.get(), after.get()});
    if (first && *before != *after)
      known->second = judge(instance_name(next, index), *before, *after);
    if (!known->second)
      return;
    auto step = *known->second;
    step.name = instance_name(next, index);
    step.before = before;
    step.after = after;
    if (step.what == step_kind::restart && options_.has_process
        && !options_.has_process(step.name)) {
      step.what = step_kind::note;
      step.why += "; it does not run";
    }
    push(std::move(step));
  }

  instance_step judge(const std::string& instance, const bot_spec& before, const bot_spec& after) {
    auto changes = setting_changes(from_, to_, instance, before, after);
    const auto has = [&](change_class which) {
      return std::ranges::any_of(changes, [&](const auto& x) { return x.when == which; });
    };
    instance_step result;
    const bool fingerprints = before.fingerprint != 0 && after.fingerprint != 0;
    if (fingerprints ? before.fingerprint != after.fingerprint : has(change_class::restart)) {
      result.what = step_kind::restart;
      result.why = keys_of(changes, change_class::restart);
    } else {
      result.what = has(change_class::now) || changes.empty() ? step_kind::adjust : step_kind::note;
      result.why = keys_of(changes, std::nullopt);
    }
    if (result.why.empty())
      result.why = before.awaited_output != after.awaited_output ? "output that others wait for"
                                                                 : "settings";
    result.changes = std::make_shared<const std::vector<value_change>>(std::move(changes));
    return result;
  }

  const plan_side& from_;
  const plan_side& to_;
  const plan_options& options_;
  rename_finder renames_;
  change_list nothing_ = std::make_shared<const std::vector<value_change>>();
  /// Of the bot at hand; empty: equal.
  std::map<std::pair<const bot_spec*, const bot_spec*>, std::optional<instance_step>> known_;
  fleet_plan result_;
};

} // namespace

std::string_view to_string(step_kind which) {
  constexpr std::array<std::string_view, 5> words{"start", "stop", "restart", "adjust", "note"};
  return words.at(static_cast<std::size_t>(which));
}

std::string_view to_string(group_step::kind which) {
  constexpr std::array<std::string_view, 3> words{"added", "removed", "changed"};
  return words.at(static_cast<std::size_t>(which));
}

fleet_plan make_plan(const plan_side& from, const plan_side& to, const plan_options& options) {
  return planner{from, to, options}.plan();
}

} // namespace troupe::config
