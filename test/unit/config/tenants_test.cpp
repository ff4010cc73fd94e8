#include "test/unit/config/fixture.hpp"

using namespace troupe::config;
using namespace troupe::config::test;

namespace {

const std::vector<file>& files() {
  static const std::vector<file> result{
      {"tenants/acme.json",
       R"({"defaults": {"nice": 1, "user": "acme"}, "bots": {"m/a": {"replicas": 3}}})"},
      {"tenants/other.json", R"({"defaults": {"nice": 2}})"},
      {"b.json", R"({"command": ["x"]})"},
      {"m/group.json", R"({"tenant": "acme"})"},
      {"m/a.json", R"({"command": ["x"], "replicas": 2})"},
      {"m/in/c.json", R"({"command": ["x"]})"},
      {"m/own/group.json", R"({"tenant": "other"})"},
      {"m/own/d.json", R"({"command": ["x"]})"},
      {"m/none/group.json", R"({"tenant": null})"},
      {"m/none/e.json", R"({"command": ["x"]})"}};
  return result;
}

} // namespace

BOOST_AUTO_TEST_SUITE(tenants)

BOOST_AUTO_TEST_CASE(the_nearest_one_above_a_bot_holds) {
  const auto spec = must_load(make_tree(files()));
  BOOST_TEST(!first(spec, "b").nice);
  BOOST_TEST(*first(spec, "m/a").nice == 1);
  BOOST_TEST(*first(spec, "m/a").user == "acme");
  BOOST_TEST(spec->bots.at("m/a")->instances.size() == 3u);
  BOOST_TEST(*first(spec, "m/in/c").nice == 1);
  BOOST_TEST(*first(spec, "m/own/d").nice == 2);
  BOOST_TEST(!first(spec, "m/own/d").user);
  BOOST_TEST(!first(spec, "m/none/e").nice);
}

BOOST_AUTO_TEST_CASE(a_group_knows_where_its_tenant_comes_from) {
  const auto source = make_tree(files());
  const auto result = load(source, no_environment());
  const auto tenant = result.origins->explain("m/in/", "/tenant");
  BOOST_REQUIRE(tenant);
  BOOST_TEST(tenant->front().value == "acme");
  BOOST_TEST(tenant->front().file == "m/group.json");
  BOOST_TEST(tenant->front().column == 12u);
  const auto none = result.origins->explain("m/none/", "/tenant");
  BOOST_REQUIRE(none);
  BOOST_TEST(none->front().value == nullptr);
  BOOST_TEST(none->front().file == "m/none/group.json");
  BOOST_TEST(none->front().overrides.front().value == "acme");
  BOOST_TEST(!result.origins->explain("m/nothing/"));
  BOOST_TEST(result.origins->explain("/", "/intensity/count")->front().value == 5);
}

BOOST_AUTO_TEST_CASE(an_unknown_one_is_an_error_at_its_place) {
  auto broken = files();
  broken[3].second = "{\n \"tenant\": \"acm\"}";
  const auto what = only_error(make_tree(broken));
  BOOST_TEST(what.file == "m/group.json");
  BOOST_TEST(what.line == 2u);
  BOOST_TEST(what.column == 12u);
  BOOST_TEST(contains(what.hint, "\"acme\""));
}

BOOST_AUTO_TEST_CASE(its_bots_must_exist_and_should_be_its_own) {
  auto broken = files();
  broken[0].second = R"({"bots": {"m/aa": {}}})";
  BOOST_TEST(contains(only_error(make_tree(broken)).hint, "\"m/a\""));
  broken[0].second = R"({"bots": {"b": {"nice": 5}}})";
  const auto result = load(make_tree(broken), no_environment());
  BOOST_REQUIRE(result.spec);
  BOOST_REQUIRE(result.warnings.size() == 1u);
  BOOST_TEST(contains(result.warnings[0].message, "these settings are not used"));
  BOOST_TEST(!first(result.spec, "b").nice);
}

BOOST_AUTO_TEST_CASE(mistakes_are_found_in_all_of_them) {
  auto broken = files();
  broken.push_back({"tenants/unused.json", R"({"defaults": {"nice": 99}, "bot": {}})"});
  BOOST_TEST(load(make_tree(broken), no_environment()).errors.size() == 2u);
  broken.back() = {"tenants/Bad.json", "{}"};
  only_error(make_tree(broken));
}

BOOST_AUTO_TEST_SUITE_END()
