#include "test/unit/config/fixture.hpp"

#include <chrono>
#include <csignal>

using namespace troupe::config;
using namespace troupe::config::test;
using namespace std::chrono_literals;

namespace {

const char* const plain_bot = R"({"command": ["x"]})";

std::vector<std::string> child_names(const group_ptr& group) {
  std::vector<std::string> names;
  for (const auto& child : group->children)
    names.push_back(child.name + (child.group ? "/" : ""));
  return names;
}

} // namespace

BOOST_AUTO_TEST_SUITE(loader)

BOOST_AUTO_TEST_CASE(the_smallest_fleet_has_all_defaults) {
  auto spec = must_load(make_tree({{"a.json", plain_bot}}));
  BOOST_TEST(spec->name == "fleet");
  BOOST_CHECK(spec->runtime == runtime_spec{});
  BOOST_TEST(spec->bots.size() == 1u);
  const auto& bot = *spec->bots.at("a");
  BOOST_TEST(bot.file == "a.json");
  BOOST_REQUIRE(bot.instances.size() == 1u);
  bot_spec wanted;
  wanted.command = {"x"};
  wanted.directory = "/fleet";
  BOOST_TEST(bot.instances[0]->fingerprint != 0u);
  wanted.fingerprint = bot.instances[0]->fingerprint;
  BOOST_CHECK(*bot.instances[0] == wanted);
  BOOST_CHECK(spec->root->how == strategy::one_for_one);
  BOOST_REQUIRE(spec->root->children.size() == 1u);
  BOOST_CHECK(spec->root->children[0].bot == spec->bots.at("a"));
}

