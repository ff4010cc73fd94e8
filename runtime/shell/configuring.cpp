#include "runtime/shell/configuring.hpp"

#include "actors/commands/documents.hpp"
#include "config/key_reference.hpp"
#include "config/masking.hpp"
#include "config/units.hpp"
#include "runtime/import/place_tree.hpp"
#include "runtime/shell/config_progress.hpp"
#include "runtime/shell/config_tree.hpp"
#include "runtime/shell/local.hpp"
#include "runtime/shell/render.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <unistd.h>
#include <utility>

namespace troupe::shell {

namespace {

using std::chrono::milliseconds;

constexpr std::array<std::string_view, 8> ours{"plan", "apply", "reload",      "rollback",
                                               "set",  "unset", "config keys", "config export"};

std::string_view file_words(config::schema_kind which) {
  switch (which) {
  case config::schema_kind::bot:
    return "a bot's file";
  case config::schema_kind::group:
    return "group.json";
  case config::schema_kind::profile:
    return "profiles/NAME.json";
  case config::schema_kind::runtime:
    return "runtime.json";
  case config::schema_kind::tenant:
    return "tenants/NAME.json";
  }
  return "";
}

int show_keys(const invocation& what, const terminal& on) {
  const auto path = text_argument(what, "path");
  const auto keys = config::config_keys(path);
  if (keys.empty()) {
    auto hint = config::config_key_hint(path);
    return complain({exit_code::failed, "no-such-key",
                     "no config file has a key " + in_quotes(path),
                     hint.empty() ? "`troupe config keys` lists all" : hint},
                    what.global.json);
  }
  auto document = commands::new_document();
  auto& list = document["keys"] = commands::json::array();
  for (const auto& one : keys) {
    commands::json row;
    row["file"] = std::string{file_words(one.file)};
    row["key"] = path_text(one.pointer);
    row["type"] = one.type;
    row["default"] =
        one.otherwise.is_discarded() ? commands::json{} : commands::json(one.otherwise);
    row["since"] = one.since;
    row["change"] = std::string{config::change_words(one.file, one.change)};
    row["choices"] = one.choices;
    row["summary"] = one.summary;
    row["description"] = one.description;
    list.push_back(std::move(row));
  }
  if (what.global.json)
    return printed(commands::dump(document) + "\n");
  return printed(render_keys(document, on));
}

/// One command under way.
class order {
public:
  order(const invocation& what, client& runtime, const executor::options& given)
      : what_{what}
      , name_{what.command->name}
      , runtime_{runtime}
      , given_{given}
      , as_json_{what.global.json}
      , arguments_(what.arguments) {}

  int plan() {
    if (const auto exit = take_tree())
      return *exit;
    return show_plan(false);
  }

  int change() {
    if (const auto exit = take_tree())
      return *exit;
    if (flag("dry_run"))
      return show_plan(true);
    if (name_ == "apply" && given_.confirm && !as_json_ && !flag("yes"))
      if (const auto exit = ask_first())
        return *exit;
    config_progress progress{runtime_, given_.on, as_json_};
    const bool waits = arguments_.contains("wait");
    if (waits)
      if (const auto trouble = progress.begin())
        return complain(*trouble, as_json_);
    const auto got = runtime_.ask(name_, commands::dump(arguments_), false);
    if (!got)
      return complain(got.error(), as_json_);
    auto document = json::parse(got->document, nullptr, false);
    if (got->exit != 0)
      return refused(document, *got);
    if (shown_)
      for (const char* key : {"instances", "groups", "runtime"})
        document.erase(key);
    if (!waits)
      return as_json_ ? printed(got->document + "\n")
                      : printed(warnings(document) + render_applied(document, given_.on));
    if (!as_json_ && !print(warnings(document) + render_applied(document, given_.on)))
      return static_cast<int>(exit_code::failed);
    return follow(progress, document);
  }

