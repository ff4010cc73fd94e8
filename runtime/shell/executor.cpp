#include "runtime/shell/executor.hpp"

#include "actors/commands/documents.hpp"
#include "config/names.hpp"
#include "config/units.hpp"
#include "runtime/shell/completion.hpp"
#include "runtime/shell/configuring.hpp"
#include "runtime/shell/diagnose.hpp"
#include "runtime/shell/help.hpp"
#include "runtime/shell/import.hpp"
#include "runtime/shell/local.hpp"
#include "runtime/shell/logs.hpp"
#include "runtime/shell/message_streams.hpp"
#include "runtime/shell/payload.hpp"
#include "runtime/shell/render.hpp"
#include "runtime/shell/report.hpp"
#include "troupe_version.hpp"

#include <caf/config.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <unistd.h>
#include <utility>

namespace troupe::shell {

namespace {

using std::chrono::milliseconds;

/// No request waits longer in the runtime; what takes longer is asked again.
constexpr std::uint32_t wait_slice_ms = 5000;
constexpr std::size_t events_at_once = 1000;
constexpr std::uint64_t events_before_follow = 10;

json parse_document(const std::string& text) {
  return json::parse(text, nullptr, false);
}

milliseconds duration_argument(const invocation& what, const char* key) {
  const auto found = what.arguments.find(key);
  if (found == what.arguments.end() || !found->is_string())
    return milliseconds{0};
  const auto value = config::parse_duration(found->get<std::string>());
  return value ? std::chrono::duration_cast<milliseconds>(*value) : milliseconds{0};
}

bool has(const invocation& what, const char* key) {
  return what.arguments.contains(key);
}

std::string caf_version() {
  return std::to_string(CAF_VERSION / 10000) + "." + std::to_string(CAF_VERSION / 100 % 100) + "."
         + std::to_string(CAF_VERSION % 100);
}

/// What a changing command waits for, as arguments of `await`: some instances each, for
/// the names of a large fleet do not fit into one.
std::vector<json> goals_of(std::string_view command, const json& document) {
  constexpr std::size_t at_once = 1000;
  std::vector<json> result;
  const auto add = [&](const std::string& name, std::uint64_t after, const char* to) {
    if (result.empty() || result.back()["for"] != to
        || result.back()["instances"].size() >= at_once)
      result.push_back({{"for", to}, {"instances", json::array()}});
    result.back()["instances"].push_back({{"name", name}, {"after", after}});
  };
  if (command == "scale") {
    const auto bot = document.value("bot", "");
    const auto from = document.value("from", std::uint32_t{0});
    const auto to = document.value("to", std::uint32_t{0});
    for (auto i = std::min(from, to); i < std::max(from, to); ++i)
      add(config::join_instance(bot, i), 0, from < to ? "up" : "down");
    return result;
  }
  // A restart is done when another process is up; a start, when any is.
  const bool another = command == "restart";
  for (const auto& one : list_at(document, "instances"))
    add(one.value("name", ""), another ? one.value("incarnation", std::uint64_t{0}) : 0,
        command == "stop"    ? "down"
        : command == "pause" ? "paused"
                             : "up");
  return result;
}

} // namespace

int executor::carry_out(const invocation& what) {
  const auto tell = [&](const char* key, const std::string& text) {
    if (!what.global.json)
      return printed(text);
    auto document = commands::new_document();
    document[key] = text;
    return printed(commands::dump(document) + "\n");
  };
  if (what.version)
    return what.global.json ? tell("version", version)
                            : tell("", "troupe " + std::string{version} + "\n");
  if (!what.command)
    return tell("help", what.family.empty() ? help_overview() : help_of_family(what.family));
  const auto name = what.command->name;
  if (what.help)
    return tell("help", help_of(*what.command));
  if (name == "help") {
    if (!has(what, "command"))
      return tell("help", help_overview());
    std::string wanted;
    for (const auto& word : what.arguments["command"])
      wanted += (wanted.empty() ? "" : " ") + word.get<std::string>();
    if (!family_members(wanted).empty())
      return tell("help", help_of_family(wanted));
    const auto named = named_command(wanted);
    if (!named)
      return complain(named.error(), what.global.json);
    return tell("help", help_of(**named));
  }
  if (name == "check")
    return check_tree(what, given_.on);
  if (name == "import")
    return import_tree(what, given_.on);
  if (name == "init")
    return init_tree(what, given_.on);
  if (name == "completion")
    return print_completion(what);
  if (name == "doctor" || name == "report") {
    // A shell keeps to its state directory, whatever the environment says.
    auto here = what;
    if (!given_.no_state)
      here.global.state = runtime_.state();
    return name == "doctor" ? show_diagnosis(runtime_, here, given_.no_state, given_.on)
                            : write_report(runtime_, here, given_.no_state);
  }
  if (name == "version")
    return show_version(what);
  if (is_configuring(name))
    return configure(what, runtime_, given_);
  if (name == "events")
    return follow_events(what);
  if (name == "logs")
    return show_logs(what, runtime_, given_);
  if (name == "attach")
    return attach(what, runtime_, given_);
  if (name == "wait")
    return wait_until(what);
  if (name == "tap")
    return show_tap(what, runtime_, given_);
  if (name == "state watch")
    return watch_state(what, runtime_, given_);
  if (takes_payload(what)) {
    auto loaded = what;
    if (const auto why = load_payload(loaded))
      return complain(*why, what.global.json);
    return over_the_socket(loaded);
  }
  return over_the_socket(what);
}

int executor::show(const invocation& what, const answer& got) {
  if (what.global.json)
    return printed(got.document + "\n", got.exit);
  const auto document = parse_document(got.document);
  if (document.is_object() && document.contains("error"))
    return complain(read_refusal(document, got.exit), false);
  if (what.command->name == "ping")
    return printed("the runtime answers: pid " + text_at(document, "pid") + ", up "
                       + human_duration(number_at(document, "uptime_s")) + "\n",
                   got.exit);
  if (what.command->name == "graph" && has(what, "dot"))
    return printed(render_dot(document), got.exit);
  return printed(render(what.command->name, document, given_.on), got.exit);
}

int executor::over_the_socket(const invocation& what) {
  auto arguments = what.arguments;
  const auto name = std::string{what.command->name};
  // Beside what a message may wait for, the audit and a look may take their time.
  const auto patience = duration_argument(what, "within") + client::usual_timeout;
  auto got = runtime_.ask(name, commands::dump(arguments), !what.command->changes, patience);
  if (got && got->exit != 0 && given_.confirm && !what.global.json) {
    const auto why = read_refusal(parse_document(got->document), got->exit);
    if (why.code == "needs-confirmation") {
      if (!given_.confirm(why.message + ". Go on?"))
        return complain({exit_code::failed, "not-confirmed", "nothing was done", ""}, false);
      arguments["yes"] = true;
      got = runtime_.ask(name, commands::dump(arguments), false);
    }
  }
  if (!got) {
    // A runtime that was told to end may be gone before its answer is out.
    if (name == "shutdown" && got.error().code == "lost")
      got = answer{0, R"({"schema_version":1,"command":"shutdown","accepted":1})"};
    else
      return complain(got.error(), what.global.json);
  }
  if (has(what, "wait") && got->exit == 0)
    return wait_for(what, std::move(*got));
  return show(what, *got);
}

int executor::wait_for(const invocation& what, answer first) {
  const auto limit = duration_argument(what, "wait");
  if (what.command->name == "shutdown") {
    if (runtime_.wait_until_gone(limit))
      return show(what, {0, first.document});
    return complain({exit_code::timed_out, "timed-out",
                     "the fleet is still ending after " + human_duration(limit.count() / 1e3),
                     "`troupe status` shows what it waits for"},
                    what.global.json);
  }
  auto document = parse_document(first.document);
  if (text_at(document, "dry_run") == "true")
    return show(what, first);
  auto goals = goals_of(what.command->name, document);
  if (goals.empty())
    return show(what, first);
  const auto deadline = std::chrono::steady_clock::now() + limit;
  bool reached = true;
  bool failed = false;
  auto rows = json::array();
  for (auto& goal : goals) {
    const auto got = await(goal, reached && !failed ? deadline : std::chrono::steady_clock::now());
    if (!got)
      return complain(got.error(), what.global.json);
    const auto state = parse_document(got->document);
    if (got->exit != 0)
      return show(what, *got);
    reached = text_at(state, "reached") == "true" && reached;
    failed = text_at(state, "failed") == "true" || failed;
    for (const auto& row : list_at(state, "instances"))
      rows.push_back(row);
  }
  document["instances"] = std::move(rows);
  document["reached"] = reached;
  const auto exit = reached ? exit_code::done : failed ? exit_code::failed : exit_code::timed_out;
  const auto code = show(what, {static_cast<int>(exit), commands::dump(document)});
  if (exit == exit_code::timed_out && !what.global.json)
    std::fprintf(stderr, "troupe: not all are there after %s\n",
                 human_duration(static_cast<double>(limit.count()) / 1e3).c_str());
  return code;
}

/// Asks again until all of one goal are there, one has failed or the time is up.
config::expected<answer, refusal> executor::await(json& goal,
                                                  std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
    goal["wait_ms"] = std::clamp<std::int64_t>(left.count(), 0, wait_slice_ms);
    auto got = runtime_.ask("await", commands::dump(goal), true);
    if (!got || got->exit != 0 || left.count() <= 0)
      return got;
    const auto state = parse_document(got->document);
    if (text_at(state, "reached") == "true" || text_at(state, "failed") == "true")
      return got;
  }
}

