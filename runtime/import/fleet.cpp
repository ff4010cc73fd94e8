#include "runtime/import/fleet.hpp"

#include "config/names.hpp"

#include <algorithm>
#include <array>
#include <tuple>

namespace troupe::importing {

std::string_view to_string(weight how) {
  switch (how) {
  case weight::lost:
    return "lost";
  case weight::changed:
    return "changed";
  case weight::warning:
    return "warning";
  }
  return "lost";
}

void imported_bot::set(const std::string& key, json value, const place& from) {
  settings[key] = std::move(value);
  places[key] = from;
}

void imported_bot::set_in(const std::string& key, const std::string& member, json value,
                          const place& from) {
  settings[key][member] = std::move(value);
  places[key] = from;
}

void imported_bot::remark_on(weight how, const place& from, std::string key, std::string why,
                             std::string advice) {
  remarks.push_back({how, from, name, std::move(key), std::move(why), std::move(advice)});
}

void imported_bot::hold_back(const place& from, std::string key, std::string why,
                             std::string advice) {
  set("autostart", false, from);
  lost(from, std::move(key), why + "; so it does not start with the fleet",
       advice + (advice.empty() ? "" : ", then ") + "remove \"autostart\": false");
}

std::string imported_fleet::free_name(const std::string& group, const std::string& wanted,
                                      bool is_group) const {
  auto base = config::suggest_name(wanted);
  if (base.empty())
    base = is_group ? "group" : "bot";
  // What the tree itself uses these names for.
  static constexpr std::array folders{"profiles", "secrets", "tenants", "mixins"};
  const bool reserved = is_group
                            ? std::ranges::find(folders, base) != folders.end() || base == "runtime"
                            : base == "group" || base == "runtime";
  if (reserved)
    base += is_group ? "-group" : "-bot";
  auto name = base;
  for (int next = 2; taken_.contains(config::join_name(group, name)); ++next) {
    const auto suffix = "-" + std::to_string(next);
    name = base.substr(0, 64 - suffix.size()) + suffix;
  }
  return name;
}

std::string imported_fleet::add_group(const std::string& wanted, const place& from) {
  const auto name = free_name("", wanted, true);
  taken_.insert(name);
  groups_[name] = json::object();
  if (name != wanted)
    remark_on(weight::changed, from, wanted, "the group is called " + name + " here",
              "names are " + std::string{config::name_rule} + ", and each is there once");
  return name;
}

imported_bot& imported_fleet::add_bot(const std::string& group, const std::string& wanted,
                                      std::string title, const place& from) {
  const auto leaf = free_name(group, wanted, false);
  auto& bot = bots_.emplace_back();
  bot.name = config::join_name(group, leaf);
  bot.title = std::move(title);
  bot.where = from;
  taken_.insert(bot.name);
  if (leaf != wanted)
    bot.changed(from, wanted, "the bot is called " + bot.name + " here",
                "names are " + std::string{config::name_rule} + ", and each is there once");
  return bot;
}

void imported_fleet::drop_bot(const std::string& which) {
  const auto name = which; // it may be that of the bot itself
  const auto found = std::ranges::find(bots_, name, &imported_bot::name);
  if (found == bots_.end())
    return;
  for (auto& one : found->remarks) {
    one.bot.clear();
    remarks_.push_back(std::move(one));
  }
  bots_.erase(found);
  const auto group = std::string{config::parent_name(name)};
  const auto leaf = std::string{config::leaf_name(name)};
  auto& settings = groups_[group];
  if (auto order = settings.find("order"); order != settings.end()) {
    auto left = json::array();
    for (const auto& child : *order)
      if (child != leaf)
        left.push_back(child);
    *order = std::move(left);
  }
  for (auto& [profile, content] : profiles_)
    content["bots"].erase(name);
}

std::string imported_fleet::set_in_profile(const std::string& profile, const std::string& bot,
                                           const std::string& key, json value) {
  auto name = config::suggest_name(profile);
  if (name.empty())
    name = "profile";
  profiles_[name]["bots"][bot][key] = std::move(value);
  return name;
}

void imported_fleet::remark_on(weight how, const place& from, std::string key, std::string why,
                               std::string advice) {
  remarks_.push_back({how, from, "", std::move(key), std::move(why), std::move(advice)});
}

void imported_fleet::once(const place& from, std::string key, std::string why, std::string advice) {
  if (said_.insert(key + '\0' + why).second)
    remark_on(weight::changed, {from.file, 0}, std::move(key), std::move(why), std::move(advice));
}

imported_bot* imported_fleet::find(std::string_view name) {
  const auto found = std::ranges::find(bots_, name, &imported_bot::name);
  return found == bots_.end() ? nullptr : &*found;
}

std::vector<remark> imported_fleet::remarks() const {
  auto result = remarks_;
  for (const auto& bot : bots_)
    result.insert(result.end(), bot.remarks.begin(), bot.remarks.end());
  std::ranges::stable_sort(
      result, {}, [](const remark& one) { return std::tie(one.where.file, one.where.line); });
  return result;
}

} // namespace troupe::importing
