// F02: mixins, those that extend others, and circles.
#include "test/unit/config/fixture.hpp"

#include <chrono>

using namespace troupe::config;
using namespace troupe::config::test;

namespace {

const file bot{"a.json", R"({"command": ["x"], "extends": ["m0"]})"};

std::vector<file> chain(int length) {
  std::vector<file> files{bot};
  for (int i = 0; i < length; ++i)
    files.push_back({"mixins/m" + std::to_string(i) + ".json",
                     i + 1 == length ? std::string{R"({"nice": 5})"}
                                     : R"({"extends": "m)" + std::to_string(i + 1) + "\"}"});
  return files;
}

} // namespace

BOOST_AUTO_TEST_SUITE(mixins)

BOOST_AUTO_TEST_CASE(a_circle_is_printed) {
  auto what = only_error(make_tree({bot,
                                    {"mixins/m0.json", R"({"extends": ["m1"]})"},
                                    {"mixins/m1.json", R"({"nice": 1, "extends": "m0"})"}}));
  BOOST_TEST(contains(what.message, "m0 -> m1 -> m0"), what.message);
  BOOST_TEST(what.file == "mixins/m0.json");
  BOOST_TEST(what.line == 1u);
  BOOST_TEST(what.column == 13u);
  BOOST_TEST(what.pointer == "/extends");
  what = only_error(make_tree({bot, {"mixins/m0.json", R"({"extends": "m0"})"}}));
  BOOST_TEST(contains(what.message, "m0 -> m0"));
  // One above the circle is no second error.
  what = only_error(make_tree({bot,
                               {"mixins/m0.json", R"({"extends": "m1"})"},
                               {"mixins/m1.json", R"({"extends": "m2"})"},
                               {"mixins/m2.json", R"({"extends": ["m1"]})"}}));
  BOOST_TEST(contains(what.message, "m1 -> m2 -> m1"));
}

BOOST_AUTO_TEST_CASE(up_to_32_in_a_row) {
  BOOST_TEST(*first(must_load(make_tree(chain(32))), "a").nice == 5);
  const auto what = only_error(make_tree(chain(33)));
  BOOST_TEST(contains(what.message, "more than 32 deep"));
  BOOST_TEST(what.file == "mixins/m0.json");
  BOOST_TEST(!load(make_tree(chain(1000)), no_environment()).spec);
}

BOOST_AUTO_TEST_CASE(each_brings_a_bounded_number_along) {
  std::vector<file> files{{"a.json", R"({"command": ["x"], "extends": ["all"]})"}};
  std::string all = "[";
  for (int i = 0; i < 32; ++i) {
    std::string own = "[";
    for (int j = 0; j < 32; ++j) {
      const auto name = "m" + std::to_string(i) + "-" + std::to_string(j);
      files.push_back({"mixins/" + name + ".json", "{}"});
      own += (j ? ",\"" : "\"") + name + "\"";
    }
    files.push_back({"mixins/m" + std::to_string(i) + ".json", R"({"extends": )" + own + "]}"});
    all += (i ? ",\"m" : "\"m") + std::to_string(i) + "\"";
  }
  files.push_back({"mixins/all.json", R"({"extends": )" + all + "]}"});
  const auto what = only_error(make_tree(files));
  BOOST_TEST(what.file == "mixins/all.json");
  BOOST_TEST(contains(what.message, "more than 256"));
}

// What doubles at each step is there only once.
BOOST_AUTO_TEST_CASE(diamonds_do_not_grow) {
  std::vector<file> files{bot};
  for (int i = 0; i < 30; ++i) {
    const auto next = std::to_string(i + 1);
    files.push_back({"mixins/m" + std::to_string(i) + ".json",
                     R"({"extends": ["m)" + next + R"(", "n)" + next + R"("]})"});
    files.push_back({"mixins/n" + std::to_string(i) + ".json",
                     R"({"extends": ["m)" + next + R"(", "n)" + next + R"("]})"});
  }
  files.push_back({"mixins/m30.json", R"({"nice": 1})"});
  files.push_back({"mixins/n30.json", R"({"nice": 2})"});
  BOOST_TEST(*first(must_load(make_tree(files)), "a").nice == 2);
}

BOOST_AUTO_TEST_CASE(a_later_one_wins_and_a_base_stays_below_what_extends_it) {
  const std::vector<file> files{{"mixins/base.json", R"({"nice": 1, "umask": "001"})"},
                                {"mixins/x.json", R"({"extends": "base", "nice": 2})"},
                                {"mixins/y.json", R"({"nice": 3})"},
                                {"a.json", R"({"command": ["x"], "extends": ["y", "x"]})"},
                                {"b.json", R"({"command": ["x"], "extends": ["x", "y"]})"},
                                {"c.json", R"({"command": ["x"], "extends": ["x", "base"]})"}};
  const auto spec = must_load(make_tree(files));
  BOOST_TEST(*first(spec, "a").nice == 2);
  BOOST_TEST(*first(spec, "b").nice == 3);
  BOOST_TEST(*first(spec, "c").nice == 2);
  BOOST_TEST(first(spec, "b").umask == 1u);
}

BOOST_AUTO_TEST_CASE(defaults_may_name_them_and_a_bot_may_take_others_or_none) {
  const std::vector<file> files{{"mixins/x.json", R"({"nice": 1})"},
                                {"mixins/y.json", R"({"umask": "001"})"},
                                {"group.json", R"({"defaults": {"extends": "x", "nice": 9}})"},
                                {"a.json", R"({"command": ["x"]})"},
                                {"b.json", R"({"command": ["x"], "extends": "y"})"},
                                {"c.json", R"({"command": ["x"], "extends": null})"}};
  const auto spec = must_load(make_tree(files));
  BOOST_TEST(*first(spec, "a").nice == 1);
  BOOST_TEST(*first(spec, "b").nice == 9);
  BOOST_TEST(first(spec, "b").umask == 1u);
  BOOST_TEST(*first(spec, "c").nice == 9);
}

BOOST_AUTO_TEST_CASE(an_unknown_one_is_an_error_at_its_place) {
  auto what = only_error(make_tree({{"a.json", "{\"command\": [\"x\"],\n \"extends\": [\"smal\"]}"},
                                    {"mixins/small.json", "{}"}}));
  BOOST_TEST(what.line == 2u);
  BOOST_TEST(what.column == 14u);
  BOOST_TEST(contains(what.hint, "\"small\""));
  what = only_error(make_tree({bot, {"mixins/m0.json", R"({"extends": "m1"})"}}));
  BOOST_TEST(what.file == "mixins/m0.json");
}

BOOST_AUTO_TEST_CASE(they_are_checked_like_bots) {
  auto what = only_error(make_tree({bot, {"mixins/m0.json", R"({"nicee": 1})"}}));
  BOOST_TEST(what.file == "mixins/m0.json");
  BOOST_TEST(contains(what.hint, "\"nice\""));
  what = only_error(make_tree({bot, {"mixins/m0.json", R"({"instances": {}})"}}));
  BOOST_TEST(contains(what.message, "cannot stand in a mixin"));
  only_error(make_tree({bot, {"mixins/m0.json", "[1]"}}));
}

BOOST_AUTO_TEST_SUITE_END()
