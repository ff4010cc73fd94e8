// What makes a process out of date.
#include "config/schema.hpp"
#include "test/unit/config/fixture.hpp"

#include <map>
#include <memory>
#include <random>
#include <set>
#include <utility>
#include <vector>

using namespace troupe::config;
using namespace troupe::config::test;
using nlohmann::json;

namespace {

/// For each key of a bot another value than the one that is built in. A new key needs one here.
const std::map<std::string, const char*>& samples() {
  static const std::map<std::string, const char*> result{
      {"$schema", R"("x")"},
      {"command", R"(["y"])"},
      {"directory", R"("work")"},
      {"user", R"("nobody")"},
      {"group", "7"},
      {"umask", R"("077")"},
      {"environment", R"({"A": "1"})"},
      {"environment_file", R"("env")"},
      {"pass_environment", R"(["A"])"},
      {"autostart", "false"},
      {"extends", R"("m")"},
      {"replicas", "2"},
      {"instances", R"({"0": {"description": "x"}})"},
      {"labels", R"({"a": "b"})"},
      {"description", R"("x")"},
      {"depends_on", R"(["b"])"},
      {"restart", R"("never")"},
      {"success_codes", "[1]"},
      {"no_restart_codes", "[1]"},
      {"delay", R"({"factor": 3})"},
      {"failed_starts", "3"},
      {"max_restarts", R"({"count": 3})"},
      {"retry_failed", "false"},
      {"ready", R"("notify")"},
      {"start_grace", R"("2s")"},
      {"start_timeout", R"("2m")"},
      {"start_command", R"(["y"])"},
      {"stop_command", R"(["y"])"},
      {"stop_signal", R"("INT")"},
      {"stop_timeout", R"("1s")"},
      {"kill_mode", R"("group")"},
      {"on_crash", R"(["y"])"},
      {"watchdog", R"("1m")"},
      {"limits", R"({"memory": "1GiB"})"},
      {"nice", "3"},
      {"oom_score_adj", "3"},
      {"no_new_privs", "false"},
      {"log", R"({"keep": 1})"},
      {"mailbox", R"({"messages": 7})"},
      {"balance", R"("round_robin")"},
      {"may_send", "[]"},
      {"may_subscribe", "[]"},
      {"max_deliveries", "3"},
      {"drain_timeout", R"("1s")"},
      {"flatten_timeout", R"("1s")"},
      {"on_hang", R"("restart")"},
      {"update", R"({"batch": 2})"},
      {"settings", R"({"a": 1})"},
  };
  return result;
}

std::uint64_t fingerprint_of(const json& settings, const std::string& root = "/fleet") {
  auto source = make_tree({{"a.json", settings.dump()},
                           {"b.json", R"({"command": ["x"]})"},
                           {"mixins/m.json", R"({"description": "x"})"}});
  source.root = root;
  return first(must_load(source), "a").fingerprint;
}

json with(const std::string& key, const json& value) {
  json settings{{"command", {"x"}}};
  settings[key] = value;
  return settings;
}

} // namespace

BOOST_AUTO_TEST_SUITE(fingerprints)

BOOST_AUTO_TEST_CASE(change_with_the_keys_that_need_a_new_process_and_no_others) {
  const auto before = fingerprint_of({{"command", {"x"}}});
  std::set<std::uint64_t> seen{before};
  for (const auto& [key, property] : plain_schema(schema_kind::bot)["properties"].items()) {
    const auto sample = samples().find(key);
    BOOST_REQUIRE_MESSAGE(sample != samples().end(), "no sample of " << key);
    const auto after = fingerprint_of(with(key, json::parse(sample->second)));
    const bool needs_process = property.value("x-change", "") == "restart";
    BOOST_TEST((after != before) == needs_process, key);
    if (needs_process)
      BOOST_TEST(seen.insert(after).second, key << ": as another key");
  }
}

