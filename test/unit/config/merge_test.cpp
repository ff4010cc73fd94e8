#include "config/merge.hpp"
#include "test/unit/config/fixture.hpp"

using namespace troupe::config;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(merging)

BOOST_AUTO_TEST_CASE(examples_of_rfc_7396) {
  const std::vector<std::array<const char*, 3>> table{
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", R"({})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
      {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
      {R"({"a":"foo"})", "null", "null"},
      {R"({"a":"foo"})", R"("bar")", R"("bar")"},
      {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
      {"[1,2]", R"({"a":"b","c":null})", R"({"a":"b"})"},
      {"{}", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"}};
  for (const auto& [target, patch, wanted] : table) {
    auto result = json::parse(target);
    merge_patch(result, json::parse(patch));
    BOOST_TEST(result == json::parse(wanted), target << " + " << patch);
  }
}

BOOST_AUTO_TEST_CASE(the_strongest_layer_that_says_anything_decides) {
  const auto weak = json::parse(R"({"a":1,"delay":{"initial":"1s","max":"2s"},"list":[1,2]})");
  const auto middle = json::parse(R"({"delay":{"max":"9s"},"gone":null})");
  const auto strong = json::parse(R"({"b":2,"delay":null})");
  const std::vector<layer> two{{scope::root, &weak, nullptr, ""},
                               {scope::group, &middle, nullptr, ""}};
  auto three = two;
  three.push_back({scope::bot, &strong, nullptr, ""});

  BOOST_TEST(*locate(two, "/a") == 0u);
  BOOST_TEST(*locate(two, "/delay/initial") == 0u);
  BOOST_TEST(*locate(two, "/delay/max") == 1u);
  BOOST_TEST(*locate(two, "/list") == 0u);
  BOOST_TEST(*locate(two, "/gone") == 1u);
  BOOST_TEST(!locate(two, "/b"));
  BOOST_TEST(*locate(three, "/b") == 2u);
  BOOST_TEST(*locate(three, "/delay/max") == 2u); // removed there
}

BOOST_AUTO_TEST_CASE(leaves) {
  std::vector<std::string> seen;
  for_each_leaf(json::parse(R"({"a":{"b":1,"c":{}},"d":[1],"e/f":null})"),
                [&](const std::string& pointer, const json&) { seen.push_back(pointer); });
  const std::vector<std::string> wanted{"/a/b", "/a/c", "/d", "/e~1f"};
  BOOST_TEST(seen == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
