#include "config/key_reference.hpp"
#include "test/unit/config/fixture.hpp"

using namespace troupe::config;
using troupe::config::test::contains;

BOOST_AUTO_TEST_SUITE(keys)

BOOST_AUTO_TEST_CASE(a_path_names_a_key_and_what_is_in_it) {
  const auto limits = config_keys("limits");
  // Of a bot, and of the runtime.
  BOOST_TEST(std::count_if(limits.begin(), limits.end(),
                           [](const auto& key) { return key.pointer == "/limits"; })
             == 2);
  for (const auto& key : limits)
    BOOST_TEST(key.pointer.starts_with("/limits"));
  const auto one = config_keys("/delay/initial");
  BOOST_REQUIRE(one.size() == 1u);
  BOOST_TEST((one[0].file == schema_kind::bot));
  BOOST_TEST(one[0].type == "duration");
  BOOST_TEST(one[0].otherwise == "500ms");
  BOOST_TEST(one[0].since == "0.1");
  BOOST_TEST(one[0].change == "now"); // as «delay»
  BOOST_TEST(one[0].pointer == config_keys("delay.initial")[0].pointer);
}

BOOST_AUTO_TEST_CASE(words_to_choose_from_are_listed) {
  const std::vector<std::string> wanted{"rollback", "stop"};
  const auto key = config_keys("update.on_failure");
  BOOST_REQUIRE(key.size() == 1u);
  BOOST_TEST(key[0].choices == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_key_of_ones_own_name_stands_for_any) {
  BOOST_TEST(config_keys("depends_on.feed.until").size() == 1u);
}

BOOST_AUTO_TEST_CASE(every_key_is_complete) {
  const auto all = config_keys();
  BOOST_TEST(all.size() > 100u);
  for (const auto& key : all) {
    BOOST_TEST(!key.type.empty(), key.pointer);
    BOOST_TEST(!key.since.empty(), key.pointer);
    BOOST_TEST(!key.description.empty(), key.pointer);
    BOOST_TEST(!contains(key.pointer, "$schema"));
  }
}

BOOST_AUTO_TEST_CASE(a_path_of_no_key_has_a_hint) {
  BOOST_TEST(config_keys("limit").empty());
  BOOST_TEST(contains(config_key_hint("limit"), "\"limits\""));
  BOOST_TEST(contains(config_key_hint("memory_high"), "\"limits.memory_high\""));
  BOOST_TEST(config_key_hint("qqqqqqqqqqqq").empty());
}

BOOST_AUTO_TEST_SUITE_END()