BOOST_AUTO_TEST_CASE(every_key_reaches_its_field) {
  auto spec = must_load(make_tree({{"other.json", plain_bot}, {"m/a.json", R"({
    "command": ["python3", "a.py", "${bot.index}"], "directory": "/srv", "user": "nobody", "group": 65534,
    "umask": "077", "environment": {"A": "1", "B": "$$x"}, "environment_file": "env",
    "pass_environment": ["HTTP_PROXY"], "autostart": false, "replicas": 2,
    "labels": {"env": "prod"}, "description": "d",
    "depends_on": {"/other": {"until": "output", "pattern": "^up"}},
    "restart": "on_failure", "success_codes": [0, 2], "no_restart_codes": [3],
    "delay": {"initial": 0, "factor": 1.5, "max": "1m", "jitter": 0, "reset_after": "5m"},
    "failed_starts": 3, "max_restarts": {"count": 7, "within": "1h"}, "retry_failed": false,
    "ready": {"tcp": "127.0.0.1:80", "interval": "2s", "timeout": "3s"},
    "start_grace": "2s", "start_timeout": 0, "start_command": ["pre"],
    "stop_command": {"command": ["bye"], "timeout": "3s"}, "stop_signal": "SIGINT",
    "stop_timeout": "1m", "kill_mode": "group", "on_crash": ["cleanup"], "watchdog": "30s",
    "limits": {"memory": "64MiB", "memory_high": "32MiB", "tasks": 10, "cpu_weight": 50, "cpu": 0.5,
               "open_files": 100, "processes": 20, "file_size": "1GiB", "core_size": 0,
               "locked_memory": "1MiB", "stack": "8MiB", "address_space": "2GiB"},
    "nice": -5, "oom_score_adj": 500, "no_new_privs": false,
    "log": {"max_size": "1MiB", "keep": 2, "timestamps": true, "format": "json", "rate": "1KiB/s"},
    "mailbox": {"messages": 5, "bytes": "1MiB", "overflow": "spill", "spill": "2MiB"},
    "balance": "two_choices", "may_send": ["m/", "/", "other", "m/a#1", "topic:t.*.>"],
    "may_subscribe": ["topic:a.b", ">"], "max_deliveries": 2, "drain_timeout": "3s",
    "flatten_timeout": 0, "on_hang": "restart", "settings": {"b": [1, null], "a": "ü"}})"}}));
  const auto& bot = first(spec, "m/a");
  BOOST_TEST(bot.command.size() == 3u);
  BOOST_TEST(bot.command[2] == "${bot.index}");
  BOOST_TEST(bot.directory == "/srv");
  BOOST_TEST(*bot.user == "nobody");
  BOOST_TEST(*bot.group == "65534");
  BOOST_TEST(bot.umask == 077u);
  BOOST_TEST(bot.environment.at("B") == "$$x");
  BOOST_TEST(*bot.environment_file == "/fleet/m/env");
  BOOST_TEST(bot.pass_environment.at(0) == "HTTP_PROXY");
  BOOST_TEST(!bot.autostart);
  BOOST_TEST(bot.labels.at("env") == "prod");
  BOOST_TEST(bot.description == "d");
  BOOST_CHECK((bot.depends_on == std::vector<dependency>{{"other", condition::output, "^up"}}));
  BOOST_CHECK(bot.restart == restart_type::transient);
  BOOST_CHECK((bot.success_codes == std::vector{0, 2}));
  BOOST_CHECK((bot.no_restart_codes == std::vector{3}));
  BOOST_CHECK((bot.delay == delay_spec{0s, 1.5, 1min, 0, 5min}));
  BOOST_TEST(bot.failed_starts == 3u);
  BOOST_CHECK((bot.max_restarts == rate_spec{7, 1h}));
  BOOST_TEST(bot.retry_failed.initial.count() == 0);
  BOOST_CHECK((bot.ready == ready_spec{ready_spec::kind::tcp, "127.0.0.1:80", {}, 2s, 3s}));
  BOOST_CHECK(bot.start_grace == 2s);
  BOOST_CHECK(bot.start_timeout == 0s);
  BOOST_CHECK((bot.start_command == hook_spec{{"pre"}, 10s}));
  BOOST_CHECK((bot.stop_command == hook_spec{{"bye"}, 3s}));
  BOOST_TEST(bot.stop_signal == SIGINT);
  BOOST_CHECK(bot.stop_timeout == 1min);
  BOOST_CHECK(bot.kill == kill_mode::group);
  BOOST_CHECK((bot.on_crash == hook_spec{{"cleanup"}, 10s}));
  BOOST_CHECK((bot.watchdog == duration{30s}));
  limits_spec limits;
  limits.memory = 64ull << 20;
  limits.memory_high = 32ull << 20;
  limits.tasks = 10;
  limits.cpu_weight = 50;
  limits.cpu = 0.5;
  limits.open_files = 100;
  limits.processes = 20;
  limits.file_size = 1ull << 30;
  limits.core_size = 0;
  limits.locked_memory = 1ull << 20;
  limits.stack = 8ull << 20;
  limits.address_space = 2ull << 30;
  BOOST_CHECK(bot.limits == limits);
  BOOST_TEST(*bot.nice == -5);
  BOOST_TEST(*bot.oom_score_adj == 500);
  BOOST_TEST(!bot.no_new_privs);
  BOOST_CHECK((bot.log == log_spec{1ull << 20, 2, true, log_spec::line_format::json, 1024}));
  BOOST_CHECK((bot.mailbox == mailbox_spec{5, 1 << 20, overflow::spill, 2 << 20}));
  BOOST_CHECK(bot.balance == balance_mode::two_choices);
  BOOST_TEST(*bot.may_send
                 == (std::vector<std::string>{"m/", "/", "other", "m/a#1", "topic:t.*.>"}),
             boost::test_tools::per_element());
  BOOST_TEST(*bot.may_subscribe == (std::vector<std::string>{"a.b", ">"}),
             boost::test_tools::per_element());
  BOOST_TEST(bot.max_deliveries == 2u);
  BOOST_CHECK(bot.drain_timeout == 3s);
  BOOST_CHECK(bot.flatten_timeout == 0s);
  BOOST_CHECK(bot.on_hang == hang_action::restart);
  BOOST_TEST(bot.settings == R"({"a":"ü","b":[1,null]})");
  BOOST_TEST(spec->bots.at("m/a")->instances.size() == 2u);
}

BOOST_AUTO_TEST_CASE(settings_of_a_bot_are_merged_like_everything_else) {
  auto spec = must_load(make_tree(
      {{"group.json", R"({"defaults": {"settings": {"a": {"x": 1, "y": 2}, "b": 1},
                          "may_send": ["bot"], "mailbox": {"messages": 9}}})"},
       {"bot.json", R"({"command": ["x"], "replicas": 2, "settings": {"a": {"y": null, "z": 3}},
                        "mailbox": {"bytes": "1MiB"},
                        "instances": {"1": {"settings": {"b": 7}, "may_send": []}}})"}}));
  const auto& bot = *spec->bots.at("bot");
  BOOST_TEST(bot.instances[0]->settings == R"({"a":{"x":1,"z":3},"b":1})");
  BOOST_TEST(bot.instances[1]->settings == R"({"a":{"x":1,"z":3},"b":7})");
  BOOST_CHECK((bot.instances[0]->mailbox == mailbox_spec{9, 1 << 20}));
  BOOST_TEST(bot.instances[0]->may_send->size() == 1u);
  BOOST_TEST(bot.instances[1]->may_send->empty());
  BOOST_TEST(!bot.instances[1]->may_subscribe.has_value());
}

// Each part is small enough, the whole is not: it has to fit into a frame.
BOOST_AUTO_TEST_CASE(settings_that_are_too_large_when_merged_are_an_error) {
  const auto part = [](const char* key) {
    return R"("settings": {")" + std::string{key} + R"(": ")" + std::string(30'000, 'x') + "\"}";
  };
  const auto what =
      only_error(make_tree({{"group.json", R"({"defaults": {)" + part("a") + "}}"},
                            {"bot.json", R"({"command": ["x"], )" + part("b") + "}"}}));
  BOOST_TEST(what.file == "bot.json");
  BOOST_TEST(contains(what.message, "when all scopes are merged"), what.message);
}

BOOST_AUTO_TEST_CASE(what_a_bot_may_do_is_written_by_form) {
  auto load_list = [](const std::string& entry) {
    return load(
        make_tree({{"bot.json", R"({"command": ["x"], "may_subscribe": [")" + entry + "\"]}"}}),
        no_environment());
  };
  const std::string word(100, 'a');
  for (const auto& fine :
       {std::string{"a"}, std::string{"*"}, std::string{">"}, std::string{"a.*.B_-9.>"},
        word + "." + word.substr(1), std::string{"1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16"}})
    BOOST_TEST(load_list(fine).errors.empty(), fine);
  for (const auto& bad :
       {std::string{}, std::string{"."}, std::string{"a."}, std::string{".a"}, std::string{"a..b"},
        std::string{">.a"}, std::string{"a b"}, std::string{"a*"}, std::string{"ü"},
        word + "." + word, std::string{"1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17"}})
    BOOST_TEST(load_list(bad).errors.size() == 1u, bad);
}