BOOST_AUTO_TEST_CASE(what_is_built_in_does_not_count) {
  const auto before = fingerprint_of({{"command", {"x"}}});
  for (const auto& [key, value] : built_in_settings().items())
    if (key != "command")
      BOOST_TEST(fingerprint_of(with(key, value)) == before, key);
  BOOST_TEST(fingerprint_of(with("nice", nullptr)) == before);
}

BOOST_AUTO_TEST_CASE(it_is_the_resolved_path_that_counts) {
  const auto before = fingerprint_of({{"command", {"x"}}});
  BOOST_TEST(fingerprint_of(with("directory", "/fleet")) == before);
  BOOST_TEST(fingerprint_of(with("directory", ".")) == before);
  BOOST_TEST(fingerprint_of({{"command", {"x"}}}, "/elsewhere") != before);
  BOOST_TEST(fingerprint_of(with("environment_file", "./e"))
             == fingerprint_of(with("environment_file", "/fleet/e")));
}

// Each line is one key; in it each word means something else, and its spellings do not.
BOOST_AUTO_TEST_CASE(it_is_the_meaning_that_counts) {
  const std::map<std::string, std::vector<std::vector<const char*>>> spellings{
      {"umask", {{"null", R"("22")", R"("022")", R"("0022")"}, {R"("77")", R"("077")"}}},
      {"user", {{"null"}, {"1000", R"("1000")"}, {R"("nobody")"}}},
      {"group", {{"null"}, {"7", R"("7")"}}},
      {"watchdog",
       {{"null", "0", R"("0")", R"("0s")", R"("0ms")"}, {R"("60s")", R"("1m")", R"("60000ms")"}}},
      {"environment", {{"null", "{}"}, {R"({"A":"1","B":""})", R"({"B":"","A":"1"})"}}},
      {"pass_environment", {{"null", "[]"}, {R"(["A"])"}}},
      {"no_new_privs", {{"null", "true"}, {"false"}}},
      {"nice", {{"null"}, {"0"}, {"-3"}}},
      {"oom_score_adj", {{"null"}, {"0"}, {"3"}}},
      {"directory", {{"null", R"(".")", R"("/fleet")"}, {R"("x")", R"("./x")", R"("/fleet/x")"}}},
      {"environment_file", {{"null"}, {R"("e")", R"("/fleet/e")"}}},
  };
  std::map<bot_spec_ptr, std::uint64_t> seen;
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::minstd_rand random{seed};
    json settings{{"command", {"x"}}};
    for (const auto& [key, meanings] : spellings) {
      const auto& words = meanings[random() % 3 == 0 ? random() % meanings.size() : 0];
      if (const auto* word = words[random() % words.size()]; random() % 4 != 0)
        settings[key] = json::parse(word);
    }
    auto source = make_tree({{"a.json", settings.dump()}});
    source.root = "/fleet";
    auto spec = std::make_shared<bot_spec>(first(must_load(source), "a"));
    const auto number = std::exchange(spec->fingerprint, 0);
    for (const auto& [other, its] : seen)
      BOOST_REQUIRE_MESSAGE((*other == *spec) == (its == number), settings);
    seen.emplace(std::move(spec), number);
  }
}

// Kept by the store and by keepers over updates of Troupe: it must never come out differently.
BOOST_AUTO_TEST_CASE(is_the_same_in_every_version) {
  BOOST_TEST(fingerprint_of({{"command", {"x"}}}) == 5606726752909614610ull);
  BOOST_TEST(fingerprint_of({{"command", {"x", "y"}}, {"nice", -3}, {"environment", {{"A", "é"}}}})
             == 11663105009916473178ull);
}

BOOST_AUTO_TEST_CASE(instances_have_their_own) {
  const auto spec = must_load(make_tree({{"a.json", R"({"command": ["x"], "replicas": 3,
      "instances": {"1": {"nice": 1}, "2": {"description": "x"}}})"}}));
  const auto& instances = spec->bots.at("a")->instances;
  BOOST_TEST(instances[0]->fingerprint != instances[1]->fingerprint);
  BOOST_TEST(instances[0]->fingerprint == instances[2]->fingerprint);
}

BOOST_AUTO_TEST_SUITE_END()
