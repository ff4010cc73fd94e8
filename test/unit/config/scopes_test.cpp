// The order of the scopes, and that each says what it set.
#include "test/unit/config/fixture.hpp"

using namespace troupe::config;
using namespace troupe::config::test;

namespace {

struct spoken {
  scope where;
  file text; ///< sets `description` to its path
};

/// Weakest first; each file says one thing, so that it can be left out.
std::vector<spoken> scopes() {
  return {
      {scope::root, {"group.json", R"({"defaults": {"description": "1"}})"}},
      {scope::profile, {"profiles/p.json", R"({"defaults": {"description": "2"}})"}},
      {scope::tenant, {"tenants/t.json", R"({"defaults": {"description": "3"}})"}},
      {scope::group, {"m/group.json", R"({"tenant": "t", "defaults": {"description": "4"}})"}},
      {scope::group, {"m/n/group.json", R"({"defaults": {"description": "5"}})"}},
      {scope::mixin, {"mixins/below.json", R"({"description": "6"})"}},
      {scope::mixin, {"mixins/x.json", R"({"extends": "below", "description": "7"})"}},
      {scope::mixin, {"mixins/y.json", R"({"description": "8"})"}},
      {scope::bot,
       {"m/n/a.json", R"({"command": ["x"], "extends": ["x", "y"], "description": "9"})"}},
  };
}

} // namespace

BOOST_AUTO_TEST_SUITE(scopes_of_a_bot)

BOOST_AUTO_TEST_CASE(stand_in_one_order) {
  auto all = scopes();
  const std::map<std::string, std::string> silent{
      {"m/group.json", R"({"tenant": "t"})"},
      {"mixins/x.json", R"({"extends": "below"})"},
      {"m/n/a.json", R"({"command": ["x"], "extends": ["x", "y"]})"}};
  for (auto strongest = all.size(); strongest-- > 0;) {
    std::vector<file> files;
    for (std::size_t at = 0; at < all.size(); ++at)
      files.push_back(all[at].text);
    auto source = make_tree(files, "p");
    auto result = load(source, no_environment());
    BOOST_REQUIRE_MESSAGE(result.spec, test::all(result.errors));
    BOOST_TEST(first(result.spec, "m/n/a").description == std::to_string(strongest + 1));
    const auto found = result.origins->explain("m/n/a", "/description");
    BOOST_REQUIRE(found);
    BOOST_REQUIRE(found->size() == 1u);
    const auto& leaf = found->front();
    BOOST_TEST(to_string(leaf.where) == to_string(all[strongest].where));
    BOOST_TEST(leaf.file == all[strongest].text.first);
    // And all that it overrides, strongest first, the built-in one last.
    BOOST_REQUIRE(leaf.overrides.size() == strongest + 1);
    for (std::size_t at = 0; at < strongest; ++at)
      BOOST_TEST(leaf.overrides[at].file == all[strongest - 1 - at].text.first);
    BOOST_TEST((leaf.overrides.back().where == scope::built_in));
    BOOST_TEST(leaf.overrides.back().value == "");
    // From now on the strongest is silent.
    auto& text = all[strongest].text;
    const auto quiet = silent.find(text.first);
    text.second = quiet == silent.end() ? "{}" : quiet->second;
  }
}

BOOST_AUTO_TEST_CASE(above_the_bot_stand_profile_tenant_instance_and_operator) {
  std::vector<file> files{
      {"group.json", R"({"tenant": "t"})"},
      {"a.json", R"({"command": ["x"], "nice": 1, "instances": {"0": {"nice": 4}}})"},
      {"profiles/p.json", R"({"bots": {"a": {"nice": 2, "instances": {"0": {"nice": 5}}}}})"},
      {"tenants/t.json", R"({"bots": {"a": {"nice": 3, "instances": {"0": {"nice": 6}}}}})"}};
  auto options = no_environment();
  auto nice = [&] { return *first(must_load(make_tree(files, "p"), options), "a").nice; };
  options.overrides = {{"a", R"({"nice": 7, "instances": {"0": {"nice": 8}}})"}};
  BOOST_TEST(nice() == 8);
  options.overrides = {{"a", R"({"nice": 7})"}};
  BOOST_TEST(nice() == 7);
  options.overrides.clear();
  BOOST_TEST(nice() == 6);
  files[3].second = R"({"bots": {"a": {"nice": 3}}})";
  BOOST_TEST(nice() == 5);
  files[2].second = R"({"bots": {"a": {"nice": 2}}})";
  BOOST_TEST(nice() == 4);
  files[1].second = R"({"command": ["x"], "nice": 1})";
  BOOST_TEST(nice() == 3);
  files[3].second = "{}";
  BOOST_TEST(nice() == 2);
}