BOOST_AUTO_TEST_CASE(the_runtime_and_groups_are_read) {
  auto spec = must_load(make_tree(
      {{"runtime.json",
        R"({"fleet": "prices", "start_parallelism": 8, "restart_rate": "120/m", "restart_burst": 9,
            "limits": {"logs": "1MiB", "mailboxes": "2MiB", "queue": "3MiB"}})"},
       {"m/group.json",
        R"({"strategy": "rest_for_one", "order": ["b", "sub"], "intensity": {"count": 3, "within": "2m"}, "labels": {"a": "1"}})"},
       {"m/a.json", plain_bot},
       {"m/b.json", plain_bot},
       {"m/sub/c.json", plain_bot},
       {"z.json", plain_bot}}));
  BOOST_TEST(spec->name == "prices");
  BOOST_CHECK((spec->runtime == runtime_spec{8, 2, 9, 1 << 20, 2 << 20, 3 << 20}));
  BOOST_TEST(child_names(spec->root) == (std::vector<std::string>{"m/", "z"}),
             boost::test_tools::per_element());
  const auto& group = spec->root->children[0].group;
  BOOST_TEST(group->name == "m");
  BOOST_CHECK(group->how == strategy::rest_for_one);
  BOOST_CHECK((group->intensity == rate_spec{3, 2min}));
  BOOST_TEST(group->labels.at("a") == "1");
  BOOST_TEST(group->order == (std::vector<std::string>{"b", "sub"}),
             boost::test_tools::per_element());
  BOOST_TEST(child_names(group) == (std::vector<std::string>{"b", "sub/", "a"}),
             boost::test_tools::per_element());
  BOOST_TEST(group->children[1].group->name == "m/sub");
}

