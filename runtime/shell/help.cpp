#include "runtime/shell/help.hpp"

#include "runtime/shell/parse.hpp"
#include "runtime/shell/text.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace troupe::shell {

namespace {

using rows = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t page = 78;

/// Text broken into lines of at most `page` columns, each after `indent` blanks.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t first) {
  std::string result;
  std::size_t at = first;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (at + 1 + width_of(word) > page && at > indent) {
      result += "\n" + std::string(indent, ' ');
      at = indent;
    } else if (at > indent || (at == first && first > indent)) {
      result += ' ';
      ++at;
    }
    result += word;
    at += width_of(word);
  }
  return result;
}

std::string paragraph(std::string_view text) {
  return wrapped(text, 0, 0) + "\n";
}

std::string two_columns(const rows& all) {
  std::size_t widest = 0;
  for (const auto& [left, right] : all)
    widest = std::max(widest, width_of(left));
  std::string result;
  for (const auto& [left, right] : all) {
    const auto indent = widest + 4;
    result += "  " + left + std::string(widest - width_of(left) + 2, ' ')
              + wrapped(right, indent, indent) + "\n";
  }
  return result;
}

std::string last_flag(const option_info& option) {
  return std::string{option.flags.substr(option.flags.rfind(',') + 1)};
}

rows arguments_of(const command_info& command) {
  rows result;
  for (const auto& one : command.arguments)
    result.emplace_back(argument_word(one), one.summary);
  return result;
}

rows options_of(std::span<const option_info> options) {
  rows result;
  for (const auto& one : options)
    result.emplace_back(option_word(one), one.summary);
  return result;
}

constexpr std::pair<const char*, const char*> exit_codes[] = {
    {"0", "done"},
    {"1", "failed"},
    {"2", "wrong usage"},
    {"3", "not running: no runtime answers, or the target of `status` is down"},
    {"4", "not permitted"},
    {"5", "no such bot"},
    {"6", "the config is invalid"},
    {"7", "a runtime is already there"},
    {"124", "`--wait` ran out"},
};

constexpr std::string_view targets_help =
    "A target is a bot (market/trader), one instance of it (market/trader#2), a group with a "
    "trailing slash (market/), a glob (market/*, **/feed), or all. Labels (-l env=prod) narrow "
    "it down; without targets they pick from the whole fleet.";

} // namespace

std::string argument_word(const argument_info& argument) {
  auto result = upper(argument.name);
  if (argument.many) {
    if (result.ends_with('S'))
      result.pop_back();
    result += "…";
  }
  return argument.required ? result : "[" + result + "]";
}

std::string option_word(const option_info& option) {
  std::string result;
  for (const char c : option.flags)
    result += c == ',' ? std::string{", "} : std::string{c};
  if (option.kind == word_kind::flag)
    return result;
  const std::string placeholder{option.placeholder};
  return result + (option.bare.empty() ? " " + placeholder : "[=" + placeholder + "]");
}

std::span<const std::pair<const char*, const char*>> exit_code_meanings() {
  return exit_codes;
}

std::string_view targets_paragraph() {
  return targets_help;
}

std::string synopsis(const command_info& command) {
  std::string arguments;
  for (const auto& one : command.arguments)
    arguments += " " + argument_word(one);
  std::string options;
  for (const auto& one : command.options)
    options += " [" + last_flag(one)
               + (one.kind == word_kind::flag
                      ? ""
                      : (one.bare.empty() ? " " : "[=") + std::string{one.placeholder}
                            + (one.bare.empty() ? "" : "]"))
               + "]";
  const auto name = "troupe " + std::string{command.name};
  return name + (takes_program(command) ? options + arguments : arguments + options);
}

std::string help_overview() {
  rows list;
  for (const auto& command : all_commands())
    if (!command.hidden)
      list.emplace_back(command.name, command.summary);
  return "Runs fleets of bots under supervision trees.\n\n"
         "usage: troupe [--state DIR] COMMAND …\n\n"
         + two_columns(list) + "\n" + paragraph(targets_help) + "\nwith every command:\n"
         + two_columns(options_of(global_options()))
         + "\n`troupe help COMMAND` tells more of one.\n";
}

