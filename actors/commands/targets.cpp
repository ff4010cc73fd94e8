#include "actors/commands/targets.hpp"

#include "config/names.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace troupe::commands {

namespace {

using config::fleet_spec;

constexpr std::size_t max_targets = 1000;
constexpr std::size_t max_target_bytes = 1024;

refusal bad_name(const std::string& text) {
  return {exit_code::usage, "bad-name", config::in_quotes(text) + " is no name of a bot or a group",
          "names are made of " + std::string{config::name_rule}
              + "; groups end with '/', instances with '#' and a number"};
}

bool well_formed(std::string_view text) {
  if (text.empty() || text.size() > max_target_bytes)
    return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
           || std::string_view{"._-/#*?"}.find(c) != std::string_view::npos;
  });
}

std::set<std::string> group_names(const fleet_spec& fleet) {
  std::set<std::string> result;
  for (const auto& [name, bot] : fleet.bots)
    for (auto at = name.find('/'); at != std::string::npos; at = name.find('/', at + 1))
      result.insert(name.substr(0, at + 1));
  return result;
}

refusal unknown(const fleet_spec& fleet, const std::string& text) {
  refusal result{exit_code::no_such_bot, "no-such-bot",
                 "there is no " + std::string{text.ends_with('/') ? "group " : "bot "}
                     + config::in_quotes(text) + " in this fleet",
                 ""};
  const auto groups = group_names(fleet);
  if (groups.contains(text + "/")) {
    result.hint = config::in_quotes(text) + " is a group: write " + config::in_quotes(text + "/");
    return result;
  }
  std::vector<std::string> candidates{groups.begin(), groups.end()};
  for (const auto& [name, bot] : fleet.bots) {
    candidates.push_back(name);
    // «trader» for «market/trader» is the likeliest slip.
    if (config::leaf_name(name) == text) {
      result.hint = "did you mean " + config::in_quotes(name) + "?";
      return result;
    }
  }
  result.hint = config::did_you_mean(text, candidates);
  if (result.hint.empty())
    result.hint = "`troupe status` lists all";
  return result;
}

/// Instances of one bot, as the set of their numbers.
using picked = std::map<std::string, std::set<std::uint32_t>>;

void pick_all(picked& into, const config::bot_entry& bot) {
  auto& numbers = into[bot.name];
  for (std::uint32_t i = 0; i < bot.instances.size(); ++i)
    numbers.insert(i);
}

refusal no_such_instance(const config::bot_entry& bot, std::uint32_t index) {
  const auto count = bot.instances.size();
  return {exit_code::no_such_bot, "no-such-bot",
          config::in_quotes(bot.name) + " has no instance #" + std::to_string(index),
          count == 1 ? "it has one, #0"
                     : "it has " + std::to_string(count) + ", #0 to #" + std::to_string(count - 1)};
}

std::optional<refusal> pick(picked& into, const fleet_spec& fleet,
                            const std::set<std::string>& leaving, const std::string& as_given) {
  const auto text = without_root(as_given);
  if (!well_formed(text))
    return bad_name(text);
  if (text == "all") {
    for (const auto& [name, bot] : fleet.bots)
      pick_all(into, *bot);
    return std::nullopt;
  }
  if (config::is_glob(text)) {
    // A glob over groups takes all that is in them; one with '#' picks instances.
    const auto pattern = text.ends_with('/') ? text + "**" : text;
    const bool of_instances = pattern.find('#') != std::string::npos;
    bool any = false;
    for (const auto& [name, bot] : fleet.bots) {
      if (!of_instances) {
        if (config::glob_match(pattern, name)) {
          pick_all(into, *bot);
          any = true;
        }
        continue;
      }
      for (std::uint32_t i = 0; i < bot->instances.size(); ++i)
        if (config::glob_match(pattern, config::join_instance(name, i))) {
          into[name].insert(i);
          any = true;
        }
    }
    if (!any)
      return refusal{exit_code::no_such_bot, "no-such-bot",
                     "no bot of this fleet matches " + config::in_quotes(text),
                     "'*' does not go beyond a '/', '**' does"};
    return std::nullopt;
  }
  if (text.ends_with('/')) {
    auto i = fleet.bots.lower_bound(text);
    if (i == fleet.bots.end() || !i->first.starts_with(text))
      return unknown(fleet, text);
    for (; i != fleet.bots.end() && i->first.starts_with(text); ++i)
      pick_all(into, *i->second);
    return std::nullopt;
  }
  const auto name = config::split_instance(text);
  if (!name)
    return bad_name(text);
  if (leaving.contains(text)) {
    into[name->bot].insert(*name->index);
    return std::nullopt;
  }
  const auto found = fleet.bots.find(name->bot);
  if (found == fleet.bots.end())
    return unknown(fleet, name->bot);
  if (!name->index) {
    pick_all(into, *found->second);
    return std::nullopt;
  }
  if (*name->index >= found->second->instances.size())
    return no_such_instance(*found->second, *name->index);
  into[name->bot].insert(*name->index);
  return std::nullopt;
}