BOOST_AUTO_TEST_CASE(settings_are_inherited_down_the_tree) {
  auto spec = must_load(make_tree(
      {{"group.json",
        R"({"defaults": {"command": ["root"], "nice": 1, "stop_timeout": "1s", "environment": {"A": "root", "B": "root"}}})"},
       {"m/group.json",
        R"({"defaults": {"nice": 2, "environment": {"B": "group", "C": "group"}, "labels": {"x": "y"}}})"},
       {"m/n/group.json", R"({"defaults": {"stop_timeout": null}})"},
       {"m/n/a.json", R"({"environment": {"A": null, "D": "bot"}})"},
       {"m/b.json", R"({"command": ["own"], "nice": null})"},
       {"c.json", "{}"}}));
  const auto& a = first(spec, "m/n/a");
  BOOST_TEST(a.command.at(0) == "root");
  BOOST_TEST(*a.nice == 2);
  BOOST_CHECK(a.stop_timeout == 10s); // null: back to what is built in
  BOOST_CHECK(
      (a.environment
       == std::map<std::string, std::string>{{"B", "group"}, {"C", "group"}, {"D", "bot"}}));
  BOOST_TEST(a.labels.at("x") == "y");
  const auto& b = first(spec, "m/b");
  BOOST_TEST(b.command.at(0) == "own");
  BOOST_TEST(!b.nice);
  BOOST_CHECK(b.stop_timeout == 1s);
  BOOST_TEST(*first(spec, "c").nice == 1);
}

