// Parsing: F01 (syntax errors and their places) and F10 (encodings).
#include "config/document.hpp"
#include "test/unit/config/fixture.hpp"

using namespace troupe::config;
using troupe::config::test::contains;

namespace {

std::pair<std::uint32_t, std::uint32_t> place(std::string_view text, std::size_t offset) {
  auto at = place_of(text, offset);
  return {at.line, at.column};
}

} // namespace

BOOST_AUTO_TEST_SUITE(documents)

BOOST_AUTO_TEST_CASE(places_count_characters) {
  BOOST_CHECK((place("ab\ncd", 0) == std::pair{1u, 1u}));
  BOOST_CHECK((place("ab\ncd", 4) == std::pair{2u, 2u}));
  BOOST_CHECK((place("ab\r\ncd", 4) == std::pair{2u, 1u}));
  BOOST_CHECK((place("\"ä\":1", 4) == std::pair{1u, 4u}));
  BOOST_CHECK((place("\xef\xbb\xbfx", 3) == std::pair{1u, 1u}));
  BOOST_CHECK((place("ab", 99) == std::pair{1u, 3u}));
}

BOOST_AUTO_TEST_CASE(pointers) {
  BOOST_TEST(pointer_to("", "a/b~c") == "/a~1b~0c");
  BOOST_TEST(pointer_to("/x", std::size_t{3}) == "/x/3");
  const std::vector<std::string> wanted{"a/b~c", "3", ""};
  auto tokens = pointer_tokens("/a~1b~0c/3/");
  BOOST_TEST(tokens == wanted, boost::test_tools::per_element());
  BOOST_TEST(pointer_tokens("").empty());
}

BOOST_AUTO_TEST_CASE(every_value_has_its_place) {
  const document source{"x.json", R"({ // "a": 9
  "a" : 1, /* "b" */ "b":[true,{"c":"x\"y,]"} , -2.5e3],
  "d~/": {"a": null}, "é":"ü"
})"};
  auto parsed = parse(source);
  BOOST_REQUIRE(parsed);
  const auto& doc = **parsed;
  using part = parsed_document::part;
  auto text_at = [&](const char* pointer, part which = part::value) {
    return std::string{doc.text().substr(doc.offset(pointer, which))};
  };
  BOOST_TEST(text_at("/a").starts_with("1,"));
  BOOST_TEST(text_at("/a", part::key).starts_with("\"a\" : 1"));
  BOOST_TEST(text_at("/b").starts_with("[true"));
  BOOST_TEST(text_at("/b/0").starts_with("true,"));
  BOOST_TEST(text_at("/b/1/c").starts_with("\"x\\\"y"));
  BOOST_TEST(text_at("/b/2").starts_with("-2.5e3"));
  BOOST_TEST(text_at("/b/2", part::key).starts_with("-2.5e3"));
  BOOST_TEST(text_at("/d~0~1/a").starts_with("null"));
  BOOST_TEST(text_at("/é", part::key).starts_with("\"é\""));
  // What is not there has the place of what is around it.
  BOOST_TEST(text_at("/d~0~1/zzz").starts_with("{\"a\": null"));
  BOOST_TEST(text_at("/b/7").starts_with("[true"));
  BOOST_TEST(text_at("/a/b/c").starts_with("1,"));
  BOOST_TEST(doc.offset("", part::value) == 0u);
  BOOST_TEST(doc.root()["b"][1]["c"] == "x\"y,]");
}

BOOST_AUTO_TEST_CASE(a_mark_and_crlf_are_fine) {
  const document source{"x.json", "\xef\xbb\xbf{\r\n\"a\": 1,\r\n\"b\": 2}\r\n"};
  auto parsed = parse(source);
  BOOST_REQUIRE(parsed);
  auto what = (*parsed)->at("/b", parsed_document::part::key, "m");
  BOOST_TEST(what.line == 3u);
  BOOST_TEST(what.column == 1u);
}

