// What operators set above the tree.
#include "config/overrides.hpp"
#include "test/unit/config/fixture.hpp"

using namespace troupe::config;
using namespace troupe::config::test;

namespace {

tree source() {
  return make_tree({{"m/group.json", R"({"defaults": {"nice": 1}})"},
                    {"m/a.json", R"({"command": ["x"], "replicas": 3, "labels": {"k": "v"},
                                     "instances": {"1": {"nice": 4}}})"},
                    {"m/b.json", R"({"command": ["x"]})"},
                    {"mixins/x.json", R"({"umask": "001"})"}});
}

load_options with(std::string patch) {
  auto options = no_environment();
  options.overrides = {{"m/a", std::move(patch)}};
  return options;
}

problem refused(const std::string& patch) {
  const auto result = load(source(), with(patch));
  BOOST_TEST(!result.spec, patch);
  BOOST_REQUIRE_MESSAGE(result.errors.size() == 1, patch << ": " << all(result.errors));
  const auto& what = result.errors.front();
  BOOST_TEST(what.file == "override of m/a");
  BOOST_TEST(what.line == 0u);
  BOOST_TEST(contains(render(what, nullptr, false), "override of m/a: error: "));
  return what;
}

} // namespace

BOOST_AUTO_TEST_SUITE(overrides)

BOOST_AUTO_TEST_CASE(may_set_any_key_of_a_bot) {
  const auto spec = must_load(
      source(), with(R"({"nice": 7, "labels": {"l": "w"}, "extends": "x", "depends_on": ["b"]})"));
  const auto& bot = first(spec, "m/a");
  BOOST_TEST(*bot.nice == 7);
  BOOST_TEST(bot.labels.size() == 2u);
  BOOST_TEST(bot.umask == 1u);
  BOOST_TEST(bot.depends_on.at(0).target == "m/b");
  BOOST_TEST(!spec->bots.at("m/a")->scaled);
  // Above what the tree says of one instance, too.
  BOOST_TEST(*spec->bots.at("m/a")->instances[1]->nice == 7);
}

BOOST_AUTO_TEST_CASE(may_speak_of_one_instance) {
  const auto spec = must_load(source(), with(R"({"instances": {"2": {"nice": 9}}})"));
  const auto& instances = spec->bots.at("m/a")->instances;
  BOOST_TEST(*instances[0]->nice == 1);
  BOOST_TEST(*instances[1]->nice == 4);
  BOOST_TEST(*instances[2]->nice == 9);
  // Null takes the tree's own away.
  for (const auto* patch : {R"({"instances": {"1": null}})", R"({"instances": null})"})
    BOOST_TEST(*must_load(source(), with(patch))->bots.at("m/a")->instances[1]->nice == 1);
}

BOOST_AUTO_TEST_CASE(null_takes_away_what_the_tree_says) {
  const auto bot = must_load(source(), with(R"({"nice": null, "labels": null, "replicas": null})"))
                       ->bots.at("m/a");
  BOOST_TEST(bot->instances.size() == 1u);
  BOOST_TEST(bot->written_replicas == 3u);
  BOOST_TEST(bot->scaled);
  BOOST_TEST(!bot->instances[0]->nice);
  BOOST_TEST(bot->instances[0]->labels.empty());
}

BOOST_AUTO_TEST_CASE(are_checked_like_a_file) {
  BOOST_TEST(contains(refused(R"({"nice": 99})").message, "too large"));
  BOOST_TEST(contains(refused(R"({"nicee": 9})").hint, "\"nice\""));
  BOOST_TEST(contains(refused(R"({"stop_timeout": "5 s"})").hint, "blank"));
  BOOST_TEST(contains(refused(R"({"replicas": 0})").message, "too small"));
  BOOST_TEST(contains(refused(R"({"extends": "y"})").message, "no mixin"));
  BOOST_TEST(contains(refused(R"({"depends_on": ["c"]})").message, "no bot \"m/c\""));
  BOOST_TEST(contains(refused(R"({"may_send": ["m/c"]})").message, "no bot"));
  BOOST_TEST(contains(refused(R"({"instances": {"1": {"replicas": 2}}})").message, "single"));
  BOOST_TEST(contains(refused(R"({"instances": {"x": {}}})").message, "no index"));
  BOOST_TEST(contains(refused(R"({"delay": {"initial": "1h"}})").message, "longer than"));
  BOOST_TEST(contains(refused(R"({"command": null})").message, "command"));
  refused("[1]");
  refused("{");
  refused(R"({"nice": 1, "nice": 2})");
  refused("{\"description\": \"\xff\"}");
}

BOOST_AUTO_TEST_CASE(a_relative_path_counts_as_in_the_bots_file) {
  BOOST_TEST(first(must_load(source(), with(R"({"directory": "work"})")), "m/a").directory
             == "/fleet/m/work");
}

BOOST_AUTO_TEST_CASE(of_no_bot_or_empty_are_ignored) {
  auto options = no_environment();
  options.overrides = {{"gone", R"({"nice": 99})"}, {"m/b", ""}};
  BOOST_TEST(*first(must_load(source(), options), "m/b").nice == 1);
}

BOOST_AUTO_TEST_CASE(are_explained_without_a_place) {
  const auto tree = source();
  const auto result = load(tree, with(R"({"nice": 7})"));
  const auto found = result.origins->explain("m/a#1", "/nice");
  BOOST_REQUIRE(found);
  const auto& leaf = found->front();
  BOOST_CHECK(leaf.where == scope::operator_override);
  BOOST_TEST(leaf.file == "");
  BOOST_REQUIRE(leaf.overrides.size() == 2u);
  BOOST_TEST(leaf.overrides[0].value == 4);
  BOOST_TEST(leaf.overrides[1].file == "m/group.json");
}

BOOST_AUTO_TEST_SUITE_END()
