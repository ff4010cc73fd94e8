// The admin actor: what it hands to the config actor, with its audit.

#include "actors/commands/packed_tree.hpp"
#include "config/tree.hpp"
#include "virtual_time.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

struct configured : virtual_time {
  configured() {
    w->on_config = [this](const config_request&) { return reply; };
    begin();
  }

  nlohmann::json given() const {
    BOOST_REQUIRE(!w->config_requests.empty());
    return nlohmann::json::parse(w->config_requests.back().arguments);
  }

  std::string entered() const {
    BOOST_REQUIRE(!w->batches.empty());
    return w->batches.back().audits.back().command;
  }

  config_reply reply{exit_code::done, R"({"schema_version":1,"applied":true,"number":8})"};
};

const char* const conflict =
    R"({"schema_version":1,"conflicts":[],"error":{"code":"conflict","exit":1,)"
    R"("message":"both","hint":"choose"}})";

} // namespace

BOOST_FIXTURE_TEST_SUITE(changing_the_config, configured)

BOOST_AUTO_TEST_CASE(a_change_is_entered_first_and_its_outcome_left_to_the_config) {
  const auto r = ask("apply", R"({"theirs":true,"if_version":7,"reason":"as agreed","wait":"1m"})");
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(r.document["number"] == 8);
  BOOST_TEST((w->heard == std::vector<std::string>{"write", "config apply"}));
  BOOST_TEST(given()["theirs"] == true);
  BOOST_TEST(given()["mine"] == false);
  BOOST_TEST(given()["if_version"] == 7);
  BOOST_TEST(given()["reason"] == "as agreed");
  BOOST_TEST(!given().contains("tree"));
  const auto& by = w->config_requests.back().by;
  BOOST_TEST(by.id == 100u);
  BOOST_TEST(by.uid == 1000u);
  BOOST_TEST(by.command == "apply --theirs --if-version 7 --reason \"as agreed\" --wait=1m");
}

BOOST_AUTO_TEST_CASE(a_refusal_is_entered_and_passed_on_whole) {
  reply = {exit_code::failed, conflict};
  const auto r = ask("reload");
  BOOST_TEST(r.exit == 1);
  BOOST_TEST(r.text == conflict);
  BOOST_TEST((w->heard == std::vector<std::string>{"write", "config reload", "write"}));
  BOOST_TEST(w->batches.back().audits.back().outcome == "refused: conflict: both");
  BOOST_TEST(w->batches.back().audits.back().id == 100u);
}

// Whoever commits it enters its outcome, before or after this answer.
BOOST_AUTO_TEST_CASE(an_outcome_that_is_not_known_is_not_entered) {
  reply = {exit_code::failed,
           R"({"error":{"code":"outcome-unknown","exit":1,"message":"silence","hint":""}})"};
  BOOST_TEST(ask("apply").document["error"]["code"] == "outcome-unknown");
  BOOST_TEST((w->heard == std::vector<std::string>{"write", "config apply"}));
  w->heard.clear();
  w->scale_trouble = "outcome-unknown: silence";
  const auto r = ask("scale", R"({"bot":"market/trader","count":6})");
  BOOST_TEST(r.document["error"]["code"] == "outcome-unknown");
  BOOST_TEST(r.document["error"]["message"] == "silence");
  BOOST_TEST((w->heard == std::vector<std::string>{"write", "scale"}));
}

