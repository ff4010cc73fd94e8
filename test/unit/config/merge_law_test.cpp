// Where RFC 7396 is associative, (a + b) + c == a + (b + c), and where not: a `null` in c removes
// what b says but is itself lost, and an object in c over a value of b that is no object forgets
// that b had replaced what a says. Everywhere else it holds.
#include "config/merge.hpp"
#include "test/unit/config/random_json.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe::config;
using namespace troupe::config::test;

namespace {

json plus(json target, const json& patch) {
  merge_patch(target, patch);
  return target;
}

/// Whether b and c can be put together first.
bool composable(const json& b, const json& c) {
  if (!c.is_object())
    return true;
  if (!b.is_object())
    return false;
  for (const auto& [key, member] : c.items()) {
    if (member.is_null())
      return false;
    // Where b says nothing, c stands alone, and must say nothing that is lost.
    if (!composable(b.contains(key) ? b[key] : json::object(), member))
      return false;
  }
  return true;
}

} // namespace

BOOST_AUTO_TEST_SUITE(merge_laws)

BOOST_AUTO_TEST_CASE(merging_is_associative_where_nothing_is_lost) {
  random_json random{7396};
  int held = 0;
  int differed = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto a = random.object();
    const auto b = random.object();
    const auto c = random.object();
    const bool equal = plus(plus(a, b), c) == plus(a, plus(b, c));
    if (composable(b, c)) {
      ++held;
      BOOST_REQUIRE_MESSAGE(equal, a << " + " << b << " + " << c);
    } else if (!equal) {
      ++differed;
    }
  }
  BOOST_TEST(held > 1000);
  BOOST_TEST(differed > 1000); // the condition is not idle
}

BOOST_AUTO_TEST_CASE(two_ways_in_which_it_is_not) {
  const auto a = json::parse(R"({"x": {"y": 1}})");
  const auto removed = json::parse(R"({"x": null})");
  const auto object = json::parse(R"({"x": {"z": 2}})");
  BOOST_TEST(plus(plus(a, json::object()), removed) == json::object());
  BOOST_TEST(plus(a, plus(json::object(), removed)) == a);
  BOOST_TEST(plus(plus(a, removed), object) == object);
  BOOST_TEST(plus(a, plus(removed, object)) == json::parse(R"({"x": {"y": 1, "z": 2}})"));
}

BOOST_AUTO_TEST_CASE(a_patch_twice_is_a_patch_once) {
  random_json random{1};
  for (int i = 0; i < 5'000; ++i) {
    const auto b = random.object();
    const auto once = plus(random.object(), b);
    BOOST_REQUIRE(plus(once, b) == once);
  }
}

BOOST_AUTO_TEST_SUITE_END()