BOOST_AUTO_TEST_CASE(instances_may_differ_and_equal_ones_are_one_object) {
  auto source = make_tree({{"a.json", R"({"command": ["x"], "replicas": 4, "nice": 1,
    "instances": {"2": {"nice": 5, "environment": {"A": "1"}}, "3": {"nice": 1}, "9": {"nice": 7}}})"}});
  auto result = load(source, no_environment());
  BOOST_REQUIRE_MESSAGE(result.spec, all(result.errors));
  const auto& instances = result.spec->bots.at("a")->instances;
  BOOST_REQUIRE(instances.size() == 4u);
  BOOST_CHECK(instances[0] == instances[1]);
  BOOST_CHECK(instances[0] == instances[3]);
  BOOST_CHECK(instances[0] != instances[2]);
  BOOST_TEST(*instances[2]->nice == 5);
  BOOST_TEST(instances[2]->environment.at("A") == "1");
  BOOST_REQUIRE(result.warnings.size() == 1u);
  BOOST_TEST(contains(result.warnings[0].message, "no instance 9"));
}

BOOST_AUTO_TEST_CASE(ten_thousand_instances_that_differ_are_loaded_at_once) {
  std::string text = R"({"command": ["x"], "replicas": 10000, "instances": {)";
  for (int i = 0; i < 10'000; ++i)
    text += (i ? ",\"" : "\"") + std::to_string(i) + R"(": {"environment": {"N": ")"
            + std::to_string(i) + "\"}}";
  const auto begun = std::chrono::steady_clock::now();
  const auto spec = must_load(make_tree({{"a.json", text + "}}"}}));
  BOOST_TEST(spec->bots.at("a")->instances.back()->environment.at("N") == "9999");
  // Copying all of them for each takes a minute.
  BOOST_TEST((std::chrono::steady_clock::now() - begun < 20s));
}

BOOST_AUTO_TEST_CASE(an_operator_scales) {
  auto options = no_environment();
  options.overrides = {{"a", R"({"replicas":3})"}, {"gone", R"({"replicas":7})"}};
  auto source = make_tree({{"a.json", R"({"command": ["x"], "replicas": 1})"}});
  auto scaled = must_load(source, options)->bots.at("a");
  BOOST_TEST(scaled->instances.size() == 3u);
  BOOST_TEST(scaled->written_replicas == 1u);
  BOOST_TEST(scaled->scaled);
  BOOST_TEST(!must_load(source)->bots.at("a")->scaled);
  options.overrides = {{"a", R"({"replicas":0})"}};
  auto refused = load(source, options);
  BOOST_TEST(!refused.spec);
  BOOST_TEST(contains(all(refused.errors), "override of a: error: \"replicas\" is the number 0"));
}

BOOST_AUTO_TEST_CASE(paths_count_from_the_file_that_sets_them) {
  auto spec = must_load(
      make_tree({{"group.json", R"({"defaults": {"command": ["x"], "environment_file": "./env"}})"},
                 {"m/group.json", R"({"defaults": {"directory": "work"}})"},
                 {"m/a.json", "{}"},
                 {"m/b.json", R"({"directory": "${env:HOME}/b", "environment_file": "/etc/env"})"},
                 {"m/c.json", R"({"directory": "${bot.name}"})"},
                 {"m/n/d.json", R"({"directory": "."})"},
                 {"m/n/e.json", R"({"directory": null})"}}));
  BOOST_TEST(first(spec, "m/a").directory == "/fleet/m/work");
  BOOST_TEST(*first(spec, "m/a").environment_file == "/fleet/env");
  BOOST_TEST(first(spec, "m/b").directory == "${env:HOME}/b");
  BOOST_TEST(*first(spec, "m/b").environment_file == "/etc/env");
  BOOST_TEST(first(spec, "m/c").directory == "/fleet/m/${bot.name}");
  BOOST_TEST(first(spec, "m/n/d").directory == "/fleet/m/n");
  BOOST_TEST(first(spec, "m/n/e").directory == "/fleet/m/n");
}

BOOST_AUTO_TEST_CASE(what_is_missing_is_told_at_the_bot) {
  auto what = only_error(make_tree({{"m/a.json", "{\"nice\": 1}"}}));
  BOOST_TEST(what.file == "m/a.json");
  BOOST_TEST(what.line == 1u);
  BOOST_TEST(contains(what.message, "command"));
  BOOST_TEST(contains(only_error(make_tree({})).message, "no bot"));
  BOOST_TEST(contains(only_error(make_tree({{"group.json", "{}"}})).message, "no bot"));
}

BOOST_AUTO_TEST_CASE(contradictions_are_told_where_the_stronger_value_stands) {
  auto what =
      only_error(make_tree({{"group.json", R"({"defaults": {"delay": {"initial": "10s"}}})"},
                            {"a.json", R"({"command": ["x"],
 "delay": {"max": "1s"}})"}}));
  BOOST_TEST(what.file == "a.json");
  BOOST_TEST(what.line == 2u);
  BOOST_TEST(what.pointer == "/delay/max");
}

BOOST_AUTO_TEST_CASE(names_are_checked) {
  struct row {
    std::string path;
    std::string words;
  };
  for (const auto& [path, words] : std::vector<row>{{"Feed.json", "\"feed\""},
                                                    {"a b.json", "\"a-b\""},
                                                    {"package.json5.JSON.json", "package.json5"},
                                                    {"Market/a.json", "\"market\""},
                                                    {"m/runtime.json", "root only"},
                                                    {"runtime/a.json", "no name for a group"},
                                                    {"x.json/a.json", "like a file"},
                                                    {"profiles/Prod.json", "\"prod\""},
                                                    {".json", "no name"},
                                                    {std::string(65, 'a') + ".json", "64"}}) {
    auto source = make_tree({{path, plain_bot}, {"ok.json", plain_bot}});
    if (path.starts_with("profiles"))
      source.documents.front().text = "{}";
    source = make_tree(
        {{path, path.starts_with("profiles") ? "{}" : plain_bot}, {"ok.json", plain_bot}});
    auto what = only_error(source);
    BOOST_TEST(contains(render(what, nullptr, false), words), render(what, nullptr, false));
  }
}

BOOST_AUTO_TEST_CASE(a_bot_beside_a_group_of_its_name_is_an_error) {
  auto what = only_error(make_tree({{"x.json", plain_bot}, {"x/a.json", plain_bot}}));
  BOOST_TEST(what.file == "x.json");
  BOOST_TEST(contains(what.message, "one name"));
}

BOOST_AUTO_TEST_CASE(what_is_not_acted_on_yet_is_a_warning_at_its_place) {
  auto source = make_tree({{"b.json", plain_bot}, {"runtime.json", R"({
 "http": {"x": 1}, "tls": {}, "alerts": []})"}});
  auto result = load(source, no_environment());
  BOOST_REQUIRE_MESSAGE(result.spec, all(result.errors));
  BOOST_TEST(result.warnings.size() == 3u, all(result.warnings));
  for (const auto& one : result.warnings) {
    BOOST_TEST(contains(one.message, "accepted, but this version does not act on it yet"));
    BOOST_CHECK(one.level == severity::warning);
  }
  BOOST_TEST(result.warnings.front().line == 2u);
  BOOST_TEST(result.warnings.front().column == 2u);
}

BOOST_AUTO_TEST_CASE(output_that_others_wait_for_stands_in_the_spec_of_who_prints_it) {
  auto source = make_tree({{"a.json", R"({"command": ["x"], "depends_on":
 {"b": {"until": "output", "pattern": "open"}}})"},
                           {"c.json", R"({"command": ["x"], "depends_on":
 {"b": {"until": "output", "pattern": "closed|open"}}})"},
                           {"b.json", R"({"command": ["x"], "replicas": 2})"}});
  auto result = load(source, no_environment());
  BOOST_REQUIRE_MESSAGE(result.spec, all(result.errors));
  BOOST_TEST(result.warnings.empty(), all(result.warnings));
  const std::vector<std::string> wanted{"closed|open", "open"};
  for (const auto& each : result.spec->bots.at("b")->instances)
    BOOST_TEST(each->awaited_output == wanted, boost::test_tools::per_element());
  BOOST_TEST(result.spec->bots.at("a")->instances.front()->awaited_output.empty());
}

BOOST_AUTO_TEST_CASE(with_a_check_the_grace_contradicts_no_timeout) {
  auto source =
      make_tree({{"a.json", R"({"command": ["x"], "ready": "notify", "start_timeout": "500ms"})"}});
  auto result = load(source, no_environment());
  BOOST_TEST(result.spec != nullptr, all(result.errors));
}

BOOST_AUTO_TEST_CASE(a_pattern_that_re2_does_not_take_is_an_error_that_says_why) {
  auto what =
      only_error(make_tree({{"a.json", R"x({"command": ["x"], "ready": {"output": "(?=x)"}})x"}}));
  BOOST_TEST(contains(what.message, "(?=x)"));
  BOOST_TEST(contains(what.message, "invalid perl operator"));
}

BOOST_AUTO_TEST_CASE(a_check_may_hold_the_number_of_its_instance) {
  auto source = make_tree(
      {{"a.json", R"({"command": ["x"], "ready": {"tcp": "127.0.0.1:80${bot.index}"}})"},
       {"b.json", R"({"command": ["x"], "ready": {"tcp": "${env:HOST}:80"}})"},
       {"c.json", R"({"command": ["x"], "ready": {"http": "http://[::1]:8${bot.index}/x?y"}})"}});
  auto result = load(source, no_environment());
  BOOST_REQUIRE_MESSAGE(result.spec, all(result.errors));
  BOOST_TEST(result.spec->bots.at("a")->instances.front()->ready.value
             == "127.0.0.1:80${bot.index}");
}

BOOST_AUTO_TEST_CASE(variables_that_are_not_set_are_a_warning) {
  auto source = make_tree({{"a.json", R"({"command": ["x", "${env:THERE}", "${env:GONE}"]})"}});
  load_options options;
  options.env = [](const std::string& name) {
    return name == "THERE" ? std::optional<std::string>{""} : std::nullopt;
  };
  auto result = load(source, options);
  BOOST_REQUIRE(result.spec);
  BOOST_REQUIRE(result.warnings.size() == 1u);
  BOOST_TEST(contains(result.warnings[0].message, "GONE"));
  BOOST_TEST(result.warnings[0].pointer == "/command/2");
}

BOOST_AUTO_TEST_CASE(every_value_knows_what_set_it) {
  auto source = make_tree(
      {{"group.json", "{\"defaults\": {\"nice\": 1,\n  \"stop_timeout\": \"1s\"}}"},
       {"profiles/prod.json", R"({"defaults": {"nice": 2}, "bots": {"m/a": {"replicas": 3}}})"},
       {"m/group.json", R"({"defaults": {"labels": {"x": "y"}}})"},
       {"m/a.json",
        "{\"command\": [\"x\"],\n \"replicas\": 2,\n \"instances\": {\"1\": {\"nice\": 9}}}"}},
      "prod");
  auto options = no_environment();
  options.overrides = {{"m/a", R"({"replicas":4})"}};
  auto result = load(source, options);
  BOOST_REQUIRE_MESSAGE(result.spec, all(result.errors));

  auto of = [&](const std::string& instance, const std::string& pointer) {
    auto leaves = result.origins->explain(instance);
    BOOST_REQUIRE(leaves);
    auto found = std::find_if(leaves->begin(), leaves->end(),
                              [&](const origin& leaf) { return leaf.pointer == pointer; });
    BOOST_REQUIRE_MESSAGE(found != leaves->end(), pointer);
    return *found;
  };
  auto check = [&](const origin& leaf, scope where, const std::string& file, unsigned line,
                   unsigned column) {
    BOOST_TEST(to_string(leaf.where) == to_string(where), leaf.pointer);
    BOOST_TEST(leaf.file == file, leaf.pointer);
    BOOST_TEST(leaf.line == line, leaf.pointer);
    BOOST_TEST(leaf.column == column, leaf.pointer);
  };
  check(of("m/a", "/command"), scope::bot, "m/a.json", 1, 13);
  check(of("m/a#0", "/nice"), scope::profile, "profiles/prod.json", 1, 23);
  check(of("m/a#1", "/nice"), scope::instance, "m/a.json", 3, 30);
  check(of("m/a#0", "/stop_timeout"), scope::root, "group.json", 2, 19);
  check(of("m/a#0", "/labels/x"), scope::group, "m/group.json", 1, 31);
  check(of("m/a#0", "/replicas"), scope::operator_override, "", 0, 0);
  check(of("m/a#0", "/delay/initial"), scope::built_in, "", 0, 0);
  BOOST_TEST(of("m/a#0", "/delay/initial").value == "500ms");
  BOOST_TEST(contains(result.origins->explain("m/b").error(), "no bot"));
  BOOST_TEST(contains(result.origins->explain("m/a#4").error(), "#3"));
  BOOST_TEST(!result.origins->explain("nonsense##"));
}

BOOST_AUTO_TEST_CASE(the_same_tree_gives_the_same_result) {
  auto source =
      make_tree({{"a.json", R"({"command": ["x"], "nicee": 1, "limits": {"a": 1, "b": 2}})"},
                 {"b.json", R"({"command": ["x"], "depends_on": ["c", "zz"]})"},
                 {"c.json", R"({"command": ["x"], "depends_on": ["b"]})"}});
  auto once = load(source, no_environment());
  for (int again = 0; again < 5; ++again) {
    auto result = load(source, no_environment());
    BOOST_TEST(all(result.errors) == all(once.errors));
    BOOST_TEST(all(result.warnings) == all(once.warnings));
  }
}

BOOST_AUTO_TEST_CASE(f03_a_fleet_beyond_the_limits_is_refused) {
  std::vector<file> files;
  for (int bot = 0; bot < 11; ++bot)
    files.push_back(
        {"b" + std::to_string(bot) + ".json", R"({"command": ["x"], "replicas": 10000})"});
  BOOST_TEST(contains(only_error(make_tree(files)).message, "too many instances"));

  std::string big = R"({"command": ["x")";
  for (int i = 0; i < 9'000; ++i)
    big += ",\"a\"";
  big += "]}";
  files.clear();
  for (int bot = 0; bot < 230; ++bot)
    files.push_back({"b" + std::to_string(bot) + ".json", big});
  auto result = load(make_tree(files), no_environment());
  BOOST_TEST(contains(all(result.errors), "too many values"), all(result.errors));
}

BOOST_AUTO_TEST_SUITE_END()
