#include "runtime/shell/report.hpp"

#include "actors/commands/documents.hpp"
#include "runtime/os/files.hpp"
#include "runtime/report/blotter.hpp"
#include "runtime/report/bundle.hpp"
#include "runtime/report/host_text.hpp"
#include "runtime/report/kept.hpp"
#include "runtime/report/secrets.hpp"
#include "runtime/shell/diagnose.hpp"
#include "runtime/shell/local.hpp"
#include "runtime/shell/render.hpp"
#include "troupe_version.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <set>
#include <unistd.h>
#include <utility>

namespace troupe::shell {

namespace {

constexpr std::size_t most_events = 1000;
constexpr std::size_t most_deaths = 500;
constexpr std::size_t most_shown = 50; ///< bots that are not healthy
constexpr std::chrono::seconds longest_answer{10};

/// The pid in a file of the state directory, if that program has it now; else 0.
pid_t pid_in(const std::string& file, std::string_view program) {
  const auto text = os::read_file(file, 32).value_or("");
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  const auto name = os::read_file("/proc/" + std::to_string(pid) + "/comm", 64).value_or("");
  // The kernel keeps 15 bytes of a name.
  return pid > 0 && name == std::string{program.substr(0, 15)} + "\n" ? pid : 0;
}

bool is_healthy(const json& row) {
  const auto state = text_at(row, "state");
  return state == "running" || state == "stopped" || state == "completed" || state == "defined";
}

class collector {
public:
  collector(client& runtime, const global_settings& global, const std::optional<refusal>& no_state)
      : runtime_{runtime}
      , global_{global}
      , no_state_{no_state} {
    // nop
  }

  report::bundle collect() {
    if (const auto state = state_of(global_))
      state_ = *state;
    read_store();
    fleet();
    deaths();
    config();
    doctor();
    host();
    manifest();
    return std::move(bundle_);
  }

private:
  /// What everything else is blotted by comes first.
  void read_store() {
    if (state_.empty()) {
      bundle_.lacks("all of the fleet", no_state_ ? no_state_->message : "no state directory");
      return;
    }
    keeper_ = pid_in(state_ + "/lock", "troupe-keeper");
    runtime_pid_ = pid_in(state_ + "/runtime.pid", "troupe-runtime");
    if (auto read = report::read_kept(state_, most_events, most_deaths))
      kept_ = std::move(*read);
    else
      bundle_.lacks("deaths and config", read.error());
    if (kept_ && kept_->applied)
      unknown_ = report::learn_secrets(blotter_, *kept_->applied, keeper_);
    else
      unknown_.emplace("which tree is applied is not known");
  }

  void add(const std::string& name, json document) {
    report::mask(document);
    bundle_.add(name, blotter_.blot(commands::dump(document)) + "\n");
  }

  void add_text(const std::string& name, const std::string& text) {
    bundle_.add(name, blotter_.blot(text));
  }

  /// The runtime's answer; nothing, and a gap, when there is none.
  std::optional<json> ask(const std::string& command, const json& arguments,
                          const std::string& what) {
    if (no_state_ || unreachable_) {
      bundle_.lacks(what, no_state_ ? no_state_->message : *unreachable_);
      return std::nullopt;
    }
    const auto got = runtime_.ask(command, commands::dump(arguments), true, longest_answer);
    if (!got) {
      unreachable_ = got.error().message;
      bundle_.lacks(what, *unreachable_);
      return std::nullopt;
    }
    if (command == "events") // a document each line
      return json(got->document);
    auto document = json::parse(got->document, nullptr, false);
    if (document.contains("error")) {
      bundle_.lacks(what, read_refusal(document, got->exit).message);
      return std::nullopt;
    }
    return document;
  }

  void fleet() {
    auto versions = commands::new_document();
    versions["client"] = version;
    if (const auto there = ask("version", json::object(), "the runtime's version"))
      versions["runtime"] = *there;
    add("version.json", versions);
    const auto status = ask("status", json::object(), "status.json");
    if (status) {
      add("status.json", *status);
      add_text("status.txt", render_status(*status, {}));
    }
    if (const auto tree = ask("tree", json::object(), "tree.json")) {
      add("tree.json", *tree);
      add_text("tree.txt", render_tree(*tree, {}));
    }
    if (status)
      unhealthy(*status);
    const auto events =
        ask("events", {{"last", most_events}}, "events.jsonl as the runtime has them");
    if (events)
      add_text("events.jsonl", events->get<std::string>());
    else if (kept_)
      add_text("events.jsonl", commands::event_lines(kept_->events));
  }

  void unhealthy(const json& status) {
    std::set<std::string> bots;
    for (const auto& row : list_at(status, "instances"))
      if (!is_healthy(row))
        bots.insert(text_at(row, "bot"));
    std::size_t shown = 0;
    for (const auto& bot : bots) {
      if (shown++ == most_shown) {
        bundle_.lacks("show of " + std::to_string(bots.size() - most_shown) + " more bots",
                      "there are more than " + std::to_string(most_shown) + " unhealthy ones");
        break;
      }
      auto file = "show/" + bot + ".json";
      if (auto document = ask("show", {{"bot", bot}}, file)) {
        if (!unknown_.empty() && document->contains("deaths"))
          without_output((*document)["deaths"]);
        add(file, std::move(*document));
      }
    }
  }

