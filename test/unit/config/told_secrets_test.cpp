// What is wrong with a value is told without the value, when that may be a secret: problems reach
// events, logs, the status and the audit.
#include "config/masking.hpp"
#include "test/unit/config/fixture.hpp"

using namespace troupe::config;
using namespace troupe::config::test;

namespace {

using nlohmann::json;

/// All that is told of a bot with these settings, as text and as JSON.
std::string told(const std::string& settings) {
  const auto source = make_tree({{"bot.json", R"({"command": ["x"], )" + settings + "}"}});
  const auto result = load(source, no_environment());
  BOOST_TEST(!result.errors.empty(), settings);
  auto text = all(result.errors);
  for (const auto& each : result.errors)
    text += to_json(each).dump();
  return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(told_secrets)

BOOST_AUTO_TEST_CASE(no_problem_repeats_a_secret) {
  for (const auto* settings : {R"("environment": "PIN=hunter2")",
                               R"("environment": 471100)",
                               R"("environment": ["API_KEY=hunter2"])",
                               R"("environment": {"DB_PASSWORD": 471100})",
                               R"("environment": {"DB_PASSWORD": "a${hunter2}b"})",
                               R"("environment": {"PIN=hunter2": "x"})",
                               R"("environment": {"API_KEY=hunter2": 1})",
                               R"("environment": {"X": "${API_KEY:-hunter2}"})",
                               R"("instances": {"0": {"environment": "hunter2"}})",
                               R"("pass_environment": ["PIN=hunter2"])",
                               R"("settings": "hunter2")",
                               R"("API_KEY=hunter2": 1)",
                               R"("stop_command": "x --password hunter2")",
                               R"("stop_command": ["x", "--password=${hunter2}"])",
                               R"("replicas": "https://me:hunter2@h/")",
                               R"("extends": "https://me:hunter2@h/")",
                               R"("depends_on": ["https://me:hunter2@h/"])",
                               R"("user": "https://me:hunter2@h/")",
                               R"("stop_timeout": "token=hunter2")",
                               R"("labels": {"a": "token=hunter2 x"})",
                               R"("ready": "https://me:hunter2@h/")",
                               R"("ready": {"http": "https://me:hunter2@h/"})",
                               R"("ready": {"http": "me:hunter2@h/"})",
                               R"("ready": {"http": "http://me:hunter2@h/"})",
                               R"("ready": {"tcp": "redis://:hunter2@h:1/0"})",
                               R"("ready": {"tcp": "me:hunter2@h"})",
                               R"("ready": {"output": "password=hunter2("})"}) {
    const auto text = told(settings);
    BOOST_TEST(!contains(text, "hunter2"), text);
    BOOST_TEST(!contains(text, "471100"), text);
  }
  const auto fleet = make_tree({{"bot.json", R"({"command": ["x"]})"},
                                {"runtime.json", R"({"fleet": "https://me:hunter2@h/"})"}});
  BOOST_TEST(!contains(all({only_error(fleet)}), "hunter2"));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_still_told) {
  BOOST_TEST(contains(told(R"("environment": "x")"), R"("environment" is a string)"));
  BOOST_TEST(contains(told(R"("environment": {"KEY": 4711})"), R"("KEY" is a number)"));
  BOOST_TEST(contains(told(R"("environment": {"KEY": 4711})"), "put it into quotes"));
  BOOST_TEST(contains(told(R"("environment": {"PORT": 80})"), R"("PORT" is the number 80)"));
  BOOST_TEST(contains(told(R"("environment": {"A=B": "x"})"),
                      R"("A" with a '=' after it is no name of a variable)"));
  BOOST_TEST(contains(told(R"("replicas": "many")"), R"(the string "many")"));
  BOOST_TEST(contains(told(R"("environment": {"KEY": "${secrt:A}"})"), "${secrt:A}"));
}

BOOST_AUTO_TEST_CASE(what_stands_for_the_whole_environment_is_masked) {
  BOOST_TEST(masked("x", "/environment") == mask);
  BOOST_TEST(masked(json::array({"A=x"}), "/defaults/settings") == json::array({mask}));
  BOOST_TEST(masked("${secret:A}", "/environment") == "${secret:A}");
  BOOST_TEST(masked("prod", "/labels/environment") == "prod");
  BOOST_TEST(masked("ready", "/depends_on/settings") == "ready");
  // Bots may have such names.
  BOOST_TEST(masked("x", "/overrides/labels/environment/KEY") == mask);
}

BOOST_AUTO_TEST_SUITE_END()
