#include "actors/commands/documents.hpp"
#include "runtime/logs/names.hpp"
#include "runtime/shell/event_feed.hpp"
#include "runtime/shell/local.hpp"
#include "runtime/shell/log_follow.hpp"
#include "runtime/shell/logs.hpp"
#include "runtime/shell/render.hpp"

#include <utility>

namespace troupe::shell {

namespace {

constexpr std::uint64_t lines_before = 10;

/// «── market/trader#0 is running: ready».
std::string state_mark(const json& instance, const terminal& on) {
  const auto state = text_at(instance, "state");
  auto result = "── " + text_at(instance, "name") + " is " + painted(state, tone_of(state), on);
  if (const auto pid = text_at(instance, "pid"); !pid.empty())
    result += ", pid " + pid;
  if (const auto uptime = number_at(instance, "uptime_s", -1); uptime >= 0)
    result += ", up " + human_duration(uptime);
  if (const auto why = remark(instance); !why.empty())
    result += ": " + why;
  return result + "\n";
}

/// «── 12:00:01 running → stopping: asked by uid 0».
std::string event_mark(const json& event, bool named, const terminal& on) {
  const auto time = text_at(event, "time");
  const auto to = text_at(event, "to");
  auto result =
      "── " + painted(time.size() >= 19 ? time.substr(11, 8) : time, tone::faint, on) + " ";
  if (named)
    result += text_at(event, "instance") + " ";
  result += text_at(event, "from") + " → " + painted(to, tone_of(to), on);
  if (const auto cause = text_at(event, "cause"); !cause.empty())
    result += ": " + cause;
  return result + "\n";
}

} // namespace

int attach(const invocation& what, client& runtime, const executor::options& given) {
  const bool as_json = what.global.json;
  const auto directory = runtime.state() + "/" + logs::folder;
  const auto files = find_logs(directory);
  if (!files)
    return complain(files.error(), as_json);
  const auto target = what.arguments.at("bot").get<std::string>();
  // First of all, so that nothing that happens meanwhile is missed.
  event_feed events{runtime, target};
  if (const auto trouble = events.begin())
    return complain(*trouble, as_json);
  // Says in the words of `show` what is wrong with a name.
  const auto shown = runtime.ask("show", json{{"bot", target}}.dump(), true);
  if (!shown)
    return complain(shown.error(), as_json);
  const auto document = json::parse(shown->document, nullptr, false);
  if (shown->exit != 0)
    return complain(read_refusal(document, shown->exit), as_json);
  auto chosen = choose_logs(runtime, {target}, {}, *files);
  if (!chosen)
    return complain(chosen.error(), as_json);
  raise_open_files();
  const auto several = chosen->instances.size() > 1;
  log_extent extent;
  extent.last = what.arguments.value("last", lines_before);
  const auto instances = chosen->instances;
  log_printer printer{std::move(*chosen),
                      *files,
                      {directory, extent, as_json ? log_text::form::json : log_text::form::plain,
                       true, true, given.interruptible, given.on}};
  if (!as_json) {
    std::string marks;
    for (const auto& one : list_at(document, "instances"))
      if (instances.contains(one.value("name", "")))
        marks += state_mark(one, given.on);
    if (!print(marks))
      return static_cast<int>(exit_code::failed);
  }
  if (const auto end = printer.print_kept())
    return *end;
  events.run();
  const auto exit = printer.follow(events.fd(), [&](std::string& text) -> std::optional<int> {
    for (const auto& line : events.take()) {
      if (as_json)
        text += line + "\n";
      else
        text += event_mark(json::parse(line, nullptr, false), several, given.on);
    }
    if (const auto trouble = events.trouble())
      return complain(*trouble, as_json);
    return std::nullopt;
  });
  return exit;
}

} // namespace troupe::shell
