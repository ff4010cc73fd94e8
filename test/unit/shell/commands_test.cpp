// The table of commands, and what is made from it.

#include "messages/commands.hpp"
#include "runtime/shell/help.hpp"
#include "runtime/shell/parse.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

using namespace troupe;
using shell::parse;

BOOST_AUTO_TEST_SUITE(table_of_commands)

BOOST_AUTO_TEST_CASE(it_holds_every_command_once) {
  std::set<std::string_view> names;
  for (const auto& command : all_commands())
    BOOST_TEST(names.insert(command.name).second, command.name);
  for (const auto* name : {"run",     "check",  "status", "tree",    "show",     "start",  "stop",
                           "restart", "pause",  "resume", "reset",   "recover",  "signal", "scale",
                           "events",  "deaths", "ping",   "version", "shutdown", "shell",  "help"})
    BOOST_TEST(names.contains(name), name);
}

BOOST_AUTO_TEST_CASE(every_command_is_documented) {
  const auto page = shell::commands_markdown();
  const auto overview = shell::help_overview();
  for (const auto& command : all_commands()) {
    const std::string name{command.name};
    if (command.hidden) {
      BOOST_TEST(page.find("## " + name + "\n") == std::string::npos);
      continue;
    }
    BOOST_TEST(!command.summary.empty());
    BOOST_TEST(!command.help.empty(), name);
    BOOST_TEST(!command.examples.empty(), name);
    BOOST_TEST(overview.find("  " + name + " ") != std::string::npos, name);
    BOOST_TEST(page.find("\n## " + name + "\n") != std::string::npos, name);
    const auto help = shell::help_of(command);
    BOOST_TEST(help.find("usage: troupe " + name) != std::string::npos, help);
    for (const auto& option : command.options)
      BOOST_TEST(help.find(option.flags.substr(0, option.flags.find(','))) != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(lines_of_help_fit_a_terminal) {
  const auto check = [](const std::string& text) {
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);)
      BOOST_TEST((line.size() <= 90 || line.find(" --hash ") != std::string::npos), line);
  };
  check(shell::help_overview());
  for (const auto& command : all_commands())
    check(shell::help_of(command));
}

BOOST_AUTO_TEST_CASE(every_example_in_help_is_understood) {
  for (const auto& command : all_commands())
    for (const auto example : command.examples) {
      auto text = std::string{example.substr(0, example.find(" < "))};
      auto words = shell::split_line(text);
      BOOST_REQUIRE(words.has_value());
      BOOST_TEST(words->front() == "troupe");
      words->erase(words->begin());
      const auto what = parse(*words);
      BOOST_TEST(what.has_value(), example);
      if (what)
        BOOST_TEST(what->command->name == command.name, example);
    }
}

BOOST_AUTO_TEST_CASE(changing_commands_need_more_than_a_viewer) {
  for (const auto& command : all_commands())
    if (command.changes)
      BOOST_TEST((command.needs > role::viewer), command.name);
}

BOOST_AUTO_TEST_CASE(words_of_other_tools_work_or_are_explained) {
  for (const auto& word : foreign_words()) {
    BOOST_TEST((find_command(word.word) == nullptr), word.word);
    BOOST_TEST(word.means.empty() != word.advice.empty(), word.word);
    if (!word.means.empty())
      BOOST_TEST((find_command(word.means) != nullptr), word.word);
  }
  for (const auto* word : {"ls", "ps", "info", "rm", "reread", "update", "undo", "log", "tail",
                           "enable", "kill", "monit", "maintail", "exec", "avail", "fg", "open"})
    BOOST_TEST((find_foreign_word(word) != nullptr), word);
}

BOOST_AUTO_TEST_CASE(advice_names_only_commands_that_exist) {
  for (const auto& word : foreign_words()) {
    std::string_view rest = word.advice;
    for (auto at = rest.find("`troupe "); at != std::string_view::npos;
         at = rest.find("`troupe ")) {
      rest.remove_prefix(at + 8);
      auto name = rest.substr(0, rest.find_first_of(" `"));
      if (!family_members(name).empty())
        name = rest.substr(0, rest.find_first_of(" `", name.size() + 1));
      BOOST_TEST((find_command(name) != nullptr), word.word << " advises " << name);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
