#include "config/decode.hpp"
#include "config/schema.hpp"
#include "test/unit/config/fixture.hpp"

#include <functional>

using namespace troupe::config;
using nlohmann::json;

namespace {

void check_described(const json& schema, const std::string& where) {
  auto properties = schema.find("properties");
  if (properties == schema.end())
    return;
  for (const auto& [key, property] : properties->items()) {
    auto name = where + "/" + key;
    BOOST_TEST(property.contains("title"), name);
    BOOST_TEST(!property.value("description", "").empty(), name);
    BOOST_TEST(property.contains("type"), name);
    check_described(property, name);
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(schemas)

BOOST_AUTO_TEST_CASE(every_key_is_described) {
  for (const auto which : all_schema_kinds)
    check_described(plain_schema(which), published_schema(which)["title"]);
}

// «plan», the keys' documentation and the fingerprint stand on these.
BOOST_AUTO_TEST_CASE(every_key_says_when_it_is_in_force_and_since_when) {
  for (const auto kind : all_schema_kinds)
    for (const auto& [key, property] : plain_schema(kind)["properties"].items()) {
      BOOST_TEST(property.contains("x-since"), key);
      const auto change = property.value("x-change", "");
      const bool holds_keys = key == "defaults" || key == "bots";
      BOOST_TEST((holds_keys ? change.empty()
                             : change == "now" || change == "next_start" || change == "restart"),
                 key << " " << change);
    }
}

// An editor resolves a reference by the place of the file, without a network.
BOOST_AUTO_TEST_CASE(references_of_the_published_schemas_lead_to_files_beside_them) {
  std::function<void(schema_kind, const json&)> check = [&](schema_kind kind, const json& part) {
    if (!part.is_structured())
      return;
    if (const auto ref = part.is_object() ? part.find("$ref") : part.end();
        ref != part.end() && ref->is_string()) {
      const auto target = ref->get<std::string>();
      const auto& own = published_schema(kind);
      const bool fine =
          target == "#" || target == "bot.json"
          || (target.starts_with("#/") && own.contains(json::json_pointer{target.substr(1)}));
      BOOST_TEST(fine, target);
    }
    for (const auto& inner : part)
      check(kind, inner);
  };
  for (const auto kind : all_schema_kinds) {
    const auto& schema = published_schema(kind);
    BOOST_TEST(schema["$id"] == schema["title"].get<std::string>() + ".json");
    BOOST_TEST(schema["$schema"] == "http://json-schema.org/draft-07/schema#");
    check(kind, schema);
  }
}

BOOST_AUTO_TEST_CASE(defaults_of_the_schema_are_those_of_the_spec) {
  bot_spec decoded;
  // Something else first, so that a default that is not written is seen.
  decoded.umask = 0;
  decoded.autostart = false;
  decoded.restart = restart_type::temporary;
  decoded.success_codes = {9};
  decoded.no_restart_codes = {9};
  decoded.delay = {{}, 9, {}, 0.9, {}};
  decoded.failed_starts = 9;
  decoded.max_restarts = {9, {}};
  decoded.retry_failed = {{}, {}};
  decoded.start_grace = decoded.start_timeout = decoded.stop_timeout = {};
  decoded.stop_signal = 9;
  decoded.kill = kill_mode::group;
  decoded.no_new_privs = false;
  decode_bot(built_in_settings(), decoded, [](const value_problem& what) {
    BOOST_ERROR("a default is wrong: " + what.pointer + ": " + what.message);
  });
  BOOST_CHECK(decoded == bot_spec{});

  group_entry group;
  auto all = json::object();
  for (const auto& [key, property] : plain_schema(schema_kind::group)["properties"].items())
    if (property.contains("default"))
      all[key] = property["default"];
  all["intensity"] = {{"count", 5}, {"within", "1m"}};
  group.how = strategy::one_for_all;
  group.intensity = {9, {}};
  decode_group(all, group, [](const value_problem&) { BOOST_ERROR("a default is wrong"); });
  BOOST_CHECK(group.how == strategy::one_for_one);
  BOOST_CHECK(group.intensity == group_entry{}.intensity);

  runtime_spec runtime{9, 9, 9};
  std::string name;
  auto settings = json::object();
  for (const auto& [key, property] : plain_schema(schema_kind::runtime)["properties"].items())
    if (property.contains("default"))
      settings[key] = property["default"];
  decode_runtime(settings, runtime, name, [](const value_problem&) { BOOST_ERROR("wrong"); });
  BOOST_CHECK(runtime == runtime_spec{});
}

BOOST_AUTO_TEST_CASE(every_key_of_the_design_is_known) {
  const auto& keys = keys_of(schema_kind::bot);
  for (const char* key : {"command",
                          "directory",
                          "user",
                          "group",
                          "umask",
                          "environment",
                          "environment_file",
                          "pass_environment",
                          "autostart",
                          "replicas",
                          "instances",
                          "labels",
                          "description",
                          "depends_on",
                          "restart",
                          "success_codes",
                          "no_restart_codes",
                          "delay",
                          "failed_starts",
                          "max_restarts",
                          "retry_failed",
                          "ready",
                          "start_grace",
                          "start_timeout",
                          "start_command",
                          "stop_command",
                          "stop_signal",
                          "stop_timeout",
                          "kill_mode",
                          "on_crash",
                          "watchdog",
                          "limits",
                          "nice",
                          "oom_score_adj",
                          "no_new_privs",
                          "log",
                          "mailbox",
                          "balance",
                          "may_send",
                          "may_subscribe",
                          "max_deliveries",
                          "drain_timeout",
                          "flatten_timeout",
                          "on_hang",
                          "settings",
                          "extends",
                          "update",
                          "$schema"})
    BOOST_TEST((std::find(keys.begin(), keys.end(), key) != keys.end()), key);
  BOOST_TEST(keys.size() == 48u);
}

BOOST_AUTO_TEST_CASE(what_is_not_acted_on_yet_is_found) {
  auto found =
      pending_keys(schema_kind::runtime, json::parse(R"({"http": {}, "tls": null, "limits": {}})"));
  const std::vector<std::string> wanted{"/http"};
  BOOST_TEST(found == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
