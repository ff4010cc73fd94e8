#include "test/unit/config/fixture.hpp"

using namespace troupe::config;
using namespace troupe::config::test;

BOOST_AUTO_TEST_SUITE(rendering)

BOOST_AUTO_TEST_CASE(place_excerpt_expectation_and_hint) {
  auto source =
      make_tree({{"market/feed.json", "{\n\t\"command\": [\"x\"],\n\t\"restrat\": 1\n}"}});
  auto what = only_error(source);
  BOOST_TEST(render(what, &source, false)
             == R"(market/feed.json:3:2: error: "restrat" is no key of a bot
    3 |  "restrat": 1
      |  ^~~~~~~~~
  hint: did you mean "restart"?
)");
  BOOST_TEST(render(what, nullptr, false)
             == R"(market/feed.json:3:2: error: "restrat" is no key of a bot
  hint: did you mean "restart"?
)");
  auto coloured = render(what, &source, true);
  BOOST_TEST(contains(coloured, "\x1b[1;31merror: \x1b[0m"));
  what.level = severity::warning;
  BOOST_TEST(contains(render(what, nullptr, false), "warning: "));
}

BOOST_AUTO_TEST_CASE(the_caret_stands_under_the_character) {
  auto source =
      make_tree({{"a.json", R"({"description": "äöü €", "nice": 99, "command": ["x"]})"}});
  auto text = render(only_error(source), &source, false);
  BOOST_TEST(contains(text, std::string("      | ") + std::string(33, ' ') + "^~\n"), text);
}

BOOST_AUTO_TEST_CASE(long_lines_are_cut_around_the_place) {
  std::string padding(5000, 'x');
  auto source =
      make_tree({{"a.json", R"({"description": ")" + padding + R"(", "nice": 99, "labels": {"a": ")"
                                + std::string(200, 'y') + R"("}, "command": ["x"]})"}});
  auto text = render(only_error(source), &source, false);
  BOOST_TEST(text.size() < 500u);
  BOOST_TEST(contains(text, "\"nice\": 99"), text);
}

BOOST_AUTO_TEST_CASE(control_characters_never_reach_the_terminal) {
  auto source =
      make_tree({{"a.json", "{\"command\": [\"x\"], \"\\u001b[31m\xc2\x9b\": 1, // \x1b[2J\n}"}});
  for (const auto& what : load(source, no_environment()).errors) {
    auto text = render(what, &source, false);
    BOOST_TEST(!contains(text, "\x1b"), text);
    BOOST_TEST(!contains(text, "\xc2\x9b"), text);
  }
  auto named = file_problem("a\x1b[2J\nb", "m");
  BOOST_TEST(!contains(render(named, nullptr, false), "\x1b"));
}

BOOST_AUTO_TEST_CASE(what_is_hidden_is_shown) {
  auto text = render(file_problem("a\x9b"
                                  "31m\u202eb.json",
                                  "\u2066m"),
                     nullptr, false);
  BOOST_TEST(text == "a\\x9b31m\\u202eb.json: error: \\u2066m\n");
  auto source = make_tree({{"a.json", "{\"command\": [\"x\"], \"\u202e\": 1}"}});
  text = render(only_error(source), &source, false);
  BOOST_TEST(!contains(text, "\u202e"), text);
  // The caret is as wide as what is shown.
  BOOST_TEST(contains(text, "^~~~~~~~\n"), text);
}

BOOST_AUTO_TEST_CASE(json_has_the_documented_keys) {
  auto source = make_tree({{"a.json", R"({"command": ["x"], "nice": 99})"}});
  auto json = to_json(only_error(source));
  BOOST_TEST(json["file"] == "a.json");
  BOOST_TEST(json["line"] == 1);
  BOOST_TEST(json["column"] == 28);
  BOOST_TEST(json["pointer"] == "/nice");
  BOOST_TEST(json["level"] == "error");
  BOOST_TEST(json.size() == 8u);
  for (const auto* key : {"message", "expected", "hint"})
    BOOST_TEST(json[key].is_string());
}

BOOST_AUTO_TEST_SUITE_END()
