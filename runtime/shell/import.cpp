#include "runtime/shell/import.hpp"

#include "actors/commands/documents.hpp"
#include "config/names.hpp"
#include "runtime/import/formats.hpp"
#include "runtime/import/new_tree.hpp"
#include "runtime/import/place_tree.hpp"
#include "runtime/import/result.hpp"
#include "runtime/shell/local.hpp"

#include <filesystem>
#include <unistd.h>

namespace troupe::shell {

namespace {

namespace fs = std::filesystem;
namespace from = troupe::importing;

std::string absolute_path(const std::string& path) {
  std::error_code error;
  auto full = fs::absolute(path, error).lexically_normal();
  if (full.filename().empty())
    full = full.parent_path();
  return full.string();
}

/// The word as it is typed into a shell.
std::string typed(const std::string& path) {
  return path.find_first_of(" \t'\"$\\") == std::string::npos ? path : "'" + path + "'";
}

std::string place_text(const from::place& where) {
  return escape(where.file) + (where.line > 0 ? ":" + std::to_string(where.line) : std::string{});
}

std::string render_remark(const from::remark& one, const terminal& on) {
  const auto how = one.how == from::weight::lost      ? painted("not carried over", tone::bad, on)
                   : one.how == from::weight::changed ? painted("not the same", tone::busy, on)
                                                      : painted("look at it", tone::busy, on);
  auto text = place_text(one.where) + ": " + escape(one.key)
              + (one.bot.empty() ? std::string{} : " (" + one.bot + ")") + ": " + how + ": "
              + escape(one.why) + "\n";
  if (!one.advice.empty())
    text += "  " + escape(one.advice) + "\n";
  return text;
}

commands::json remark_row(const from::remark& one) {
  commands::json row;
  row["level"] = std::string{from::to_string(one.how)};
  row["file"] = one.where.file;
  row["line"] = one.where.line;
  row["bot"] = one.bot.empty() ? commands::json{} : commands::json(one.bot);
  row["key"] = one.key;
  row["why"] = one.why;
  row["advice"] = one.advice;
  return row;
}

refusal refusal_of(const from::failure& why) {
  return {exit_code::config_invalid, "not-imported",
          place_text({why.file, why.line}) + ": " + why.message, why.hint};
}

/// Whether a tree may be put there.
std::optional<refusal> refuse_destination(const std::string& path, bool force) {
  const auto there = from::look_at_destination(path);
  if (there == from::destination::no_directory)
    return refusal{exit_code::usage, "no-directory", path + " is there and is no directory", ""};
  if (there == from::destination::occupied && !force)
    return refusal{exit_code::failed, "not-empty", path + " is not empty",
                   "name a new directory; --force keeps what is there as " + path + ".1"};
  return std::nullopt;
}

std::size_t instances_of(const config::fleet_spec& spec) {
  std::size_t result = 0;
  for (const auto& [name, bot] : spec.bots)
    result += bot->instances.size();
  return result;
}

commands::json document_of(const from::imported_fleet& fleet, const from::import_result& made,
                           const std::string& tree) {
  auto document = commands::new_document();
  document["tree"] = tree.empty() ? commands::json{} : commands::json(tree);
  auto bots = commands::json::array();
  for (const auto& bot : fleet.bots())
    bots.push_back({{"name", bot.name},
                    {"from", bot.title},
                    {"file", bot.where.file},
                    {"line", bot.where.line}});
  document["bots"] = std::move(bots);
  document["instances"] = instances_of(*made.loaded.spec);
  document["remarks"] = commands::json::array();
  for (const auto& one : fleet.remarks())
    document["remarks"].push_back(remark_row(one));
  document["warnings"] = commands::json::array();
  for (const auto& one : made.loaded.warnings)
    document["warnings"].push_back(commands::json(config::to_json(one)));
  return document;
}

} // namespace

int import_tree(const invocation& what, const terminal& on) {
  const bool as_json = what.global.json;
  const bool dry = what.arguments.value("dry_run", false);
  const bool force = what.arguments.value("force", false);
  const auto to = text_argument(what, "to");
  if (to.empty() && !dry)
    return complain({exit_code::usage, "no-tree", "where is the tree to be?",
                     "--to TREE names a new directory; --dry-run only says what would come of it"},
                    as_json);
  const auto path = absolute_path(to.empty() ? "imported" : to);
  if (!dry)
    if (const auto why = refuse_destination(path, force))
      return complain(*why, as_json);
  std::vector<std::string> files;
  for (const auto& file : what.arguments["files"])
    files.push_back(file.get<std::string>());
  std::vector<from::failure> failures;
  auto fleet =
      from::import_files(files, from::format_named(text_argument(what, "format")), failures);
  if (!failures.empty()) {
    // All of them at once; nothing is written.
    for (std::size_t i = 0; i + 1 < failures.size() && !as_json; ++i)
      complain(refusal_of(failures[i]), false);
    return complain(refusal_of(failures.back()), as_json);
  }
  const auto made = from::make_tree(fleet, path);
  if (fleet.bots().empty()) {
    if (!as_json)
      for (const auto& one : fleet.remarks())
        std::fputs(render_remark(one, {}).c_str(), stderr);
    return complain({exit_code::config_invalid, "no-bots",
                     "there is nothing to run in " + count_of(files.size(), "file"), ""},
                    as_json);
  }
  if (!made.loaded.spec) {
    if (!as_json)
      std::fputs(rendered(made.loaded.errors, made.tree, stderr_colour()).c_str(), stderr);
    return complain({exit_code::config_invalid, "config-invalid",
                     "the tree that was made does not pass `check`: nothing was written",
                     "this is a fault of the import: please report it with the file"},
                    as_json);
  }
  std::string earlier;
  if (!dry) {
    const auto placed = from::place_tree(made.tree, path, force);
    if (!placed.error.empty())
      return complain({exit_code::failed, "not-written", placed.error, "nothing was changed"},
                      as_json);
    earlier = placed.earlier;
  }
  if (as_json)
    return printed(commands::dump(document_of(fleet, made, dry ? "" : path)) + "\n");
  std::string text;
  std::size_t lost = 0;
  for (const auto& one : fleet.remarks()) {
    text += render_remark(one, on);
    lost += one.how == from::weight::lost ? 1 : 0;
  }
  text += rendered(made.loaded.warnings, made.tree, on.colour);
  text += (text.empty() ? "" : "\n") + painted("good", tone::good, on) + ": "
          + count_of(fleet.bots().size(), "bot") + ", "
          + count_of(instances_of(*made.loaded.spec), "instance") + " from "
          + count_of(files.size(), "file") + "; " + count_of(lost, "setting")
          + " not carried over; the tree passes `check`" + (dry ? "; nothing was written" : "")
          + "\n";
  if (!earlier.empty())
    text += "what was there is now " + escape(earlier) + "\n";
  if (!dry)
    text += "next: look through " + escape(typed(to)) + ", then `troupe run " + escape(typed(to))
            + "`\n";
  return printed(text);
}

int init_tree(const invocation& what, const terminal& on) {
  const bool as_json = what.global.json;
  const auto to = text_argument(what, "directory");
  const auto path = absolute_path(to);
  auto name = text_argument(what, "name");
  if (name.empty())
    name = config::suggest_name(fs::path{path}.filename().string());
  if (name.empty())
    name = "fleet";
  if (!config::valid_name(name))
    return complain({exit_code::usage, "bad-name", in_quotes(name) + " is no name of a fleet",
                     "names are " + std::string{config::name_rule}},
                    as_json);
  if (const auto why = refuse_destination(path, false)) {
    auto plain = *why;
    if (plain.code == "not-empty")
      plain.hint = "name a new directory";
    return complain(plain, as_json);
  }
  const auto tree = from::new_tree(path, name);
  auto settings = tree;
  std::erase_if(settings.documents, [](const auto& file) { return !file.path.ends_with(".json"); });
  const auto loaded = config::load(settings);
  if (!loaded.spec) {
    if (!as_json)
      std::fputs(rendered(loaded.errors, settings, stderr_colour()).c_str(), stderr);
    return complain({exit_code::config_invalid, "config-invalid",
                     "the tree that was made does not pass `check`: nothing was written", ""},
                    as_json);
  }
  const auto placed = from::place_tree(tree, path, false);
  if (!placed.error.empty())
    return complain({exit_code::failed, "not-written", placed.error, ""}, as_json);
  if (as_json) {
    auto document = commands::new_document();
    document["tree"] = path;
    document["fleet"] = name;
    document["files"] = commands::json::array();
    for (const auto& file : tree.documents)
      document["files"].push_back(file.path);
    return printed(commands::dump(document) + "\n");
  }
  std::string text;
  for (const auto& file : tree.documents)
    text += "  " + escape((fs::path{to} / file.path).string()) + "\n";
  text += painted("good", tone::good, on) + ": a fleet called " + name
          + " with one bot that says hello every other second\n";
  text += "next: `troupe run " + escape(typed(to))
          + "`, and in another terminal `troupe logs -f hello`\n";
  return printed(text);
}

} // namespace troupe::shell
