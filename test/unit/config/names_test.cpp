#include "config/names.hpp"
#include "test/unit/config/fixture.hpp"

using namespace troupe::config;
using troupe::config::test::contains;

BOOST_AUTO_TEST_SUITE(names)

BOOST_AUTO_TEST_CASE(rule) {
  for (const std::string& name :
       std::vector<std::string>{"a", "0", "feed", "a.b_c-d", "x9", std::string(64, 'a')})
    BOOST_TEST(valid_name(name), name);
  for (const std::string& name :
       std::vector<std::string>{"", "A", "Feed", ".a", "-a", "_a", "a b", "a/b", "a#0", "a;b", "ä",
                                "a\nb", "..", "a*", "%s", std::string(65, 'a')})
    BOOST_TEST(!valid_name(name), name);
}

BOOST_AUTO_TEST_CASE(suggestions_are_names) {
  BOOST_TEST(suggest_name("Feed 1") == "feed-1");
  BOOST_TEST(suggest_name("_x") == "x");
  BOOST_TEST(suggest_name("***").empty());
  BOOST_TEST(suggest_name(std::string(100, 'A')) == std::string(64, 'a'));
}

BOOST_AUTO_TEST_CASE(parts) {
  BOOST_TEST(join_name("", "a") == "a");
  BOOST_TEST(join_name("a/b", "c") == "a/b/c");
  BOOST_TEST(parent_name("a/b/c") == "a/b");
  BOOST_TEST(parent_name("a") == "");
  BOOST_TEST(leaf_name("a/b/c") == "c");
  BOOST_TEST(leaf_name("a") == "a");
}

BOOST_AUTO_TEST_CASE(instances) {
  BOOST_CHECK((split_instance("market/trader#2") == instance_name{"market/trader", 2}));
  BOOST_CHECK((split_instance("flaky#0") == instance_name{"flaky", 0}));
  BOOST_CHECK((split_instance("a/b") == instance_name{"a/b", std::nullopt}));
  for (std::string text : {"", "#1", "a#", "a#x", "a#01", "a#-1", "a#1 ", "a#4294967296", "a//b",
                           "/a", "a/", "A#1", "a#1#2"})
    BOOST_TEST(!split_instance(text), text);
  BOOST_TEST(join_instance("market/trader", 2) == "market/trader#2");
}

BOOST_AUTO_TEST_CASE(globs) {
  const std::vector<std::tuple<std::string, std::string, bool>> table{
      {"market/*", "market/feed", true},
      {"market/*", "market/a/b", false},
      {"market/**", "market/a/b", true},
      {"*", "feed", true},
      {"*", "market/feed", false},
      {"**", "market/feed#0", true},
      {"m?rket/f*d", "market/feed", true},
      {"?", "/", false},
      {"*/feed", "market/feed", true},
      {"", "", true},
      {"", "a", false},
      {"a", "", false},
      {"**d", "market/feed", true},
      {"feed", "feeds", false},
      {"*a*b*", "xxaxxbxx", true},
      {"a**", "a", true}};
  for (const auto& [pattern, text, wanted] : table)
    BOOST_TEST(glob_match(pattern, text) == wanted, pattern << " on " << text);
  BOOST_TEST(is_glob("a*"));
  BOOST_TEST(!is_glob("market/feed#0"));
}

BOOST_AUTO_TEST_CASE(many_stars_are_not_slow) {
  std::string pattern;
  for (int star = 0; star < 200; ++star)
    pattern += "*a";
  BOOST_TEST(!glob_match(pattern + "b", std::string(2000, 'a')));
}

BOOST_AUTO_TEST_CASE(distances) {
  BOOST_TEST(edit_distance("restart", "restrat") == 1u); // a swap is one
  BOOST_TEST(edit_distance("", "abc") == 3u);
  BOOST_TEST(edit_distance("abc", "abc") == 0u);
  BOOST_TEST(edit_distance("kitten", "sitting") == 3u);
}

BOOST_AUTO_TEST_CASE(nearest_word) {
  const std::vector<std::string> words{"restart", "replicas", "ready", "nice"};
  BOOST_TEST(nearest("restrat", words) == "restart");
  BOOST_TEST(nearest("replica", words) == "replicas");
  BOOST_TEST(nearest("ncie", words) == "nice");
  BOOST_TEST(nearest("zzzzzz", words).empty());
  BOOST_TEST(nearest("", words).empty());
  BOOST_TEST(nearest(std::string(1000, 'r'), words).empty());
  BOOST_TEST(did_you_mean("restrat", words) == "did you mean \"restart\"?");
  BOOST_TEST(did_you_mean("zzzzzz", words).empty());
}

BOOST_AUTO_TEST_CASE(quotes_are_bounded) {
  BOOST_TEST(in_quotes("a") == "\"a\"");
  std::string umlauts;
  for (int i = 0; i < 100; ++i)
    umlauts += "ä";
  auto text = in_quotes(umlauts);
  BOOST_TEST(text.size() < 80u);
  BOOST_TEST(contains(text, "ä…\""));
}

BOOST_AUTO_TEST_SUITE_END()