/// «show takes one bot; "market/" has market/feed, market/trader», when a group, a glob or
/// all stands where one bot is wanted.
std::optional<refusal> several(const fleet_spec& fleet, const std::string& text,
                               std::string_view command) {
  constexpr std::size_t shown = 4;
  const bool group = !fleet.bots.contains(text) && group_names(fleet).contains(text + "/");
  const bool all = text == "all" && !fleet.bots.contains(text);
  if (!group && !all && !text.ends_with('/') && !config::is_glob(text))
    return std::nullopt;
  picked meant;
  if (auto wrong = pick(meant, fleet, {}, group ? text + "/" : text))
    return wrong;
  std::string list;
  std::size_t count = 0;
  for (const auto& [name, numbers] : meant)
    if (++count <= shown)
      list += (count == 1 ? "" : ", ") + name;
  if (count > shown)
    list += " and " + std::to_string(count - shown) + " more";
  return refusal{exit_code::usage, "bad-name",
                 std::string{command} + " takes one bot; "
                     + (all ? "the fleet" : config::in_quotes(group ? text + "/" : text)) + " has "
                     + list,
                 "name one of them"};
}

/// The labels of the groups above a bot, nearest last.
void inherited_labels(const config::group_entry& group, std::map<std::string, std::string> above,
                      std::map<std::string, std::map<std::string, std::string>>& into) {
  for (const auto& [key, value] : group.labels)
    above[key] = value;
  for (const auto& child : group.children) {
    if (child.bot)
      into[child.bot->name] = above;
    else if (child.group)
      inherited_labels(*child.group, above, into);
  }
}

bool matches(const std::map<std::string, std::string>& labels, std::string_view wanted) {
  const auto split = wanted.find('=');
  const auto found = labels.find(std::string{wanted.substr(0, split)});
  if (found == labels.end())
    return false;
  return split == std::string_view::npos || found->second == wanted.substr(split + 1);
}

void keep_labelled(picked& from, const fleet_spec& fleet, const std::vector<std::string>& labels) {
  std::map<std::string, std::map<std::string, std::string>> above;
  if (fleet.root)
    inherited_labels(*fleet.root, {}, above);
  for (auto i = from.begin(); i != from.end();) {
    const auto bot = fleet.bots.find(i->first);
    std::erase_if(i->second, [&](std::uint32_t index) {
      if (bot == fleet.bots.end() || index >= bot->second->instances.size())
        return true; // it leaves, and its labels are gone already
      auto own = above[i->first];
      for (const auto& [key, value] : bot->second->instances[index]->labels)
        own[key] = value;
      return !std::ranges::all_of(labels, [&](const auto& l) { return matches(own, l); });
    });
    i = i->second.empty() ? from.erase(i) : std::next(i);
  }
}

} // namespace

config::expected<chosen, refusal> resolve(const fleet_spec& fleet, const selection& what,
                                          const std::set<std::string>& leaving) {
  if (what.targets.size() > max_targets || what.labels.size() > max_targets)
    return config::unexpected{refusal{exit_code::usage, "too-many-targets",
                                      "more than " + std::to_string(max_targets) + " targets",
                                      "name groups, or use a glob"}};
  picked all;
  for (const auto& text : what.targets)
    if (auto wrong = pick(all, fleet, leaving, text))
      return config::unexpected{std::move(*wrong)};
  if (what.targets.empty())
    for (const auto& [name, bot] : fleet.bots)
      pick_all(all, *bot);
  for (const auto& wanted : what.labels)
    if (wanted.empty() || wanted.front() == '=')
      return config::unexpected{refusal{exit_code::usage, "bad-label",
                                        config::in_quotes(wanted) + " is no label",
                                        "write KEY=VALUE, or KEY for any value"}};
  if (!what.labels.empty()) {
    keep_labelled(all, fleet, what.labels);
    if (all.empty())
      return config::unexpected{
          refusal{exit_code::no_such_bot, "no-such-bot", "no bot has these labels",
                  "labels stand under \"labels\" in a bot's file: `troupe show BOT`"}};
  }
  chosen result;
  std::size_t total = 0;
  for (const auto& [name, bot] : fleet.bots)
    total += bot->instances.size();
  std::size_t staying = 0;
  for (const auto& [name, numbers] : all)
    for (auto index : numbers) {
      result.instances.push_back(config::join_instance(name, index));
      staying += !leaving.contains(result.instances.back());
    }
  result.everything = staying == total;
  return result;
}

std::string without_root(const std::string& target) {
  return target.size() > 1 && target.starts_with('/') ? target.substr(1) : target;
}

config::expected<chosen_bot, refusal>
resolve_bot(const fleet_spec& fleet, const std::string& as_given, std::string_view command) {
  const auto text = without_root(as_given);
  if (!well_formed(text))
    return config::unexpected{bad_name(text)};
  if (auto many = several(fleet, text, command))
    return config::unexpected{std::move(*many)};
  const auto name = config::split_instance(text);
  if (!name)
    return config::unexpected{bad_name(text)};
  const auto found = fleet.bots.find(name->bot);
  if (found == fleet.bots.end())
    return config::unexpected{unknown(fleet, name->bot)};
  if (name->index && *name->index >= found->second->instances.size())
    return config::unexpected{no_such_instance(*found->second, *name->index)};
  return chosen_bot{found->second, name->index};
}

} // namespace troupe::commands