std::string help_of(const command_info& command) {
  auto result =
      std::string{command.summary} + ".\n\nusage: " + wrapped(synopsis(command), 9, 7) + "\n";
  if (!command.help.empty())
    result += "\n" + paragraph(command.help);
  if (const auto list = arguments_of(command); !list.empty())
    result += "\n" + two_columns(list);
  if (const auto list = options_of(command.options); !list.empty())
    result += "\noptions:\n" + two_columns(list);
  std::vector<option_info> everywhere;
  std::ranges::copy_if(global_options(), std::back_inserter(everywhere),
                       [&](const auto& one) { return !has_own(command, one); });
  result += "\nwith every command:\n" + two_columns(options_of(everywhere));
  if (!command.examples.empty())
    result += command.examples.size() == 1 ? "\nexample:\n" : "\nexamples:\n";
  for (const auto example : command.examples)
    result += "  " + std::string{example} + "\n";
  return result;
}

std::string help_of_family(const std::string& family) {
  rows list;
  for (const auto member : family_members(family)) {
    const auto name = family + " " + std::string{member};
    if (const auto* command = find_command(name))
      list.emplace_back(name, command->summary);
  }
  return "usage: troupe " + family + " COMMAND …\n\n" + two_columns(list) + "\n`troupe help "
         + family + " COMMAND` tells more of one.\n";
}

namespace {

std::string markdown_cell(std::string_view text) {
  std::string result;
  for (const char c : text)
    result += c == '|' ? std::string{"\\|"} : std::string{c};
  return result;
}

std::string markdown_table(const rows& all, const char* left, const char* right) {
  auto result = std::string{"| "} + left + " | " + right + " |\n| --- | --- |\n";
  for (const auto& [first, second] : all)
    result += "| `" + markdown_cell(first) + "` | " + markdown_cell(second) + " |\n";
  return result;
}

} // namespace

std::string commands_markdown() {
  std::string result =
      "# Commands\n\n"
      "<!-- Made from the table in messages/command_table by `commands-doc`. -->\n\n"
      "Every command works from the command line, `troupe status`, and at the prompt of\n"
      "`troupe shell`, `status`. What the documents of `--json` hold stands in\n"
      "[admin-protocol.md](admin-protocol.md).\n\n"
      + paragraph(targets_help) + "\n## With every command\n\n"
      + markdown_table(options_of(global_options()), "option", "meaning") + "\n";
  result += "## Exit codes\n\n| code | meaning |\n| --- | --- |\n";
  for (const auto& [code, meaning] : exit_codes)
    result += std::string{"| "} + code + " | " + meaning + " |\n";
  for (const auto& command : all_commands()) {
    if (command.hidden)
      continue;
    result += "\n## " + std::string{command.name} + "\n\n" + std::string{command.summary}
              + ".\n\n```\n" + synopsis(command) + "\n```\n\n" + paragraph(command.help);
    rows list = arguments_of(command);
    for (auto& row : options_of(command.options))
      list.push_back(std::move(row));
    if (!list.empty())
      result += "\n" + markdown_table(list, "argument", "meaning");
    result += "\nNeeds the role " + std::string{to_string(command.needs)} + "."
              + (command.changes && command.runs == place::runtime ? " Goes to the audit." : "")
              + "\n\n```\n";
    for (const auto example : command.examples)
      result += std::string{example} + "\n";
    result += "```\n";
  }
  result += "\n## Words from other tools\n\n| word | here |\n| --- | --- |\n";
  for (const auto& word : foreign_words())
    result +=
        "| `" + std::string{word.word} + "` | "
        + (word.means.empty() ? markdown_cell(word.advice) : "`" + std::string{word.means} + "`")
        + " |\n";
  return result;
}

} // namespace troupe::shell
