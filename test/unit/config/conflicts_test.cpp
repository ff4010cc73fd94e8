#include "config/conflicts.hpp"
#include "config/overrides.hpp"
#include "config/plan_json.hpp"
#include "test/unit/config/fixture.hpp"

#include <string>

namespace troupe::config::test {

namespace {

std::shared_ptr<const provenance> origins(const std::string& bot, const std::string& name = "a") {
  static std::vector<std::unique_ptr<tree>> kept;
  kept.push_back(std::make_unique<tree>(make_tree({{name + ".json", bot}})));
  auto result = load(*kept.back(), no_environment());
  BOOST_REQUIRE_MESSAGE(result.spec, all(result.errors, kept.back().get()));
  return result.origins;
}

std::vector<conflict> between(const std::string& base, const std::string& theirs,
                              const std::string& override_) {
  return find_conflicts({{"a", override_}}, *origins(base), *origins(theirs));
}

const std::string two = R"({"command": ["x"], "replicas": 2, "nice": 1})";

} // namespace

BOOST_AUTO_TEST_SUITE(conflicts)

BOOST_AUTO_TEST_CASE(the_same_value_changed_on_both_sides) {
  const auto found = find_conflicts(
      {{"a", R"({"replicas": 4})"}}, *origins(two),
      *origins(R"({"command": ["x"], "replicas": 3})"), [](const auto& bot, const auto& pointer) {
        return set_by{"uid 7 for " + bot + pointer, "2026-01-01T00:00:00Z"};
      });
  BOOST_REQUIRE(found.size() == 1u);
  BOOST_TEST(found[0].bot == "a");
  BOOST_TEST(found[0].pointer == "/replicas");
  BOOST_TEST(found[0].mine == 4);
  BOOST_TEST(found[0].theirs == 3);
  BOOST_TEST(found[0].before == 2);
  BOOST_TEST(found[0].set.who == "uid 7 for a/replicas");
  BOOST_TEST(to_json(found[0])["set_at"] == "2026-01-01T00:00:00Z");
}

BOOST_AUTO_TEST_CASE(what_does_not_conflict) {
  const auto override_ = R"({"replicas": 4})";
  BOOST_TEST(between(two, two, override_).empty());
  // Elsewhere, and to the same.
  BOOST_TEST(between(two, R"({"command": ["y"], "replicas": 2})", override_).empty());
  BOOST_TEST(between(two, R"({"command": ["x"], "replicas": 4})", override_).empty());
  // No such bot on one side.
  BOOST_TEST(find_conflicts({{"a", override_}}, *origins(two), *origins(two, "b")).empty());
  // Taken away by both.
  BOOST_TEST(between(two, R"({"command": ["x"], "replicas": 2})", R"({"nice": null})").empty());
}

BOOST_AUTO_TEST_CASE(what_is_taken_away_conflicts_too) {
  BOOST_TEST(between(two, R"({"command": ["x"]})", R"({"nice": 5})").size() == 1u);
  BOOST_TEST(between(two, R"({"command": ["x"], "nice": 3})", R"({"nice": null})").size() == 1u);
  const auto found =
      between(R"({"command": ["x"], "limits": {"memory": "1GiB"}})",
              R"({"command": ["x"], "limits": {"memory": "2GiB"}})", R"({"limits": null})");
  BOOST_REQUIRE(found.size() == 1u);
  BOOST_TEST(found[0].pointer == "/limits");
}

BOOST_AUTO_TEST_CASE(of_one_instance) {
  const auto found =
      between(R"({"command": ["x"], "replicas": 2, "instances": {"1": {"nice": 1}}})",
              R"({"command": ["x"], "replicas": 2, "instances": {"1": {"nice": 2}}})",
              R"({"instances": {"0": {"nice": 9}, "1": {"nice": 9}}})");
  BOOST_REQUIRE(found.size() == 1u);
  BOOST_TEST(found[0].pointer == "/instances/1/nice");
  BOOST_TEST(found[0].before == 1);
}

BOOST_AUTO_TEST_CASE(the_tree_wins) {
  const override_map mine{{"a", R"({"nice": 7, "replicas": 4})"}, {"b", R"({"nice": 1})"}};
  std::vector<conflict> lost(1);
  lost[0].bot = "a";
  lost[0].pointer = "/replicas";
  BOOST_TEST(without(mine, lost).at("a") == R"({"nice":7})");
  lost.push_back(lost[0]);
  lost[1].bot = "b";
  lost[1].pointer = "/nice";
  BOOST_TEST(without(mine, lost).size() == 1u);
}

BOOST_AUTO_TEST_CASE(all_overrides_with_what_is_below_them) {
  const auto found =
      list_overrides({{"a", R"({"nice": 7, "description": "d"})"}, {"gone", R"({"nice": 1})"}},
                     origins(two).get());
  BOOST_REQUIRE(found.size() == 3u);
  BOOST_TEST(!to_json(found[2]).contains("tree_value"));
  BOOST_TEST(found[1].pointer == "/nice");
  BOOST_TEST(to_json(found[1])["tree_value"] == 1);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace troupe::config::test
