#include "config/difference.hpp"
#include "config/masking.hpp"
#include "test/unit/config/fixture.hpp"

#include <random>
#include <string>
#include <vector>

namespace troupe::config::test {

namespace {

using nlohmann::json;

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> result;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size() - 1) + 1;
    result.push_back(text.substr(at, end - at));
    at = end;
  }
  return result;
}

/// What `patch` would make of `before`. Every line of context has to fit.
std::string patched(const std::string& before, const std::string& diff) {
  const auto old = split(before);
  auto lines = split(diff);
  std::string result;
  std::size_t at = 0;
  for (std::size_t i = 2; i < lines.size(); ++i) {
    auto line = lines[i];
    if (line.starts_with("@@ -")) {
      const auto first = std::stoul(line.substr(4));
      const auto comma = line.find_first_of(", ", 4);
      const bool none = line.compare(comma, 3, ",0 ") == 0;
      BOOST_REQUIRE_GE(first + none, at + 1);
      while (at + 1 < first + none)
        result += old.at(at++);
      continue;
    }
    if (i + 1 < lines.size() && lines[i + 1].starts_with('\\'))
      line.pop_back();
    if (line.starts_with('\\'))
      continue;
    if (line[0] != '+')
      BOOST_REQUIRE_EQUAL(old.at(at++), line.substr(1));
    if (line[0] != '-')
      result += line.substr(1);
  }
  while (at < old.size())
    result += old[at++];
  return result;
}

std::string random_text(std::minstd_rand& random, std::size_t most) {
  std::string result;
  for (auto lines = random() % (most + 1); lines > 0; --lines)
    result += std::string(random() % 3, 'x') + static_cast<char>('a' + random() % 4) + "\n";
  if (!result.empty() && random() % 4 == 0)
    result.pop_back();
  return result;
}

} // namespace

BOOST_AUTO_TEST_SUITE(difference)

BOOST_AUTO_TEST_CASE(as_diff_writes_it) {
  BOOST_TEST(unified_diff("1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\nfive\n6\n7\n8\n", "a/x", "b/x")
             == "--- a/x\n+++ b/x\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
  BOOST_TEST(unified_diff("", "1\n", "/dev/null", "b")
             == "--- /dev/null\n+++ b\n@@ -0,0 +1 @@\n+1\n");
  BOOST_TEST(unified_diff("1\n", "1", "a", "b")
             == "--- a\n+++ b\n@@ -1 +1 @@\n-1\n+1\n\\ No newline at end of file\n");
  BOOST_TEST(unified_diff("1\n", "1\n", "a", "b").empty());
}

BOOST_AUTO_TEST_CASE(far_changes_are_hunks_of_their_own) {
  std::string before;
  for (int i = 0; i < 30; ++i)
    before += std::to_string(i) + "\n";
  auto after = before;
  after.replace(after.find("3\n"), 1, "three");
  after.replace(after.find("20\n"), 2, "twenty");
  const auto diff = unified_diff(before, after, "a", "b");
  BOOST_TEST(contains(diff, "@@ -1,7 +1,7 @@"));
  BOOST_TEST(contains(diff, "@@ -18,7 +18,7 @@"));
  BOOST_TEST(patched(before, diff) == after);
}

BOOST_AUTO_TEST_CASE(random_texts_are_patched_into_each_other) {
  for (unsigned seed = 1; seed <= 2000; ++seed) {
    std::minstd_rand random{seed};
    const auto before = random_text(random, seed % 60);
    const auto after = random_text(random, seed % 60);
    const auto diff = unified_diff(before, after, "a", "b");
    BOOST_REQUIRE_MESSAGE((before == after ? diff.empty() : patched(before, diff) == after),
                          "seed " << seed << "\n"
                                  << diff);
  }
}

BOOST_AUTO_TEST_CASE(texts_that_have_nothing_in_common_cost_little) {
  std::string before;
  std::string after;
  for (int i = 0; i < 100'000; ++i) {
    before += "a" + std::to_string(i) + "\n";
    after += "b" + std::to_string(i) + "\n";
  }
  before += "end\n";
  after += "end\n";
  const auto diff = unified_diff(before, after, "a", "b");
  BOOST_TEST(contains(diff, "@@ -1,100001 +1,100001 @@"));
  BOOST_TEST(patched(before, diff) == after);
}

BOOST_AUTO_TEST_CASE(the_patch_of_a_version) {
  const auto from = make_tree({{"a.json", R"({"command": ["x"], "nice": 1})"},
                               {"b.json", R"({"command": ["x"]})"},
                               {"m/c.json", "{} // one"}});
  const auto to = make_tree({{"a.json", R"({"command": ["x"], "nice": 2})"},
                             {"m/c.json", "{} // two"},
                             {"m/d.json", R"({"environment": {"API_KEY": "hunter2"}})"}},
                            "prod");
  const auto text = version_patch(from, {{"a", R"({"nice": 3})"}}, to, {});
  const auto patch = json::parse(text);
  // It is what RFC 6902 says: applied to the one it gives the other.
  const auto document = json::parse(
      R"({"tree": {"a.json": {"command": ["x"], "nice": 1}, "b.json": {"command": ["x"]},
          "m/c.json": {}}, "overrides": {"a": {"nice": 3}}})");
  const auto expected = json::parse(
      R"({"tree": {"a.json": {"command": ["x"], "nice": 2}, "m/c.json": {},
          "m/d.json": {"environment": {"API_KEY": "***"}}}, "overrides": {}, "profile": "prod"})");
  BOOST_TEST(document.patch(patch) == expected);
  BOOST_TEST(!contains(text, "hunter2"));
  BOOST_TEST(version_patch(from, {}, from, {}).empty());
}