  static void without_output(json& deaths) {
    for (auto& one : deaths)
      if (one.is_object())
        one["output"] = nullptr;
  }

  void deaths() {
    if (!kept_)
      return;
    auto document = commands::new_document();
    document["deaths"] = json::array();
    for (const auto& one : kept_->deaths)
      document["deaths"].push_back(commands::death_row(one));
    if (!unknown_.empty())
      without_output(document["deaths"]);
    add("deaths.json", std::move(document));
  }

  void config() {
    if (!kept_ || !kept_->applied) {
      bundle_.lacks("config/", "no tree was applied, or it cannot be read");
      return;
    }
    for (const auto& one : kept_->applied->documents) {
      auto document = json::parse(one.text, nullptr, false, true);
      if (document.is_discarded())
        bundle_.lacks("config/" + one.path, "it cannot be read as JSON");
      else
        add("config/" + one.path, std::move(document));
    }
  }

  void doctor() {
    const auto tree = kept_ && kept_->applied ? kept_->applied->root : "";
    const auto profile = kept_ && kept_->applied ? kept_->applied->profile : "";
    const auto found = diagnose(runtime_, global_, tree, profile, no_state_);
    add("doctor.json", findings_document(found));
    add_text("doctor.txt", render_findings(found, {}));
  }

  void host() {
    add_text("host.txt", report::host_text(keeper_, runtime_pid_));
    std::string why;
    if (!unknown_.empty())
      why = "a bot's secret may be in it, and not all are known";
    const auto log = why.empty() ? report::log_tail(keeper_, why) : "";
    if (log.empty())
      bundle_.lacks("log.txt", why.empty() ? "it is empty" : why);
    else
      add_text("log.txt", log);
  }

  void manifest() {
    if (!unknown_.empty()) {
      std::string list;
      for (const auto& one : unknown_)
        list += (list.empty() ? "" : "; ") + one;
      bundle_.lacks("what bots have printed",
                    "secrets in it could not be blotted out, as not all can be read: " + list);
    }
    auto document = commands::new_document();
    document["made_by"] = std::string{"troupe "} + version;
    document["made_at"] = commands::rfc3339(std::chrono::duration_cast<std::chrono::microseconds>(
                                                std::chrono::system_clock::now().time_since_epoch())
                                                .count());
    document["state_directory"] = state_;
    document["files"] = json::array();
    for (const auto& one : bundle_.entries())
      document["files"].push_back(one.name);
    document["missing"] = missing(bundle_);
    add("manifest.json", std::move(document));
  }

public:
  static json missing(const report::bundle& from) {
    auto result = json::array();
    for (const auto& one : from.gaps())
      result.push_back({{"what", one.what}, {"why", one.why}});
    return result;
  }

private:
  client& runtime_;
  global_settings global_;
  std::optional<refusal> no_state_;
  std::optional<std::string> unreachable_;
  std::string state_;
  pid_t keeper_ = 0;
  pid_t runtime_pid_ = 0;
  std::optional<report::kept> kept_;
  std::set<std::string> unknown_; ///< secrets that could not be read
  report::blotter blotter_;
  report::bundle bundle_;
};

/// «troupe-report-HOST-20260131T120000Z».
std::string new_name() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  std::string name = "troupe-report-";
  for (const char* c = host.data(); *c != '\0'; ++c)
    name += std::isalnum(static_cast<unsigned char>(*c)) != 0 || *c == '-' ? *c : '_';
  const auto now = std::time(nullptr);
  tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "-%Y%m%dT%H%M%SZ", &parts);
  name += text;
  // Another may have been made within this second.
  const auto taken = [](const std::string& x) {
    return access((x + ".tar.gz").c_str(), F_OK) == 0;
  };
  auto result = name;
  for (int i = 2; taken(result) && i < 100; ++i)
    result = name + "-" + std::to_string(i);
  return result;
}

} // namespace

int write_report(client& runtime, const invocation& what, const std::optional<refusal>& no_state) {
  const auto top = new_name();
  const auto path = what.arguments.value("output", top + ".tar.gz");
  // Not after a minute of collecting.
  if (access(path.c_str(), F_OK) == 0)
    return complain({exit_code::failed, "exists", path + " is there already",
                     "a report never replaces a file: name another one with -o"},
                    what.global.json);
  const auto bundle = collector{runtime, what.global, no_state}.collect();
  const auto size = report::write_bundle(bundle, path, top);
  if (!size)
    return complain({exit_code::failed, "output", size.error(), "name another file with -o"},
                    what.global.json);
  auto document = commands::new_document();
  document["file"] = path;
  document["size_bytes"] = *size;
  document["files"] = json::array();
  for (const auto& one : bundle.entries())
    document["files"].push_back(one.name);
  document["missing"] = collector::missing(bundle);
  if (what.global.json)
    return printed(commands::dump(document) + "\n");
  auto text = escape(path) + ": " + count_of(bundle.entries().size(), "file") + ", "
              + human_size(*size) + "\n";
  for (const auto& one : bundle.gaps())
    text += "missing: " + escape(one.what) + ": " + escape(one.why) + "\n";
  return printed(text + "look through it before you give it away: bots print what they like\n");
}

} // namespace troupe::shell