BOOST_AUTO_TEST_CASE(syntax_errors_have_a_place_and_words) {
  struct row {
    std::string text; // '@' is where the error must be
    std::string words;
  };
  const std::vector<row> table{{"@", "empty"},
                               {"@ \n ", "empty"},
                               {"@// nothing", "empty"},
                               {"{@", "ends too early"},
                               {R"({"a":1@)", "ends too early"},
                               {R"({"a":@)", "ends too early"},
                               {R"({"a"@)", "ends too early"},
                               {R"({"a":[1,2@)", "ends too early"},
                               {R"({"a":1@,})", "comma after the last"},
                               {R"({"a":[1@,]})", "comma after the last"},
                               {R"({"a":1 @"b":2})", "comma missing"},
                               {R"({"a":[1 @2]})", "comma missing"},
                               {R"({"a" @1})", "without a value"},
                               {R"({@'a':1})", "double quotes"},
                               {R"({"a":@'b'})", "double quotes"},
                               {R"({@a:1})", "key in double quotes"},
                               {R"({"a":@tru})", "no JSON value"},
                               {R"({"a":@nope})", "no JSON value"},
                               {R"({"a":@"b})", "closing quote"},
                               {"{\"a\":@\"b\n\"}", "closing quote"},
                               {R"({"a":"b\@q"})", "not allowed in a string"},
                               {R"({"a":"\u00@zz"})", "not allowed in a string"},
                               {R"({"a":@01})", ""},
                               {R"({"a":@1.})", "no JSON number"},
                               {R"({"a":@1e999})", "too large"},
                               {R"({"a":1} @{"b":2})", "after the end"},
                               {R"({"a":1}@])", "after the end"},
                               {R"({"a":1@,,"b":2})", ""},
                               {R"({"a":1]@)", ""},
                               {R"(@/ x)", "comment"},
                               {R"({"a":1} @/* open)", "comment"},
                               {R"({"a":1, @"a":2})", "twice"},
                               {R"({"a":{"b":1,@"b":1}})", "twice"},
                               {R"({"a":@"x\u0000"})", "NUL"},
                               {R"({@"x\u0000":1})", "NUL"}};
  for (const auto& [text, words] : table) {
    auto marker = text.find('@');
    auto clean = std::string{text}.erase(marker, 1);
    auto result = parse({"x.json", clean});
    BOOST_REQUIRE_MESSAGE(!result, clean);
    const auto& what = result.error();
    auto rendered = render(what, nullptr, false);
    // Rows without words only have to be refused in the right line.
    if (!words.empty()) {
      auto [line, column] = place(clean, marker);
      BOOST_TEST(what.line == line, clean << "\n" << rendered);
      BOOST_TEST(what.column == column, clean << "\n" << rendered);
    }
    BOOST_TEST(contains(rendered, words), clean << "\n" << rendered);
    BOOST_TEST(!contains(rendered, "json.exception"), rendered);
    BOOST_TEST(!contains(rendered, "syntax error"), rendered);
  }
}

BOOST_AUTO_TEST_CASE(f10_what_is_no_text_is_an_error_with_its_offset) {
  struct row {
    std::string text;
    std::size_t offset;
    std::string words;
  };
  const std::vector<row> table{{std::string("{\"a\":\0 1}", 9), 5, "NUL"},
                               {"{\"a\":\"\xff\"}", 6, "UTF-8"},
                               {"{\"a\":\"\xc0\xaf\"}", 6, "UTF-8"},            // overlong
                               {"{\"a\":\"\xed\xa0\x80\"}", 6, "UTF-8"},        // a surrogate
                               {"{\"a\":\"\xf4\x90\x80\x80\"}", 6, "UTF-8"},    // beyond Unicode
                               {"{\"a\":\"\xe2\x82\"}", 6, "UTF-8"},            // cut short
                               {"// \x80\n{}", 3, "UTF-8"},                     // in a comment
                               {std::string("\xff\xfe{\0}\0", 6), 0, "UTF-8"}}; // UTF-16
  for (const auto& [text, offset, words] : table) {
    auto result = parse({"x.json", text});
    BOOST_REQUIRE(!result);
    BOOST_TEST(contains(result.error().message, words), result.error().message);
    BOOST_TEST(contains(result.error().message, "byte " + std::to_string(offset)),
               result.error().message);
    BOOST_TEST(result.error().line != 0u);
  }
  for (std::string text : {"{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}", "{}\r\n"})
    BOOST_TEST(parse({"x.json", text}).has_value(), text);
}

BOOST_AUTO_TEST_CASE(f03_depth_values_and_keys_are_bounded) {
  auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  BOOST_TEST(parse({"x.json", nested(64)}).has_value());
  auto deep = parse({"x.json", nested(65)});
  BOOST_REQUIRE(!deep);
  BOOST_TEST(contains(deep.error().message, "nested"));
  BOOST_TEST(deep.error().column == 65u);
  BOOST_TEST(!parse({"x.json", std::string(10'000'000, '[')}));

  std::string many = "[0";
  for (int i = 0; i < 1'000'000; ++i)
    many += ",0";
  auto wide = parse({"x.json", many + "]"});
  BOOST_REQUIRE(!wide);
  BOOST_TEST(contains(wide.error().message, "more than 100000 values"));

  auto key = parse({"x.json", "{\"" + std::string(2000, 'k') + "\":1}"});
  BOOST_REQUIRE(!key);
  BOOST_TEST(contains(key.error().message, "key is longer"));
}

BOOST_AUTO_TEST_SUITE_END()
