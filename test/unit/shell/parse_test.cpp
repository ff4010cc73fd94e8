// From words to commands.

#include "runtime/shell/parse.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::shell;
using words = std::vector<std::string>;

namespace {

std::string arguments(const words& given) {
  const auto what = parse(given);
  return what ? what->arguments.dump() : "refused: " + what.error().message;
}

refusal error_of(const words& given) {
  const auto what = parse(given);
  BOOST_REQUIRE(!what.has_value());
  BOOST_TEST((what.error().exit == exit_code::usage));
  return what.error();
}

} // namespace

BOOST_AUTO_TEST_SUITE(parsing)

BOOST_AUTO_TEST_CASE(arguments_become_one_object) {
  BOOST_TEST(arguments({"status"}) == "{}");
  BOOST_TEST(arguments({"status", "a", "b/"}) == R"({"targets":["a","b/"]})");
  BOOST_TEST(arguments({"stop", "-l", "env=prod", "a", "-l", "x=y", "b", "-y"})
             == R"({"labels":["env=prod","x=y"],"yes":true,"targets":["a","b"]})");
  BOOST_TEST(arguments({"scale", "a", "3"}) == R"({"bot":"a","count":3})");
  BOOST_TEST(arguments({"signal", "HUP", "a", "b"}) == R"({"signal":"HUP","targets":["a","b"]})");
  BOOST_TEST(arguments({"events", "-f", "-n", "5", "a"})
             == R"({"follow":true,"last":5,"targets":["a"]})");
  BOOST_TEST(arguments({"events", "-n5", "--since=10m"}) == R"({"last":5,"since":"10m"})");
  BOOST_TEST(arguments({"shell", "-c", "stop a -y"}) == R"({"line":"stop a -y"})");
}

BOOST_AUTO_TEST_CASE(wait_takes_its_time_only_with_an_equals_sign) {
  BOOST_TEST(arguments({"start", "--wait", "a"}) == R"({"wait":"30s","targets":["a"]})");
  BOOST_TEST(arguments({"start", "--wait=5s", "a"}) == R"({"wait":"5s","targets":["a"]})");
  BOOST_TEST(arguments({"start", "a", "--wait"}) == R"({"wait":"30s","targets":["a"]})");
  BOOST_TEST(error_of({"start", "a", "--wait=soon"}).message
             == "start: --wait needs a duration such as 30s or 2m, not \"soon\"");
}

BOOST_AUTO_TEST_CASE(a_time_that_stands_for_itself_is_explained) {
  BOOST_TEST(error_of({"start", "a", "--wait", "5s"}).hint == "write --wait=5s");
  BOOST_TEST(error_of({"shutdown", "--wait", "1m"}).hint == "write --wait=1m");
  BOOST_TEST(parse({"start", "5s", "--wait"}).has_value());
}

BOOST_AUTO_TEST_CASE(every_change_of_the_fleet_takes_a_yes) {
  for (const auto& command : all_commands()) {
    if (!command.changes || command.runs != place::runtime)
      continue;
    // Messages, dead letters and state are not the fleet.
    if (command.name == "send" || command.name == "request" || command.name == "publish"
        || command.name.find(' ') != std::string_view::npos)
      continue;
    words given{std::string{command.name}, "-y", "--json"};
    if (command.name == "signal")
      given.insert(given.end(), {"HUP", "a"});
    else if (command.name == "scale")
      given.insert(given.end(), {"a", "2"});
    else if (command.name == "rollback")
      given.emplace_back("7");
    else if (command.name == "set")
      given.insert(given.end(), {"a", "limits.memory", "1 GiB"});
    else if (!command.arguments.empty())
      given.emplace_back("a");
    const auto what = parse(given);
    BOOST_TEST(what.has_value(), command.name);
  }
}

BOOST_AUTO_TEST_CASE(a_letter_is_never_offered) {
  for (const auto* word : {"-x", "-q", "-k", "-z"})
    BOOST_TEST(error_of({"stop", "a", word}).hint.find("did you mean") == std::string::npos, word);
}

BOOST_AUTO_TEST_CASE(global_options_stand_before_or_after) {
  for (const auto& given :
       {words{"--state", "/x", "--json", "ping"}, words{"ping", "--state=/x", "--json"},
        words{"--state=/x", "ping", "--json"}}) {
    const auto what = parse(given);
    BOOST_REQUIRE(what.has_value());
    BOOST_TEST(what->global.state == "/x");
    BOOST_TEST(what->global.json);
    BOOST_TEST(what->command->name == "ping");
    BOOST_TEST(what->arguments.empty());
  }
  BOOST_TEST(parse({"--timeout", "2s", "ping"})->global.timeout.count() == 2000);
  BOOST_TEST(parse({"ping"})->global.timeout.count() == 10000);
}

BOOST_AUTO_TEST_CASE(a_command_named_like_the_value_of_an_option_is_not_taken_for_it) {
  const auto what = parse({"--state", "stop", "ping"});
  BOOST_REQUIRE(what.has_value());
  BOOST_TEST(what->command->name == "ping");
  BOOST_TEST(what->global.state == "stop");
}