BOOST_AUTO_TEST_CASE(a_null_takes_away_what_is_weaker) {
  const std::vector<file> files{
      {"group.json", R"({"defaults": {"nice": 1, "limits": {"memory": "1MiB", "tasks": 3}}})"},
      {"mixins/m.json", R"({"nice": null})"},
      {"a.json", R"({"command": ["x"], "extends": "m", "limits": {"memory": null}})"}};
  const auto bot = first(must_load(make_tree(files)), "a");
  BOOST_TEST(!bot.nice);
  BOOST_TEST(!bot.limits.memory);
  BOOST_TEST(*bot.limits.tasks == 3u);
}

BOOST_AUTO_TEST_CASE(a_null_takes_away_what_weaker_files_say_of_an_instance) {
  for (const auto* instances : {"null", R"({"1": null})"}) {
    std::vector<file> files{
        {"a.json", R"({"command": ["x"], "replicas": 2, "instances": {"1": {"nice": 4}}})"},
        {"profiles/p.json", R"({"bots": {"a": {"instances": )" + std::string{instances} + "}}}"}};
    BOOST_TEST(!must_load(make_tree(files, "p"))->bots.at("a")->instances[1]->nice);
  }
}

BOOST_AUTO_TEST_CASE(relative_paths_of_shared_files_count_from_the_root) {
  const std::vector<file> files{
      {"m/group.json", R"({"tenant": "t"})"},
      {"mixins/x.json", R"({"directory": "work"})"},
      {"tenants/t.json", R"({"defaults": {"environment_file": "./env"}})"},
      {"m/a.json", R"({"command": ["x"], "extends": "x"})"}};
  const auto bot = first(must_load(make_tree(files)), "m/a");
  BOOST_TEST(bot.directory == "/fleet/work");
  BOOST_TEST(*bot.environment_file == "/fleet/env");
}

BOOST_AUTO_TEST_CASE(every_file_may_name_its_schema) {
  const std::string with = R"({"$schema": "/usr/share/troupe/schema/x.json")";
  const std::vector<file> files{{"group.json", with + R"(, "tenant": "t"})"},
                                {"runtime.json", with + "}"},
                                {"profiles/p.json", with + "}"},
                                {"tenants/t.json", with + "}"},
                                {"mixins/x.json", with + "}"},
                                {"a.json", with + R"(, "command": ["x"], "extends": "x"})"}};
  const auto source = make_tree(files, "p");
  const auto result = load(source, no_environment());
  BOOST_REQUIRE_MESSAGE(result.spec, all(result.errors));
  BOOST_TEST(result.warnings.empty());
  for (const auto* subject : {"a", "/"})
    for (const auto& leaf : *result.origins->explain(subject))
      BOOST_TEST(leaf.pointer != "/$schema");
  BOOST_TEST(!result.origins->settings("a", true).contains("$schema"));
}

BOOST_AUTO_TEST_CASE(how_updates_go) {
  const auto update = [](const std::string& text) {
    return first(
               must_load(make_tree({{"a.json", R"({"command": ["x"], "update": )" + text + "}"}})),
               "a")
        .update;
  };
  using namespace std::chrono_literals;
  BOOST_CHECK(update("{}") == update_spec{});
  const auto all = update(R"({"batch": "25%", "pause": "5s", "ready_within": "1m",
                              "on_failure": "stop"})");
  BOOST_TEST(all.batch.percent == 25u);
  BOOST_TEST(all.batch.count == 0u);
  BOOST_CHECK(all.pause == 5s && all.ready_within == 60s);
  BOOST_CHECK(all.on_failure == update_spec::failure::stop);
  BOOST_TEST(update(R"({"batch": 3})").batch.count == 3u);
  BOOST_TEST(must_load(make_tree({{"a.json", R"({"command": ["x"]})"},
                                  {"runtime.json", R"({"auto_apply": true})"}}))
                 ->runtime.auto_apply);
}

BOOST_AUTO_TEST_SUITE_END()
