#include "test/unit/config/fixture.hpp"

using namespace troupe::config;
using namespace troupe::config::test;
using namespace std::chrono_literals;

namespace {

const std::vector<file>& files() {
  static const std::vector<file> result{
      {"group.json", R"({"defaults": {"nice": 1, "stop_timeout": "1s", "umask": "077"}})"},
      {"m/group.json", R"({"defaults": {"stop_timeout": "3s"}})"},
      {"m/a.json", R"({"command": ["x"], "replicas": 2, "instances": {"1": {"nice": 9}}})"},
      {"b.json", R"({"command": ["x"]})"},
      {"profiles/prod.json",
       R"({"defaults": {"nice": 2, "stop_timeout": "2s", "directory": "work"},
           "bots": {"m/a": {"replicas": 3, "instances": {"1": {"umask": "000"}, "2": {"nice": 8}}}}})"},
      {"profiles/dev.json", "{}"}};
  return result;
}

} // namespace

BOOST_AUTO_TEST_SUITE(profiles)

BOOST_AUTO_TEST_CASE(without_a_profile_it_has_no_effect) {
  auto spec = must_load(make_tree(files()));
  BOOST_TEST(*first(spec, "b").nice == 1);
  BOOST_TEST(spec->bots.at("m/a")->instances.size() == 2u);
}

BOOST_AUTO_TEST_CASE(its_defaults_stand_between_the_root_and_the_groups) {
  auto spec = must_load(make_tree(files(), "prod"));
  BOOST_TEST(*first(spec, "b").nice == 2);
  BOOST_CHECK(first(spec, "b").stop_timeout == 2s);
  BOOST_TEST(first(spec, "b").umask == 077u);
  BOOST_CHECK(first(spec, "m/a").stop_timeout == 3s);
}

BOOST_AUTO_TEST_CASE(its_bots_stand_above_the_bots_own_files) {
  auto spec = must_load(make_tree(files(), "prod"));
  const auto& instances = spec->bots.at("m/a")->instances;
  BOOST_REQUIRE(instances.size() == 3u);
  BOOST_TEST(*instances[0]->nice == 2);
  BOOST_TEST(*instances[1]->nice == 9);  // of the file
  BOOST_TEST(instances[1]->umask == 0u); // of the profile
  BOOST_TEST(*instances[2]->nice == 8);
}

BOOST_AUTO_TEST_CASE(its_paths_count_from_the_root) {
  BOOST_TEST(first(must_load(make_tree(files(), "prod")), "b").directory == "/fleet/work");
}

BOOST_AUTO_TEST_CASE(one_that_is_not_there_is_an_error_with_a_hint) {
  auto what = only_error(make_tree(files(), "prd"));
  BOOST_TEST(contains(what.message, "\"prd\""));
  BOOST_TEST(contains(what.hint, "\"prod\""));
  only_error(make_tree(files(), "../../etc/passwd"));
}

BOOST_AUTO_TEST_CASE(mistakes_in_one_that_is_not_chosen_are_found_too) {
  auto broken = files();
  broken.back().second = R"({"defaults": {"nice": 99}})";
  auto what = only_error(make_tree(broken, "prod"));
  BOOST_TEST(what.file == "profiles/dev.json");
}

BOOST_AUTO_TEST_SUITE_END()