  int write_out() {
    const auto to = text_argument(what_, "to");
    arguments_.erase("to");
    // What is printed ends up in logs and on shared screens: it is masked.
    const auto got =
        runtime_.ask(to.empty() ? "config show" : name_, commands::dump(arguments_), true);
    if (!got)
      return complain(got.error(), as_json_);
    auto document = json::parse(got->document, nullptr, false);
    if (got->exit != 0)
      return refused(document, *got);
    if (to.empty())
      return as_json_ ? printed(got->document + "\n")
                      : printed(render_version(document, given_.on));
    config::tree tree;
    for (const auto& file : list_at(document, "files"))
      tree.documents.push_back({file.value("path", ""), file.value("text", "")});
    for (const auto& file : tree.documents)
      if (!stays_inside(file.path))
        return complain({exit_code::failed, "not-written",
                         "the version has a file " + in_quotes(file.path),
                         "this is a bug of troupe"},
                        as_json_);
    std::error_code error;
    const auto path = std::filesystem::absolute(to, error).lexically_normal();
    const auto placed = importing::place_tree(tree, path.string(), false);
    if (!placed.error.empty())
      return complain({exit_code::failed, "not-written", placed.error, "name a new directory"},
                      as_json_);
    document["to"] = path.string();
    for (auto& file : document["files"])
      file.erase("text"); // it is in the files, which only their owner reads
    for (auto& patch : document["overrides"])
      patch = json(config::masked(nlohmann::json(patch)));
    if (as_json_)
      return printed(commands::dump(document) + "\n");
    auto text = "version " + text_at(document, "number") + " is in " + escape(to) + ": "
                + count_of(tree.documents.size(), "file") + "\n";
    if (const auto found = document.find("overrides");
        found != document.end() && found->is_object())
      for (const auto& [bot, value] : found->items())
        text += "not in it, for it was set: " + escape(bot) + " " + setting_text(value) + "\n";
    return printed(text);
  }

private:
  bool flag(const char* key) const {
    const auto found = what_.arguments.find(key);
    return found != what_.arguments.end() && found->is_boolean() && found->get<bool>();
  }

  static bool stays_inside(const std::string& path) {
    const std::filesystem::path parts{path};
    return !path.empty() && parts.is_relative()
           && std::ranges::none_of(parts, [](const auto& part) { return part == ".."; });
  }

  /// Reads the tree that was named and puts it into the arguments; an exit code when that failed.
  std::optional<int> take_tree() {
    const auto directory = text_argument(what_, "tree");
    if (directory.empty())
      return std::nullopt;
    auto read = read_for(runtime_, directory);
    if (!read)
      return complain(read.error(), as_json_);
    arguments_["tree"] = read->directory; // for the audit
    if (!read->problems.empty()) {
      auto document = commands::error_document(
          {exit_code::config_invalid, "config-invalid",
           directory + " has " + count_of(read->problems.size(), "error"), "nothing was changed"});
      for (const auto& one : read->problems)
        document["problems"].push_back(commands::json(config::to_json(one)));
      return refused(json::parse(commands::dump(document)),
                     {static_cast<int>(exit_code::config_invalid), commands::dump(document)});
    }
    if (read->tree) {
      arguments_["files"] = std::move(read->packed);
      source_ = std::move(read->tree);
    }
    return std::nullopt;
  }

  /// Problems as `check` shows them.
  std::string problems_text(const json& document, bool colour) {
    const auto problems = problems_in(document);
    if (!problems.empty() && !source_)
      source_ = read_own(runtime_);
    std::string result;
    for (const auto& one : problems)
      result += config::render(one, source_ ? &*source_ : nullptr, colour);
    return result;
  }

  /// Problems of a tree that is good all the same.
  std::string warnings(const json& document) { return problems_text(document, given_.on.colour); }

  /// Says why nothing was done.
  int refused(const json& document, const answer& got) {
    if (as_json_)
      return printed(got.document + "\n", got.exit);
    const auto why = read_refusal(document, got.exit);
    auto on = given_.on;
    on.colour = stderr_colour();
    if (why.code == "config-invalid" && !list_at(document, "problems").empty()) {
      std::fputs(problems_text(document, on.colour).c_str(), stderr);
      const auto problems = problems_in(document);
      const auto errors = static_cast<std::size_t>(
          std::ranges::count(problems, config::severity::error, &config::problem::level));
      return complain({why.exit, why.code, "the config has " + count_of(errors, "error"),
                       "nothing was changed"},
                      false);
    }
    if (why.code == "conflict")
      std::fputs(render_plan(document, on).c_str(), stderr);
    return complain(why, false);
  }

