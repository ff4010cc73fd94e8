// F06 and F07: values that are wrong, and exactly where and how that is said.
#include "test/unit/config/fixture.hpp"

using namespace troupe::config;
using namespace troupe::config::test;

namespace {

struct row {
  std::string path;
  std::string text;  // '@' stands before the place
  std::string words; // of the message, the expectation or the hint
};

/// A bot's file with `settings` beside its command.
row bot(const std::string& settings, std::string words) {
  return {"bot.json", R"({"command": ["x"], )" + settings + "}", std::move(words)};
}

row group(const std::string& settings, std::string words) {
  return {"group.json", "{" + settings + "}", std::move(words)};
}

row runtime(const std::string& settings, std::string words) {
  return {"runtime.json", "{" + settings + "}", std::move(words)};
}

const std::vector<row>& table() {
  static const std::vector<row> rows{
      // Keys.
      bot(R"(@"restrat": "always")", R"(did you mean "restart"?)"),
      bot(R"(@"replica": 2)", R"(did you mean "replicas"?)"),
      bot(R"(@"cwd": "/")", R"(did you mean "directory"?)"),
      bot(R"(@"env": {})", R"(did you mean "environment"?)"),
      bot(R"(@"strategy": "one_for_one")", "key of a group"),
      bot(R"(@"start_parallelism": 1)", "key of the runtime"),
      bot(R"(@"zzzzzzzz": 1)", "docs/config.md"),
      bot(R"(@"": 1)", "is no key of a bot"),
      bot(R"("delay": {@"intial": "1s"})", R"(did you mean "initial"?)"),
      bot(R"("limits": {@"mem": "1MiB"})", "one of address_space"),
      bot(R"("log": {@"maxsize": "1MiB"})", R"(did you mean "max_size"?)"),
      group(R"(@"command": ["x"])", R"(put it into "defaults")"),
      group(R"(@"stratgy": "one_for_one")", R"(did you mean "strategy"?)"),
      group(R"("defaults": {@"comand": ["x"]})", R"(did you mean "command"?)"),
      runtime(R"(@"http_port": 1)", "is no key of a runtime"),
      runtime(R"(@"restart": "always")", "key of a bot"),
      // Types.
      {"bot.json", R"(@["x"])", "the file is an array"},
      {"bot.json", R"(@"x")", "the file is the string"},
      {"bot.json", R"({"command": @"python3 x.py"})", "brackets"},
      {"bot.json", R"({"command": @[]})", "an empty array"},
      {"bot.json", R"({"command": ["x", @1]})", "element 2"},
      {"bot.json", R"({"command": ["x", @null]})", "a string"},
      {"bot.json", R"({"command": [@""]})", "no name"},
      {"bot.json", R"({"command": @{"a": 1}})", "an object"},
      bot(R"("directory": @1)", "a string"),
      bot(R"("directory": @"")", "empty"),
      bot(R"("user": @true)", "a name or a number"),
      bot(R"("user": @-1)", "a name or a number"),
      bot(R"("user": @"a:b")", "no name of an account"),
      bot(R"("group": @4294967295)", "too large"),
      bot(R"("umask": @22)", "octal"),
      bot(R"("umask": @"9")", "octal"),
      bot(R"("umask": @"01000")", "octal"),
      bot(R"("environment": @["A=1"])", "an object of strings"),
      bot(R"("environment": {"A": @1})", R"(put it into quotes: "1")"),
      bot(R"("environment": {"A": @true})", "a string"),
      bot(R"("environment": {@"A=B": "1"})", "no name of a variable"),
      bot(R"("environment": {@"": "1"})", "no name of a variable"),
      bot(R"("environment": {@"TROUPE_BOT": "1"})", "set by the runtime"),
      bot(R"("environment": {"A": @"${bot.nam}"})", "did you mean"),
      bot(R"("environment": {"A": @"${"})", "without its }"),
      bot(R"("pass_environment": [@1])", "name of a variable"),
      bot(R"("pass_environment": [@"A=B"])", "no name of a variable"),
      bot(R"("autostart": @"true")", "remove the quotes"),
      bot(R"("autostart": @1)", "true or false"),
      bot(R"("replicas": @0)", "from 1 to 10000"),
      bot(R"("replicas": @10001)", "from 1 to 10000"),
      bot(R"("replicas": @"4")", "remove the quotes"),
      bot(R"("replicas": @2.5)", "a whole number"),
      bot(R"("replicas": @-1)", "too small"),
      bot(R"("replicas": @18446744073709551615)", ""),
      bot(R"("instances": {@"x": {}})", "no index"),
      bot(R"("instances": {@"01": {}})", "no index"),
      bot(R"("instances": {"0": @1})", "object"),
      bot(R"("instances": {"0": {"nice": @"x"}})", "from -20 to 19"),
      bot(R"("instances": {"0": {@"replicas": 2}})", "for a single instance"),
      bot(R"("instances": {"0": {@"nicee": 2}})", R"(did you mean "nice"?)"),
      bot(R"("labels": {"a": @1})", "a string"),
      bot(R"("labels": {@"a b": "1"})", "no name of a label"),
      bot(R"("description": @1)", "a string"),
      bot(R"("restart": @"allways")", R"(did you mean "always"?)"),
      bot(R"("restart": @true)", "one of"),
      bot(R"("success_codes": @0)", "an array of exit codes"),
      bot(R"("success_codes": [0, @256])", "from 0 to 255"),
      bot(R"("success_codes": [@-1])", "from 0 to 255"),
      bot(R"("no_restart_codes": [@"125"])", "remove the quotes"),
      // Updates and scopes.
      bot(R"("update": @1)", "an object such as"),
      bot(R"("update": {"batch": @0})", "which is too small"),
      bot(R"("update": {"batch": @10001})", "which is too large"),
      bot(R"("update": {"batch": @"25"})", "a number stands without quotes"),
      bot(R"("update": {"batch": @"0%"})", "is no number of instances"),
      bot(R"("update": {"batch": @"101%"})", "100%"),
      bot(R"("update": {"batch": @"25%%"})", "is no number of instances"),
      bot(R"("update": {"batch": @"%"})", "is no number of instances"),
      bot(R"("update": {"batch": @""})", "is no number of instances"),
      bot(R"("update": {"batch": @1.5})", "a whole number"),
      bot(R"("update": {"pause": @5})", R"("5s")"),
      bot(R"("update": {"ready_within": @0})", "above 0"),
      bot(R"("update": {"on_failure": @"rolback"})", R"(did you mean "rollback"?)"),
      bot(R"("update": {@"batches": 1})", R"(did you mean "batch"?)"),
      bot(R"("extends": @1)", "the name of a mixin"),
      bot(R"("extends": [@1])", "the name of a mixin"),
      bot(R"("extends": @"none")", "there is no mixin"),
      bot(R"("instances": {"0": {@"extends": []}})", "for a single instance"),
      bot(R"("$schema": @1)", "a string"),
      group(R"("tenant": @1)", "the name of a tenant"),
      group(R"("tenant": @"none")", "there is no tenant"),
      runtime(R"("auto_apply": @"true")", "remove the quotes"),
      // Durations.
      bot(R"("stop_timeout": @10)", R"("10s")"),
      bot(R"("stop_timeout": @-1)", "a duration such as"),
      bot(R"("stop_timeout": @0.5)", R"("0.5s")"),
      bot(R"("stop_timeout": @"10")", "a unit is missing"),
      bot(R"("stop_timeout": @"-10s")", "never negative"),
      bot(R"("stop_timeout": @"10 s")", "no blank"),
      bot(R"("stop_timeout": @"10sec")", R"(did you mean "s"?)"),
      bot(R"("stop_timeout": @"99999999d")", "ten years"),
      bot(R"("stop_timeout": @true)", "a duration such as"),
      bot(R"("stop_timeout": @"")", "is no duration"),
      bot(R"("start_grace": @[])", "a duration such as"),
      bot(R"("delay": @"1s")", "an object such as"),
      bot(R"("delay": {"factor": @0.5})", "from 1 to 100"),
      bot(R"("delay": {"jitter": @2})", "from 0 to 1"),
      bot(R"("delay": {"initial": @"1x"})", "the units are"),
      bot(R"("delay": {"initial": @"1m"})", "longer than the longest"),
      bot(R"("max_restarts": @5)", "an object such as"),
      bot(R"("max_restarts": {"count": @-5})", "too small"),
      bot(R"("max_restarts": {"within": @0})", "above 0"),
      bot(R"("max_restarts": {"within": @"0s"})", "above 0"),
      bot(R"("failed_starts": @0)", "too small"),
      bot(R"("retry_failed": @"5m")", "or false"),
      bot(R"("retry_failed": {"max": @"1s"})", "longer than the longest"),
      bot(R"("start_grace": @"90s")", "no start can succeed"),
      // Signals, words, numbers.
      bot(R"("stop_signal": @"TREM")", R"(did you mean "TERM"?)"),
      bot(R"("stop_signal": @"term")", R"(did you mean "TERM"?)"),
      bot(R"("stop_signal": @0)", "a signal such as"),
      bot(R"("stop_signal": @65)", "a signal such as"),
      bot(R"("stop_signal": @"15")", "no signal"),
      bot(R"("kill_mode": @"grup")", R"(did you mean "group"?)"),
      bot(R"("nice": @20)", "from -20 to 19"),
      bot(R"("oom_score_adj": @-1001)", "from -1000 to 1000"),
      bot(R"("oom_score_adj": @18446744073709551615)", ""),
      bot(R"("no_new_privs": @"no")", "true or false"),
      // Sizes.
      bot(R"("limits": {"memory": @64})", R"("64MiB")"),
      bot(R"("limits": {"memory": @"64M"})", "did you mean"),
      bot(R"("limits": {"memory": @"lots"})", "is no size"),
      bot(R"("limits": {"memory": @0})", "0 bytes"),
      bot(R"("limits": {"memory_high": @"2MiB", "memory": "1MiB"})", "above the hard one"),
      bot(R"("limits": {"tasks": @0})", "too small"),
      bot(R"("limits": {"cpu": @0})", "from 0.01 to 4096"),
      bot(R"("limits": {"cpu_weight": @10001})", "from 1 to 10000"),
      bot(R"("limits": {"open_files": @"1k"})", "a whole number"),
      // Hooks, checks and logs.
      bot(R"("stop_command": @"x")", "an array of strings, or"),
      bot(R"("stop_command": @{"timeout": "1s"})", "has no command"),
      bot(R"("on_crash": {"command": ["x"], "timeout": @0})", "above 0"),
      bot(R"("ready": @"nottify")", R"(did you mean "notify"?)"),
      bot(R"("ready": @{})", "names no check"),
      bot(R"("ready": @{"tcp": "a:1", "file": "x"})", "several checks"),
      bot(R"("ready": {"tcp": @"8080"})", "127.0.0.1:8080"),
      bot(R"("ready": {"tcp": @"a:99999"})", "no address"),
      bot(R"("ready": {"http": @"ftp://x"})", "no URL"),
      bot(R"("ready": {"http": @"https://x/"})", "TLS is not spoken"),
      bot(R"("ready": {"http": @"http:///x"})", "no URL"),
      bot(R"("ready": {"http": @"http://u:p@x/"})", "names a user"),
      bot(R"("ready": {"http": @"http://x/${secret:a}"})", "knows no secrets"),
      bot(R"("ready": {"tcp": @"a:80${bot.inde}"})", "${bot.index}"),
      bot(R"("ready": {"output": @"("})", "no regular expression"),
      bot(R"("watchdog": @5)", "a duration such as"),
      bot(R"("log": {"max_size": @0})", "above 0"),
      bot(R"("log": {"rate": @"1MiB"})", "/s"),
      bot(R"("log": {"format": @"jsn"})", R"(did you mean "json"?)"),
      // Links and messages.
      bot(R"("ready": @"lnk")", R"(did you mean "link"?)"),
      bot(R"("mailbox": @100)", "an object such as"),
      bot(R"("mailbox": {@"message": 1})", R"(did you mean "messages"?)"),
      bot(R"("mailbox": {"messages": @0})", "too small"),
      bot(R"("mailbox": {"messages": @"5"})", "remove the quotes"),
      bot(R"("mailbox": {"bytes": @0})", "from \"4KiB\""),
      bot(R"("mailbox": {"bytes": @"65GiB"})", "too large"),
      bot(R"("mailbox": {"bytes": @16})", R"("16MiB")"),
      bot(R"("mailbox": {"overflow": @"drop_odest"})", R"(did you mean "drop_oldest"?)"),
      bot(R"("mailbox": {"spill": @"1KiB"})", "too small"),
      bot(R"("balance": @"roundrobin")", R"(did you mean "round_robin"?)"),
      bot(R"("may_send": @"other")", "brackets"),
      bot(R"("may_send": [@1])", "an address"),
      bot(R"("may_send": [@"othre"])", R"(did you mean "other"?)"),
      bot(R"("may_send": ["other", @"othre#1"])", R"(did you mean "other"?)"),
      bot(R"("may_send": [@"other/"])", "it is a bot"),
      bot(R"("may_send": [@"nothing/"])", "there is no group"),
      bot(R"("may_send": [@"market/*"])", R"("market/")"),
      bot(R"("may_send": [@"*"])", "the whole fleet"),
      bot(R"("may_send": [@"other#x"])", "nothing to send to"),
      bot(R"("may_send": [@"topic:a..b"])", "one word"),
      bot(R"("may_send": [@"runtime/time"])", "no permission"),
      bot(R"("may_send": [@""])", "nothing to send to"),
      bot(R"("may_subscribe": [@"a.>.b"])", "a last '>'"),
      bot(R"("may_subscribe": [@"market/"])", "no pattern of topics"),
      bot(R"("max_deliveries": @0)", "from 1 to 1000"),
      bot(R"("drain_timeout": @5)", R"("5s")"),
      bot(R"("drain_timeout": @"25h")", "at most"),
      bot(R"("flatten_timeout": @"-1s")", "never negative"),
      bot(R"("on_hang": @"kill")", "one of"),
      bot(R"("settings": @[1])", "an object such as"),
      bot(R"("settings": @{"a":[[[[[[[[[[[[1]]]]]]]]]]]]})", "too deep"),
      bot("\"settings\": @{\"a\": \"" + std::string(50'000, 'x') + "\"}", "48 KiB"),
      group(R"("defaults": {"may_send": [@"bto"]})", R"(did you mean "bot"?)"),
      runtime(R"("limits": {"mailboxes": @0})", "above 0"),
      runtime(R"("limits": {"queue": @"1G"})", "did you mean"),
      // Dependencies.
      bot(R"("depends_on": @"other")", "an array of names"),
      bot(R"("depends_on": [@1])", "the name of a bot"),
      bot(R"("depends_on": {"other": @"reddy"})", R"(did you mean "ready"?)"),
      bot(R"("depends_on": {"other": @"output"})", "needs a pattern"),
      bot(R"("depends_on": {"other": @1})", "one of"),
      bot(R"("depends_on": {"other": {"until": @"redy"}})", "one of"),
      bot(R"("depends_on": {"other": {@"pattern": "x"}})", "for \"output\" only"),
      bot(R"("depends_on": ["other", @"other"])", "twice"),
      // Groups, the runtime, profiles.
      group(R"("strategy": @"one_for_on")", R"(did you mean "one_for_one"?)"),
      group(R"("order": @"bot")", "an array of names"),
      group(R"("order": [@"bto"])", R"(did you mean "bot"?)"),
      group(R"("order": ["bot", @"bot"])", "twice"),
      group(R"("intensity": {"within": @60})", R"("60s")"),
      group(R"("intensity": {"within": @0})", "above 0"),
      group(R"("labels": {"a": @[]})", "a string"),
      group(R"("defaults": @[])", "an object of bot settings"),
      group(R"("defaults": {"stop_timeout": @5})", "a duration such as"),
      group(R"("defaults": {@"instances": {}})", "cannot stand in"),
      runtime(R"("fleet": @"My Fleet")", R"(did you mean "my-fleet"?)"),
      runtime(R"("restart_rate": @50)", "50/s"),
      runtime(R"("restart_rate": @"0/s")", "above 0"),
      runtime(R"("restart_burst": @0)", "too small"),
      {"profiles/prod.json", R"({"bots": {@"bto": {}}})", R"(did you mean "bot"?)"},
      {"profiles/prod.json", R"({"bots": {"bot": {"nice": @99}}})", "from -20 to 19"},
      {"profiles/prod.json", R"({"bots": {"bot": {"instances": {"0": {"nice": @99}}}}})",
       "from -20 to 19"},
      {"profiles/prod.json", R"({"defaults": {"nice": @99}})", "from -20 to 19"},
      {"profiles/prod.json", R"({@"default": {}})", R"(did you mean "defaults"?)"}};
  return rows;
}

} // namespace

BOOST_AUTO_TEST_SUITE(bad_values)

BOOST_AUTO_TEST_CASE(f07_each_is_one_error_at_its_place) {
  BOOST_TEST(table().size() >= 60u);
  for (const auto& [path, marked, words] : table()) {
    auto text = marked;
    auto marker = text.find('@');
    text.erase(marker, 1);
    auto source = make_tree({{path, text}, {"other.json", R"({"command": ["x"]})"}});
    if (path != "bot.json")
      source = make_tree({{path, text},
                          {"other.json", R"({"command": ["x"]})"},
                          {"bot.json", R"({"command": ["x"]})"}});
    auto result = load(source, no_environment());
    auto report = all(result.errors, &source);
    BOOST_TEST(!result.spec, text);
    BOOST_REQUIRE_MESSAGE(result.errors.size() == 1, text << "\n" << report);
    const auto& what = result.errors.front();
    BOOST_TEST(what.file == path, report);
    BOOST_TEST(what.line == 1u, report);
    BOOST_TEST(what.column == marker + 1, text << "\n" << report);
    BOOST_TEST(contains(report, words), "«" << words << "» in\n" << report);
    BOOST_TEST(!what.expected.empty() + !what.hint.empty() > 0, report);
  }
}

BOOST_AUTO_TEST_CASE(all_errors_of_all_files_come_at_once_and_sorted) {
  auto source = make_tree({
      {"a.json", R"({"command": ["x"],
 "nice": 99,
 "restrat": "always", "stop_timeout": 5})"},
      {"b.json", R"({"command": )"},
      {"group.json", R"({"stratgy": 1, "defaults": {"nice": "x"}})"},
      {"market/feed.json", R"({"replicas": 0})"},
      {"runtime.json", R"({"fleet": 1})"},
  });
  auto result = load(source, no_environment());
  std::vector<std::string> places;
  for (const auto& one : result.errors)
    places.push_back(one.file + ':' + std::to_string(one.line) + ':' + std::to_string(one.column));
  const std::vector<std::string> wanted{
      "a.json:2:10",      "a.json:3:2",      "a.json:3:39",          "b.json:1:13",
      "group.json:1:2",   "group.json:1:37", "market/feed.json:1:1", "market/feed.json:1:14",
      "runtime.json:1:11"};
  BOOST_TEST(places == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_mistake_in_defaults_is_told_once_however_many_inherit_it) {
  std::vector<file> files{{"group.json", R"({"defaults": {"stop_timeout": "5", "nice": 99}})"}};
  for (int bot = 0; bot < 50; ++bot)
    files.push_back({"b" + std::to_string(bot) + ".json", R"({"command": ["x"]})"});
  auto result = load(make_tree(files), no_environment());
  BOOST_TEST(result.errors.size() == 2u, all(result.errors));
}

BOOST_AUTO_TEST_CASE(the_number_of_errors_is_bounded) {
  std::string many = R"({"command": ["x"], "environment": {"a": 1)";
  for (int i = 0; i < 50'000; ++i)
    many += ", \"A" + std::to_string(i) + "\": 1";
  auto result = load(make_tree({{"a.json", many + "}}"}}), no_environment());
  BOOST_TEST(result.errors.size() <= 102u);
  BOOST_TEST(result.errors.size() > 90u);
  auto text = all(result.errors);
  BOOST_TEST(contains(text, "further problems"), text);
}

BOOST_AUTO_TEST_SUITE_END()
