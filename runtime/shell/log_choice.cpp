#include "runtime/shell/log_choice.hpp"

#include "actors/commands/targets.hpp"
#include "config/names.hpp"
#include "runtime/shell/render.hpp"
#include "runtime/shell/text.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace troupe::shell {

namespace {

/// For a runtime that is being replaced, or hangs; the files are there meanwhile.
constexpr std::chrono::seconds patience{2};

/// Whether there is no use in asking.
bool is_silent(const refusal& why) {
  return why.exit == exit_code::not_running || why.code == "no-answer" || why.code == "starting";
}

std::string bot_of(const std::string& instance) {
  return instance.substr(0, instance.find('#'));
}

bool is_there(const std::string& target, const log_reading::log_listing& files) {
  return std::ranges::any_of(files.instances,
                             [&](const auto& one) { return means(target, one.first); });
}

void add_files(log_choice& to, const std::string& target, const log_reading::log_listing& files) {
  for (const auto& [instance, highest] : files.instances)
    if (means(target, instance))
      to.instances.emplace(instance, 0);
}

/// The instances by the runtime, with their incarnations.
config::expected<std::map<std::string, std::uint64_t>, refusal>
ask(client& runtime, const std::vector<std::string>& targets,
    const std::vector<std::string>& labels) {
  auto arguments = json::object();
  if (!targets.empty())
    arguments["targets"] = targets;
  if (!labels.empty())
    arguments["labels"] = labels;
  const auto got = runtime.ask("status", arguments.dump(), true, patience);
  if (!got)
    return config::unexpected{got.error()};
  const auto document = json::parse(got->document, nullptr, false);
  if (document.is_object() && document.contains("error"))
    return config::unexpected{read_refusal(document, got->exit)};
  std::map<std::string, std::uint64_t> result;
  for (const auto& one : list_at(document, "instances")) {
    const auto name = one.value("name", "");
    // It becomes the name of a file.
    if (const auto split = config::split_instance(name); split && split->index)
      result[name] = one.value("incarnation", std::uint64_t{0});
  }
  return result;
}

refusal no_log(const std::string& target, const log_reading::log_listing& files) {
  std::set<std::string> bots;
  for (const auto& [instance, highest] : files.instances)
    bots.insert(bot_of(instance));
  auto hint =
      config::did_you_mean(bot_of(target), std::vector<std::string>{bots.begin(), bots.end()});
  for (const auto& bot : bots)
    if (config::leaf_name(bot) == target)
      hint = "did you mean " + config::in_quotes(bot) + "?";
  if (is_there(target + "/", files))
    hint = config::in_quotes(target) + " is a group: write " + config::in_quotes(target + "/");
  return {exit_code::no_such_bot, "no-such-bot",
          "no runtime answers, and there is no log of " + in_quotes(target), hint};
}

/// Without a runtime.
config::expected<log_choice, refusal> choose_files(log_choice result, bool labels,
                                                   const refusal& why,
                                                   const log_reading::log_listing& files) {
  if (files.instances.empty())
    return config::unexpected{why};
  if (labels)
    return config::unexpected{
        refusal{why.exit, why.code, why.message + "; labels are known to the runtime alone",
                "name bots, groups with a trailing / or globs: their files are found without it"}};
  for (const auto& target : result.targets) {
    if (!is_there(target, files))
      return config::unexpected{no_log(target, files)};
    add_files(result, target, files);
  }
  return result;
}

} // namespace

bool means(std::string_view target, const std::string& instance) {
  if (target == "all")
    return true;
  const auto bot = bot_of(instance);
  if (config::is_glob(target)) {
    const auto pattern = std::string{target} + (target.ends_with('/') ? "**" : "");
    return config::glob_match(pattern, target.find('#') == std::string_view::npos ? bot : instance);
  }
  if (target.ends_with('/'))
    return bot.starts_with(target);
  return target == bot || target == instance;
}

bool log_choice::includes(const std::string& instance) const {
  return std::ranges::any_of(targets, [&](const auto& target) { return means(target, instance); });
}

config::expected<log_choice, refusal> choose_logs(client& runtime,
                                                  const std::vector<std::string>& targets,
                                                  const std::vector<std::string>& labels,
                                                  const log_reading::log_listing& files) {
  log_choice result;
  for (const auto& target : targets)
    result.targets.push_back(commands::without_root(target));
  if (targets.empty())
    result.targets.emplace_back("all");
  if (const auto there = runtime.connect(patience); !there) {
    if (!is_silent(there.error()))
      return config::unexpected{there.error()};
    return choose_files(std::move(result), !labels.empty(), there.error(), files);
  }
  auto asked = targets;
  for (bool again = false;; again = true) {
    auto got = ask(runtime, asked, labels);
    if (got) {
      result.instances.merge(*got);
      if (!labels.empty()) {
        // Of what comes later the labels are not known.
        result.targets.clear();
        for (const auto& [instance, incarnation] : result.instances)
          result.targets.push_back(instance);
      }
      return result;
    }
    if (is_silent(got.error()))
      return choose_files(std::move(result), !labels.empty(), got.error(), files);
    if (got.error().exit != exit_code::no_such_bot || again || !labels.empty())
      return config::unexpected{got.error()};
    // What left the fleet has a past all the same.
    std::erase_if(asked, [&](const auto& target) {
      const auto name = commands::without_root(target);
      if (ask(runtime, {target}, {}) || !is_there(name, files))
        return false;
      add_files(result, name, files);
      return true;
    });
    if (asked.empty())
      return result;
    if (asked.size() == targets.size())
      return config::unexpected{got.error()};
  }
}

} // namespace troupe::shell