/// Asks again until all stand as they should, one never will, or the time is up.
int executor::wait_until(const invocation& what) {
  auto limit = milliseconds{30'000};
  if (has(what, "wait"))
    limit = duration_argument(what, "wait");
  auto arguments = what.arguments;
  arguments.erase("wait");
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
    arguments["wait_ms"] = std::clamp<std::int64_t>(left.count(), 0, wait_slice_ms);
    const auto got = runtime_.ask("wait", commands::dump(arguments), true);
    if (!got)
      return complain(got.error(), what.global.json);
    if (got->exit != 0)
      return show(what, *got);
    const auto document = parse_document(got->document);
    const bool reached = text_at(document, "reached") == "true";
    const bool failed = text_at(document, "failed") == "true";
    if (!reached && !failed && left.count() > 0)
      continue;
    const auto exit = reached ? exit_code::done : failed ? exit_code::failed : exit_code::timed_out;
    if (what.global.json || reached)
      return show(what, {static_cast<int>(exit), got->document});
    auto on = given_.on;
    on.colour = on.colour && isatty(STDERR_FILENO) == 1;
    const auto waited = human_delay(static_cast<double>(limit.count()) / 1e3);
    std::fputs(render_missing(document, waited, on).c_str(), stderr);
    return static_cast<int>(exit);
  }
}

