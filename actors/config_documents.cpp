#include "actors/config_documents.hpp"

#include "config/document.hpp"
#include "config/masking.hpp"
#include "config/overrides.hpp"

#include <algorithm>
#include <ctime>
#include <fmt/format.h>
#include <utility>

namespace troupe {

using nlohmann::json;

namespace {

json setting_json(const config::setting& what, const std::string& pointer) {
  auto result = json::object();
  result["value"] = config::masked(what.value, pointer);
  result["scope"] = config::to_string(what.where);
  result["file"] = nullptr;
  result["line"] = nullptr;
  result["column"] = nullptr;
  if (!what.file.empty())
    result["file"] = what.file;
  if (what.line > 0) {
    result["line"] = what.line;
    result["column"] = what.column;
  }
  return result;
}

} // namespace

json time_json(std::int64_t micros) {
  if (micros == 0)
    return nullptr;
  const auto seconds = static_cast<std::time_t>(micros / 1'000'000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     micros / 1000 % 1000);
}

std::string_view to_string(disk_standing::kind x) {
  switch (x) {
  case disk_standing::kind::unknown:
    return "unknown";
  case disk_standing::kind::same:
    return "same";
  case disk_standing::kind::differs:
    return "differs";
  case disk_standing::kind::invalid:
    return "invalid";
  case disk_standing::kind::conflict:
    return "conflict";
  }
  return "unknown";
}

json config_document() {
  return {{"schema_version", 1}};
}

config_reply config_answer(const json& document, exit_code exit) {
  return {exit, document.dump(-1, ' ', false, json::error_handler_t::replace)};
}

config_reply config_refusal(const refusal& why, const json& more) {
  auto document = more;
  document["schema_version"] = 1;
  document["error"] = {{"code", why.code},
                       {"exit", static_cast<int>(why.exit)},
                       {"message", why.message},
                       {"hint", why.hint}};
  return config_answer(document, why.exit);
}

std::vector<config::problem> all_problems(const candidate& of) {
  auto result = of.unread;
  result.insert(result.end(), of.loaded.errors.begin(), of.loaded.errors.end());
  result.insert(result.end(), of.loaded.warnings.begin(), of.loaded.warnings.end());
  return result;
}

json problems_json(const std::vector<config::problem>& problems) {
  auto result = json::array();
  for (const auto& each : problems)
    result.push_back(config::to_json(each));
  return result;
}

json version_json(const config_version& version) {
  return {{"number", version.number}, {"time", time_json(version.time)},
          {"author", version.author}, {"reason", version.reason},
          {"hash", version.hash},     {"state", to_string(version.now)}};
}

json overrides_json(const config::override_map& overrides) {
  auto result = json::object();
  for (const auto& [bot, patch] : overrides)
    if (auto value = json::parse(patch, nullptr, false); !value.is_discarded())
      result[bot] = config::masked(value);
  return result;
}

config::set_by setter_of(const std::vector<config_version>& past, const config::override_map& now,
                         const std::string& bot) {
  config::set_by result;
  const auto mine = now.find(bot);
  for (const auto& each : past) {
    const auto at = each.overrides.find(bot);
    if (mine == now.end() || at == each.overrides.end() || at->second != mine->second)
      break;
    result = {each.author, time_json(each.time).get<std::string>()};
  }
  return result;
}

json explain_json(const std::string& instance, const std::vector<config::origin>& values) {
  auto result = config_document();
  result["instance"] = instance;
  auto& list = result["values"] = json::array();
  for (const auto& each : values) {
    auto row = setting_json(each, each.pointer);
    row["pointer"] = each.pointer;
    auto& weaker = row["overrides"] = json::array();
    for (const auto& under : each.overrides)
      weaker.push_back(setting_json(under, each.pointer));
    list.push_back(std::move(row));
  }
  return result;
}

json progress_json(std::uint64_t version, const updating::rollout_progress& progress,
                   const std::string& failed) {
  json result{{"number", version},   {"done", progress.done},   {"total", progress.total},
              {"bot", progress.bot}, {"batch", progress.batch}, {"of", progress.of}};
  if (!progress.waits_for.empty())
    result["waits_for"] = progress.waits_for;
  if (!failed.empty())
    result["failed"] = failed;
  return result;
}

config::expected<std::string, std::string> pointer_of_path(const std::string& path) {
  constexpr std::size_t longest = 1024;
  if (path.size() > longest)
    return config::unexpected{fmt::format("a path has at most {} bytes", longest)};
  const bool dotted = !path.empty() && path.front() != '/';
  if (dotted && (path.front() == '.' || path.back() == '.' || path.find("..") != std::string::npos))
    return config::unexpected{"the path \"" + path + "\" has an empty part"};
  auto pointer = config::pointer_of_path(path);
  for (std::size_t i = 0; i < pointer.size(); ++i)
    if (pointer[i] == '~'
        && (i + 1 == pointer.size() || (pointer[i + 1] != '0' && pointer[i + 1] != '1')))
      return config::unexpected{
          std::string{"in a JSON pointer a '~' is written ~0, and a '/' in a name ~1"}};
  constexpr std::ptrdiff_t deepest = 32;
  if (std::count(pointer.begin(), pointer.end(), '/') > deepest)
    return config::unexpected{fmt::format("a path has at most {} parts", deepest)};
  return pointer;
}

std::pair<std::string, std::string> bot_and_prefix(const std::string& name) {
  const auto mark = name.rfind('#');
  if (mark == std::string::npos)
    return {name, ""};
  return {name.substr(0, mark), "/instances/" + name.substr(mark + 1)};
}

std::string plan_text(const config::fleet_plan& plan) {
  using enum config::step_kind;
  std::string result;
  const auto add = [&](std::size_t count, std::string_view one, std::string_view many) {
    if (count > 0)
      result += fmt::format("{}{} {}", result.empty() ? "" : ", ", count, count == 1 ? one : many);
  };
  add(plan.count(restart), "restart", "restarts");
  add(plan.count(start), "start", "starts");
  add(plan.count(stop), "stop", "stops");
  add(plan.count(adjust), "change in place", "changes in place");
  add(plan.count(note), "change for the next start", "changes for the next start");
  add(plan.groups.size(), "group", "groups");
  if (!plan.runtime.empty())
    add(plan.runtime.size(), "setting of the runtime", "settings of the runtime");
  return result.empty() ? "no instance is touched" : result;
}

std::string problem_text(const std::vector<config::problem>& problems) {
  const auto first = std::find_if(problems.begin(), problems.end(), [](const auto& each) {
    return each.level == config::severity::error;
  });
  if (first == problems.end())
    return "the config is not valid";
  auto text = first->file;
  if (first->line > 0)
    text += fmt::format(":{}:{}", first->line, first->column);
  if (!text.empty())
    text += ": ";
  text += first->message;
  const auto more = std::count_if(first + 1, problems.end(), [](const auto& each) {
    return each.level == config::severity::error;
  });
  if (more > 0)
    text += fmt::format(" (and {} more)", more);
  return text;
}

} // namespace troupe