BOOST_AUTO_TEST_CASE(json_that_is_nested_too_deep_is_refused) {
  const std::string open(100'000, '[');
  const auto deep = open + std::string(open.size(), ']');
  BOOST_TEST(ask("plan", R"({"files":{"root":)" + deep + "}}").exit == 2);
  BOOST_TEST(ask("plan", open).exit == 2);
  BOOST_TEST(ask("apply",
                 nlohmann::json{{"files", commands::pack_tree(R"({"root":)" + deep + "}")}}.dump())
                 .exit
             == 2);
  const auto value = deep.substr(open.size() - 200, 400);
  BOOST_TEST(
      ask("set",
          nlohmann::json{{"bot", "market/trader"}, {"path", "settings.x"}, {"value", value}}.dump())
          .exit
      == 2);
  BOOST_TEST(w->heard.empty());
}

BOOST_AUTO_TEST_CASE(without_the_audit_nothing_is_changed) {
  w->journal_trouble = "disk full";
  BOOST_TEST(ask("rollback", R"({"number":7})").document["error"]["code"] == "audit-unavailable");
  BOOST_TEST(w->config_requests.empty());
}

BOOST_AUTO_TEST_CASE(a_tree_travels_packed_and_stays_out_of_the_audit) {
  config::tree tree;
  tree.root = "/srv/fleet";
  tree.documents = {{"a.json", R"({"command": ["x"]})"}};
  const nlohmann::json arguments{{"tree", "/home/me/fleet"},
                                 {"files", commands::pack_tree(config::to_json(tree))}};
  ask("apply", arguments.dump());
  const auto back = config::tree_from_json(given()["tree"].dump());
  BOOST_REQUIRE(back.has_value());
  BOOST_TEST((*back == tree));
  BOOST_TEST(entered() == "apply /home/me/fleet");
  // As it is, too.
  ask("plan", R"({"files":{"root":"/x","documents":[]}})");
  BOOST_TEST(w->config_requests.back().operation == "plan");
  BOOST_TEST(given()["tree"]["root"] == "/x");
}

BOOST_AUTO_TEST_CASE(a_tree_that_is_none_is_refused) {
  const std::string good = commands::pack_tree(R"({"root":"/x"})");
  for (const auto& files : {std::string{"!"}, std::string{"AAAA"}, good.substr(0, good.size() - 8),
                            commands::pack_tree("[1]"), commands::pack_tree("{")}) {
    const auto r = ask("apply", nlohmann::json{{"files", files}}.dump());
    BOOST_TEST(r.exit == 2, files);
  }
  BOOST_TEST(ask("plan", R"({"files":7})").exit == 2);
  BOOST_TEST(w->heard.empty());
}

BOOST_AUTO_TEST_CASE(a_request_with_a_tree_may_be_larger_than_others) {
  const std::string reason(300 * 1024, 'x');
  BOOST_TEST(ask("apply", nlohmann::json{{"reason", reason}}.dump()).exit == 0);
  BOOST_TEST(ask("reload", nlohmann::json{{"reason", reason}}.dump()).document["error"]["code"]
             == "too-long");
  const std::string more(1100 * 1024, 'x');
  BOOST_TEST(ask("apply", nlohmann::json{{"reason", more}}.dump()).document["error"]["code"]
             == "too-long");
}

BOOST_AUTO_TEST_CASE(a_value_is_json_or_a_word) {
  const std::pair<const char*, nlohmann::json> words[] = {
      {"4", 4},
      {"128MiB", "128MiB"},
      {"true", true},
      {"null", nullptr},
      {"[\"a\"]", nlohmann::json::array({"a"})},
      {"\"4\"", "4"},
      {"a b", "a b"},
      {"{\"a\":1}", nlohmann::json::object({{"a", 1}})},
      {"-5", -5},
      {"${secret:X}", "${secret:X}"}};
  for (const auto& [word, value] : words) {
    const nlohmann::json arguments{
        {"bot", "/market/trader#2"}, {"path", "limits.memory"}, {"value", word}};
    BOOST_TEST(ask("set", arguments.dump()).exit == 0, word);
    BOOST_TEST(given()["value"] == value, word);
    BOOST_TEST(given()["bot"] == "market/trader#2");
    BOOST_TEST(given()["path"] == "limits.memory");
  }
  for (const char* word : {"{\"a\":", "[1,", "\"open"}) {
    const nlohmann::json arguments{{"bot", "flaky"}, {"path", "limits"}, {"value", word}};
    BOOST_TEST(ask("set", arguments.dump()).exit == 2, word);
  }
}

BOOST_AUTO_TEST_CASE(a_secret_reaches_neither_the_audit_nor_the_config) {
  for (const auto* path : {"environment.API_TOKEN", "/environment/API_TOKEN"}) {
    const nlohmann::json arguments{{"bot", "flaky"}, {"path", path}, {"value", "hunter2"}};
    const auto r = ask("set", arguments.dump());
    BOOST_TEST(r.exit == 1);
    BOOST_TEST(r.document["error"]["code"] == "secret");
    BOOST_TEST(r.text.find("hunter2") == std::string::npos);
  }
  BOOST_TEST(w->heard.empty());
  const auto reference = R"({"bot":"flaky","path":"environment.API_TOKEN",)"
                         R"("value":"${secret:TOKEN}"})";
  BOOST_TEST(ask("set", reference).exit == 0);
}

BOOST_AUTO_TEST_CASE(a_value_at_a_wrong_path_does_not_stand_in_the_audit) {
  const std::pair<const char*, const char*> wrong[] = {{"API_KEY", "hunter2"},
                                                       {"env.API_KEY", "hunter2"},
                                                       {"environment/API_KEY", "hunter2"},
                                                       {"env", R"({"PLAIN":"hunter2"})"},
                                                       {"instances.1.env.PLAIN", "hunter2"},
                                                       {"instances", "hunter2"},
                                                       {"limits.API_KEY", "hunter2"},
                                                       {"", "hunter2"},
                                                       {"API_KEY=hunter2", "x"},
                                                       {"command", R"(["x","--token=hunter2"])"}};
  for (const auto& [path, value] : wrong) {
    const nlohmann::json arguments{{"bot", "flaky"}, {"path", path}, {"value", value}};
    ask("set", arguments.dump());
    BOOST_TEST(entered().starts_with("set flaky "), entered());
    BOOST_TEST(entered().find("hunter2") == std::string::npos, entered());
    BOOST_TEST(entered().find("***") != std::string::npos, entered());
  }
  // What stands in place of the whole environment is taken for a secret.
  w->batches.clear();
  for (const auto* value : {"API_KEY=hunter2", R"(["API_KEY=hunter2"])"}) {
    const nlohmann::json arguments{{"bot", "flaky"}, {"path", "environment"}, {"value", value}};
    BOOST_TEST(ask("set", arguments.dump()).document["error"]["code"] == "secret");
  }
  BOOST_TEST(w->batches.empty());
  // What is known is entered as it was typed.
  ask("set", R"({"bot":"flaky","path":"instances.1.environment.LEVEL","value":"info"})");
  BOOST_TEST(entered() == "set flaky instances.1.environment.LEVEL info");
  ask("set", R"({"bot":"flaky","path":"environment.KEY","value":"${secret:A}"})");
  BOOST_TEST(entered().find("${secret:A}") != std::string::npos, entered());
  ask("set", R"({"bot":"flaky","path":"pass_environment","value":"[\"HOME\"]"})");
  BOOST_TEST(entered().find("HOME") != std::string::npos, entered());
  ask("set", R"({"bot":"flaky","path":"labels.environment","value":"prod"})");
  BOOST_TEST(entered() == "set flaky labels.environment prod");
}

BOOST_AUTO_TEST_CASE(a_bot_that_is_none_is_named) {
  auto r = ask("set", R"({"bot":"flakey","path":"nice","value":"1"})");
  BOOST_TEST(r.exit == 5);
  BOOST_TEST(r.document["error"]["hint"].get<std::string>().find("flaky") != std::string::npos);
  BOOST_TEST(ask("config explain", R"({"bot":"market/nobody"})").exit == 5);
  BOOST_TEST(ask("config explain", R"({})").exit == 2);
  BOOST_TEST(w->heard.empty());
  // What was set of one that is gone can be taken back.
  BOOST_TEST(ask("unset", R"({"bot":"gone","path":"nice"})").exit == 0);
  BOOST_TEST(entered() == "unset gone nice");
  BOOST_TEST(ask("config explain", R"({"bot":"market/"})").exit == 0);
  BOOST_TEST(given()["bot"] == "market/");
}

BOOST_AUTO_TEST_CASE(looks_are_not_entered) {
  const std::pair<const char*, const char*> looks[] = {{"plan", "plan"},
                                                       {"config explain", "explain"},
                                                       {"config versions", "versions"},
                                                       {"config show", "show"},
                                                       {"config export", "export"},
                                                       {"config diff", "diff"},
                                                       {"config standing", "standing"}};
  for (const auto& [command, operation] : looks) {
    BOOST_TEST(ask(command, R"({"bot":"flaky","number":3,"from":1,"to":2,"last":5})").exit == 0);
    BOOST_TEST(w->config_requests.back().operation == operation);
  }
  BOOST_TEST(w->batches.empty());
  reply.exit = exit_code::config_invalid;
  BOOST_TEST(ask("plan").exit == 6);
}

BOOST_AUTO_TEST_CASE(a_status_says_how_the_config_stands) {
  reply = {exit_code::done, R"({"schema_version":1,"version":7,"disk":{"state":"invalid"}})"};
  auto r = ask("status");
  BOOST_TEST(r.document["config"]["version"] == 7);
  BOOST_TEST(r.document["config"]["disk"]["state"] == "invalid");
  BOOST_TEST(r.document["schema_version"] == 1);
  for (const auto* text : {"", "[]", "oops"}) {
    reply = {exit_code::done, text};
    r = ask("status");
    BOOST_TEST(r.exit == 0);
    BOOST_TEST(!r.document.contains("config"));
  }
}

BOOST_AUTO_TEST_SUITE_END()
