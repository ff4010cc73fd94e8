#include "config/expand.hpp"
#include "test/unit/config/fixture.hpp"

using namespace troupe::config;
using troupe::config::test::contains;

namespace {

expand_context context() {
  expand_context result;
  result.bot = "market/trader";
  result.index = 2;
  result.env = [](const std::string& name) -> std::optional<std::string> {
    if (name == "HOME")
      return "/root";
    if (name == "TRICK")
      return "${bot.name} $$";
    return std::nullopt;
  };
  result.secret = [](const std::string& name) -> expected<std::string, std::string> {
    if (name == "key")
      return std::string{"hunter2"};
    if (name == "nul")
      return std::string{"a\0b", 3};
    return unexpected{std::string{"no such secret"}};
  };
  return result;
}

} // namespace

BOOST_AUTO_TEST_SUITE(expansion)

BOOST_AUTO_TEST_CASE(placeholders_are_replaced) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"", ""},
      {"plain", "plain"},
      {"${bot.name}#${bot.index}", "market/trader#2"},
      {"${env:HOME}/x", "/root/x"},
      {"${secret:key}", "hunter2"},
      {"$$", "$"},
      {"$${bot.name}", "${bot.name}"},
      {"$HOME and $1", "$HOME and $1"},
      {"a$", "a$"},
      {"$$$${bot.index}", "$${bot.index}"},
      {"$$${bot.index}", "$2"},
      {"${env:TRICK}", "${bot.name} $$"}}; // not expanded again
  for (const auto& [text, wanted] : table) {
    auto result = expand(text, context());
    BOOST_REQUIRE_MESSAGE(result, text);
    BOOST_TEST(*result == wanted, text);
  }
}

BOOST_AUTO_TEST_CASE(errors_name_the_placeholder_and_no_value) {
  for (std::string text :
       {"${bot.nam}", "${", "${}", "${bot.name", "${HOME}", "${env:}", "${env:A=B}", "${env:UNSET}",
        "${secret:none}", "${secret:../x}", "${secret:nul}", "${bot.index }", "${HOME:-x}"}) {
    auto result = expand("hunter3 " + text, context());
    BOOST_TEST(!result, text);
    if (!result) {
      BOOST_TEST(!result.error().empty(), text);
      BOOST_TEST(!contains(result.error(), "hunter"), text);
    }
  }
  BOOST_TEST(contains(expand("${bot.nam}", context()).error(), "bot.name"));
  BOOST_TEST(contains(expand("${HOME}", context()).error(), "${env:HOME}"));
  BOOST_TEST(contains(expand("${env:UNSET}", context()).error(), "UNSET"));
  BOOST_TEST(!expand("${env:HOME}", {}));
  BOOST_TEST(!expand("${secret:key}", {}));
}

BOOST_AUTO_TEST_CASE(growth_is_bounded) {
  auto big = context();
  big.env = [](const std::string&) { return std::string(600'000, 'x'); };
  BOOST_TEST(expand("${env:A}", big).has_value());
  BOOST_TEST(!expand("${env:A}${env:A}", big));
}

BOOST_AUTO_TEST_CASE(placeholders_are_listed) {
  auto found = placeholders("a ${env:X} ${secret:key} $${no} ${bot.name} ${wrong}");
  BOOST_REQUIRE(found.size() == 4u);
  BOOST_CHECK(found[0].what == placeholder::kind::env);
  BOOST_TEST(found[0].name == "X");
  BOOST_TEST(found[0].offset == 2u);
  BOOST_CHECK(found[1].what == placeholder::kind::secret);
  BOOST_CHECK(found[2].what == placeholder::kind::bot_name);
  BOOST_CHECK(found[3].what == placeholder::kind::invalid);
}

BOOST_AUTO_TEST_SUITE_END()