BOOST_AUTO_TEST_CASE(after_two_dashes_all_is_argument) {
  BOOST_TEST(arguments({"status", "--", "-x"}) == R"({"targets":["-x"]})");
}

BOOST_AUTO_TEST_CASE(what_is_missing_is_named) {
  BOOST_TEST(error_of({"show"}).message == "show what? BOT is missing");
  BOOST_TEST(error_of({"scale"}).message == "scale what? BOT is missing");
  BOOST_TEST(error_of({"stop"}).message == "stop what? no target was given");
  BOOST_TEST(error_of({"signal", "HUP"}).message == "signal what? no target was given");
  BOOST_TEST(parse({"stop", "-l", "a=b"}).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_too_much_or_wrong_is_named) {
  BOOST_TEST(error_of({"ping", "a"}).message == "ping: \"a\" is one argument too many");
  BOOST_TEST(error_of({"show", "a", "b"}).message == "show: \"b\" is one argument too many");
  BOOST_TEST(error_of({"scale", "a", "three"}).message
             == "scale: COUNT must be a whole number, not \"three\"");
  BOOST_TEST((error_of({"scale", "a", "-1"}).exit == exit_code::usage));
  BOOST_TEST((error_of({"scale", "a", "99999999999"}).exit == exit_code::usage));
  BOOST_TEST(error_of({"restart", "a", "--wiat"}).message == "restart has no option \"--wiat\"");
  BOOST_TEST(error_of({"restart", "a", "--wiat"}).hint == "did you mean \"--wait\"?");
  BOOST_TEST((error_of({"events", "-n"}).exit == exit_code::usage));
  BOOST_TEST((error_of({"events", "-n", "1", "-n", "2"}).exit == exit_code::usage));
}

BOOST_AUTO_TEST_CASE(a_command_that_is_none_gets_a_suggestion) {
  BOOST_TEST(error_of({"stauts"}).hint == "did you mean \"status\"?");
  BOOST_TEST(error_of({"qqqqqq"}).hint == "`troupe help` lists all commands");
  BOOST_TEST((error_of({""}).exit == exit_code::usage));
  // A hidden one is none.
  BOOST_TEST((error_of({"await"}).exit == exit_code::usage));
}

BOOST_AUTO_TEST_CASE(commands_on_the_config) {
  BOOST_TEST(arguments({"plan"}) == "{}");
  BOOST_TEST(arguments({"apply", "fleet/", "--wait", "--if-version", "7", "--theirs"})
             == R"({"theirs":true,"if_version":7,"wait":"10m","tree":"fleet/"})");
  BOOST_TEST(arguments({"set", "a#2", "limits.memory", "64MiB"})
             == R"({"bot":"a#2","path":"limits.memory","value":"64MiB"})");
  BOOST_TEST(arguments({"set", "a", "nice", "--", "-5"})
             == R"({"bot":"a","path":"nice","value":"-5"})");
  BOOST_TEST(arguments({"config", "diff", "5", "7"}) == R"({"from":5,"to":7})");
  BOOST_TEST(arguments({"config", "export", "7", "--to", "x"}) == R"({"to":"x","number":7})");
  BOOST_TEST(error_of({"config"}).message.find("explain") != std::string::npos);
  BOOST_TEST(error_of({"config", "shwo"}).hint.find("show") != std::string::npos);
  BOOST_TEST(error_of({"rollback"}).message.find("NUMBER") != std::string::npos);
  BOOST_TEST(error_of({"rollback", "x"}).message.find("whole number") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(words_of_other_tools) {
  BOOST_TEST(parse({"update"})->command->name == "apply");
  BOOST_TEST(parse({"reread"})->command->name == "plan");
  BOOST_TEST(parse({"history"})->command->name == "config versions");
  BOOST_TEST(parse({"ls"})->command->name == "status");
  BOOST_TEST(parse({"info", "a"})->command->name == "show");
  BOOST_TEST(error_of({"add"}).hint.find("troupe apply") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_no_utf8_is_refused) {
  for (const words& given :
       {words{"status", "\xff"}, words{"\xff"}, words{"--state", "a\xc0", "ping"},
        words{"status", "\xed\xa0\x80"}, words{"events", "--since=\xe2\x82"}})
    BOOST_TEST(error_of(given).message.find("is no UTF-8") != std::string::npos);
  BOOST_TEST(parse({"status", "grün"}).has_value());
}

BOOST_AUTO_TEST_CASE(a_flag_takes_no_value) {
  BOOST_TEST(error_of({"status", "--json=xml"}).message == "status: --json takes no value");
  BOOST_TEST((error_of({"stop", "a", "--yes=true"}).exit == exit_code::usage));
  BOOST_TEST(arguments({"status", "--", "--json=xml"}) == R"({"targets":["--json=xml"]})");
}

BOOST_AUTO_TEST_CASE(json_is_wanted_before_two_dashes) {
  BOOST_TEST(wants_json({"frobnicate", "--json"}));
  BOOST_TEST(!wants_json({"help", "--", "--json"}));
  BOOST_TEST(!wants_json({}));
}

BOOST_AUTO_TEST_CASE(what_follows_a_program_is_its_own) {
  const auto is_program = [](const std::string& word) { return word != "fleet"; };
  const auto what = [&](const words& given) {
    const auto result = parse(given, {}, is_program);
    BOOST_REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message));
    return *result;
  };
  const words program{"./main.py", "--flag", "-v", "--json", "--help", "--", "--state", "x"};
  for (const words& before : {words{"run"},
                              {"run", "--"},
                              {"run", "-v"},
                              {"run", "--restart", "always", "-v", "--"},
                              {"--state", "run", "run"},
                              {"run", "--restart=always"},
                              {"run", "--max-restarts", "3"}}) {
    auto given = before;
    given.insert(given.end(), program.begin(), program.end());
    const auto seen = what(given);
    BOOST_TEST(seen.program == program, boost::test_tools::per_element());
    BOOST_TEST(!seen.help);
    BOOST_TEST(!seen.global.json);
    BOOST_TEST(!wants_json(given));
    BOOST_TEST(seen.arguments.contains("restart")
               == (std::ranges::count_if(
                       before, [](const auto& word) { return word.starts_with("--restart"); })
                   > 0));
  }
  BOOST_TEST(what({"run", "--json", "true", "--json"}).global.json);
  BOOST_TEST(wants_json({"run", "--json", "true"}));
  BOOST_TEST(what({"run", "--help", "true"}).help);
  // They are not ours to judge.
  BOOST_TEST(what({"run", "x", "\xff", ""}).program.size() == 3u);
  words many(5000, "word");
  many.insert(many.begin(), {"run", "x"});
  BOOST_TEST(what(many).program.size() == 5001u);
}

BOOST_AUTO_TEST_CASE(what_follows_a_fleet_is_ours) {
  const auto no_program = [](const std::string&) { return false; };
  const auto seen = parse({"run", "fleet", "--profile", "prod", "-v"}, {}, no_program);
  BOOST_REQUIRE(seen.has_value());
  BOOST_TEST(seen->arguments.dump() == R"({"profile":"prod","verbose":true,"what":"fleet"})");
  BOOST_TEST(seen->program.empty());
  const auto wrong = parse({"run", "fleet", "more"}, {}, no_program);
  BOOST_REQUIRE(!wrong.has_value());
  BOOST_TEST(wrong.error().message == "run: \"more\" is one argument too many");
  BOOST_TEST(!parse({"run", "fleet", "--nothing"}, {}, no_program).has_value());
  BOOST_TEST(!parse({"run", "--restart"}, {}, no_program).has_value());
  BOOST_TEST(parse({"run"}, {}, no_program).has_value());
}

BOOST_AUTO_TEST_CASE(help_of_what_is_no_command) {
  for (const auto* word : {"--json", "-h", "", "--"})
    BOOST_TEST(!named_command(word).has_value(), word);
  BOOST_TEST((*named_command("ls"))->name == "status");
}

BOOST_AUTO_TEST_CASE(help_needs_nothing_else) {
  BOOST_TEST(parse({})->help);
  BOOST_TEST(parse({"--help"})->help);
  BOOST_TEST(parse({"show", "--help"})->help);
  BOOST_TEST(parse({"scale", "-h"})->help);
  BOOST_TEST(parse({"--version"})->version);
}

BOOST_AUTO_TEST_CASE(lines_are_split_into_words) {
  const auto split = [](const char* text) { return *split_line(text); };
  BOOST_TEST((split("") == words{}));
  BOOST_TEST((split("  \t ") == words{}));
  BOOST_TEST((split(" a  b\tc ") == words{"a", "b", "c"}));
  BOOST_TEST((split("a 'b c' \"d e\"") == words{"a", "b c", "d e"}));
  BOOST_TEST((split("a'b'\"c\"d") == words{"abcd"}));
  BOOST_TEST((split("'' \"\"") == words{"", ""}));
  BOOST_TEST((split("a\\ b \\'c") == words{"a b", "'c"}));
  BOOST_TEST((split("'a\\b' \"a\\\"b\"") == words{"a\\b", "a\"b"}));
  BOOST_TEST((split("# all of it") == words{}));
  BOOST_TEST((split("a # the rest") == words{"a"}));
  BOOST_TEST((split("market/trader#2") == words{"market/trader#2"}));
  BOOST_TEST((split("$HOME ; `x` | y > z * ~")
              == words{"$HOME", ";", "`x`", "|", "y", ">", "z", "*", "~"}));
  BOOST_TEST(!split_line("'a").has_value());
  BOOST_TEST(!split_line("\"a").has_value());
  BOOST_TEST(!split_line("a\\").has_value());
}

BOOST_AUTO_TEST_CASE(a_quoted_word_is_read_back_as_it_was) {
  for (const std::string word : {"a", "", "a b", "it's", "#x", "\"", "\\", "a\tb", "a\nb", "ä"}) {
    const auto back = split_line(quote_word(word));
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((*back == words{word}), word);
  }
}

BOOST_AUTO_TEST_SUITE_END()