  config::expected<answer, refusal> ask_plan() {
    auto arguments = json::object();
    for (const char* key : {"tree", "files", "theirs", "mine"})
      if (const auto found = arguments_.find(key); found != arguments_.end())
        arguments[key] = *found;
    return runtime_.ask("plan", commands::dump(arguments), true);
  }

  /// Prints what a plan says; its problems, if it has no steps.
  int tell_plan(const json& document, int exit) {
    auto text = problems_text(document, given_.on.colour);
    if (exit == static_cast<int>(exit_code::config_invalid)) {
      const auto problems = problems_in(document);
      const auto errors = static_cast<std::size_t>(
          std::ranges::count(problems, config::severity::error, &config::problem::level));
      return printed(text + painted(count_of(errors, "error"), tone::bad, given_.on) + "\n", exit);
    }
    return printed(text + render_plan(document, given_.on), exit);
  }

  /// `dry`: changes are no failure.
  int show_plan(bool dry) {
    const auto got = ask_plan();
    if (!got)
      return complain(got.error(), as_json_);
    const auto document = json::parse(got->document, nullptr, false);
    if (document.is_object() && document.contains("error"))
      return refused(document, *got);
    auto exit = got->exit;
    if (const bool chosen = flag("theirs") || flag("mine");
        dry && exit == 1 && (chosen || list_at(document, "conflicts").empty()))
      exit = 0;
    if (as_json_)
      return printed(got->document + "\n", exit);
    return tell_plan(document, exit);
  }

  /// Shows the plan and asks; an exit code when nothing is to be done.
  std::optional<int> ask_first() {
    const auto got = ask_plan();
    if (!got)
      return complain(got.error(), false);
    const auto document = json::parse(got->document, nullptr, false);
    if (document.is_object() && document.contains("error"))
      return refused(document, *got);
    const bool open = !list_at(document, "conflicts").empty() && !flag("theirs") && !flag("mine");
    // Nothing to do, or nothing that can be done: the runtime says it, and the audit has it.
    if (got->exit != 1 || open)
      return std::nullopt;
    if (const auto exit = tell_plan(document, 0))
      return exit;
    shown_ = true;
    if (!given_.confirm("Apply this?"))
      return complain({exit_code::failed, "not-confirmed", "nothing was changed", ""}, false);
    // What was seen is what comes.
    if (!arguments_.contains("if_version"))
      arguments_["if_version"] = document.value("version", std::uint64_t{0});
    arguments_["if_hash"] = text_at(document, "hash");
    return std::nullopt;
  }

  int follow(config_progress& progress, json& document) {
    const auto limit = config::parse_duration(arguments_.value("wait", "10m"));
    const auto version = static_cast<std::uint64_t>(number_at(document, "number"));
    const auto end = progress.follow(
        version, limit ? std::chrono::duration_cast<milliseconds>(*limit) : milliseconds{0});
    if (!end)
      return complain(end.error(), as_json_);
    const auto exit = static_cast<int>(!end->known    ? exit_code::timed_out
                                       : end->healthy ? exit_code::done
                                                      : exit_code::failed);
    if (as_json_) {
      document["state"] = end->state;
      document["reached"] = end->healthy;
      if (!end->text.empty())
        document["why"] = end->text;
      return printed(commands::dump(document) + "\n", exit);
    }
    if (end->healthy)
      return printed(painted("good", tone::good, given_.on) + ": version " + std::to_string(version)
                     + " is healthy\n");
    return complain({static_cast<exit_code>(exit), end->known ? "not-healthy" : "timed-out",
                     end->text,
                     end->known ? "`troupe events config` tells how it went"
                                : "`troupe config standing` shows how far it is"},
                    false);
  }

  const invocation& what_;
  std::string name_;
  client& runtime_;
  const executor::options& given_;
  bool as_json_;
  json arguments_;
  bool shown_ = false;                 ///< the plan was, before the question
  std::optional<config::tree> source_; ///< for excerpts of what is wrong
};

} // namespace

bool is_configuring(std::string_view command) {
  return std::ranges::find(ours, command) != ours.end();
}

int configure(const invocation& what, client& runtime, const executor::options& given) {
  const auto name = what.command->name;
  if (name == "config keys")
    return show_keys(what, given.on);
  order it{what, runtime, given};
  return name == "plan" ? it.plan() : name == "config export" ? it.write_out() : it.change();
}

} // namespace troupe::shell