int executor::follow_events(const invocation& what) {
  auto arguments = what.arguments;
  const bool follow = arguments.value("follow", false);
  bool silent = false;
  if (follow && !has(what, "last") && !has(what, "since"))
    arguments["last"] = events_before_follow;
  if (follow && has(what, "last") && what.arguments["last"] == 0) {
    // Only where the sequence stands is of interest.
    arguments["last"] = 1;
    silent = true;
  }
  arguments.erase("follow");
  for (;;) {
    const auto got = runtime_.ask("events", commands::dump(arguments), true);
    if (!got)
      return complain(got.error(), what.global.json);
    if (got->exit != 0)
      return show(what, *got);
    std::size_t count = 0;
    std::string text;
    std::string_view rest = got->document;
    while (!rest.empty()) {
      const auto end = std::min(rest.find('\n'), rest.size());
      const std::string line{rest.substr(0, end)};
      rest.remove_prefix(std::min(end + 1, rest.size()));
      ++count;
      const auto event = parse_document(line);
      if (event.is_object())
        arguments["after"] = event.value("seq", std::uint64_t{0});
      if (what.global.json)
        text += line + "\n";
      else
        text += render_event(event, given_.on);
    }
    if (!silent && !print(text))
      return static_cast<int>(exit_code::failed);
    silent = false;
    arguments.erase("last");
    if (count >= events_at_once)
      continue;
    if (!follow)
      return 0;
    arguments["wait_ms"] = wait_slice_ms;
  }
}

int executor::show_version(const invocation& what) {
  auto document = commands::new_document();
  document["client"] = version;
  document["runtime"] = nullptr;
  document["runtime_error"] = nullptr;
  document["protocol"] = admin_protocol;
  document["caf"] = caf_version();
  auto trouble = given_.no_state;
  if (!trouble) {
    const auto got = runtime_.ask("version", "{}", true);
    const auto there = got ? parse_document(got->document) : json{};
    if (!got)
      trouble = got.error();
    else if (got->exit != 0)
      trouble = read_refusal(there, got->exit);
    else
      document["runtime"] = there.value("version", "");
  }
  if (trouble)
    document["runtime_error"] = commands::error_document(*trouble)["error"];
  if (what.global.json)
    return printed(commands::dump(document) + "\n");
  return printed("troupe " + text_at(document, "client") + "\nruntime "
                 + (trouble ? "unknown: " + escape(trouble->message) : text_at(document, "runtime"))
                 + "\nadmin protocol " + text_at(document, "protocol") + ", CAF "
                 + text_at(document, "caf") + "\n");
}

} // namespace troupe::shell