BOOST_AUTO_TEST_CASE(a_long_patch_is_left_out) {
  std::string list;
  for (int i = 0; i < 9000; ++i)
    list += (i == 0 ? "\"" : ", \"") + std::to_string(i) + "-word\"";
  const auto to = make_tree({{"a.json", "{\"command\": [" + list + "]}"}});
  const auto patch = json::parse(version_patch(make_tree({}), {}, to, {}));
  BOOST_TEST(patch["operations"] == 1);
  BOOST_TEST(patch["bytes"].get<std::size_t>() > max_patch_bytes);
}

BOOST_AUTO_TEST_CASE(secrets_are_masked_where_they_stand) {
  const document file{"a.json", R"({ // mine
  "command": ["curl", "https://me:hunter2@example.org/", "${secret:KEY}"],
  "environment": {"API_KEY": "hunt\"er2", "TOKEN": "${secret:T}", "MODE": "fast"},
  "settings": {"auth": {"user": "u", "pin": 1234}, "depth": 3}
})"};
  BOOST_TEST(masked_text(file) == R"({ // mine
  "command": ["curl", "***", "${secret:KEY}"],
  "environment": {"API_KEY": "***", "TOKEN": "${secret:T}", "MODE": "fast"},
  "settings": {"auth": {"user": "***", "pin": "***"}, "depth": 3}
})");
  BOOST_TEST(masked_text({"a.json", "{"}).empty());
  BOOST_TEST(masked("x", "/environment/PASSWORD") == "***");
  BOOST_TEST(masked("x", "/tree/keys~1token.json/description") == "x");
}

BOOST_AUTO_TEST_CASE(secrets_in_comments_are_masked) {
  const document file{"a.json",
                      "{ // of the market: it is our oldest\n"
                      "  // \"API_TOKEN\": \"hunter2\",\r\n"
                      "  /* see postgres://me:hunter2@db\n     or not */\n"
                      "  \"command\": [\"x\" /* DB_PASS = hunter2 */, \"// \\\"y\\\"\"],\n"
                      "  \"environment\": {\"TOKEN\": \"a//b\"} // password:hunter2\n"
                      "} // http://host/ is where it looks"};
  BOOST_TEST(masked_text(file)
             == "{ // of the market: it is our oldest\n"
                "  // ***\r\n"
                "  /* ***\n */\n"
                "  \"command\": [\"x\" /* *** */, \"// \\\"y\\\"\"],\n"
                "  \"environment\": {\"TOKEN\": \"***\"} // ***\n"
                "} // http://host/ is where it looks");
}

BOOST_AUTO_TEST_CASE(text_that_is_no_json_is_not_in_a_patch) {
  const auto text = version_patch(
      make_tree({}), {}, make_tree({{"a.json", R"({"environment": {"KEY": "hunter2")"}}), {});
  BOOST_TEST(!contains(text, "hunter2"));
  BOOST_TEST(contains(text, "***"));
}

BOOST_AUTO_TEST_CASE(the_files_of_two_trees) {
  const auto from = make_tree({{"a.json", R"({"environment": {"KEY": "1"}})"}, {"b.json", "{}\n"}});
  const auto to = make_tree({{"a.json", R"({"environment": {"KEY": "2"}})"}, {"c.json", "{}\n"}});
  const auto found = tree_diff(from, to);
  BOOST_REQUIRE(found.size() == 3u);
  BOOST_TEST(found[0].text == "--- a/a.json\n+++ b/a.json\n(only what is not shown differs)\n");
  BOOST_TEST(found[1].text == "--- a/b.json\n+++ /dev/null\n@@ -1 +0,0 @@\n-{}\n");
  BOOST_TEST(found[2].text == "--- /dev/null\n+++ b/c.json\n@@ -0,0 +1 @@\n+{}\n");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace troupe::config::test
