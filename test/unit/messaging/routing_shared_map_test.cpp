#include "actors/messaging/shared_map.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <random>
#include <set>

using namespace troupe::messaging;
using map = shared_map<int>;

namespace {

std::string key(int i) {
  return "market/trader#" + std::to_string(i);
}

std::map<std::string, int> sorted(const map& x) {
  return {x.begin(), x.end()};
}

/// Runs through all changes between two maps, as «key before after».
std::set<std::string> changes(const map& before, const map& after) {
  std::set<std::string> result;
  map::differences(before, after, [&](const std::string& name, const int* a, const int* b) {
    result.insert(name + ' ' + (a ? std::to_string(*a) : "-") + ' '
                  + (b ? std::to_string(*b) : "-"));
  });
  return result;
}

} // namespace

BOOST_AUTO_TEST_CASE(it_is_a_map) {
  map x;
  BOOST_TEST(x.empty());
  BOOST_TEST((x.begin() == x.end()));
  std::map<std::string, int> same;
  for (int i = 0; i < 2000; ++i)
    same[key(i)] = x[key(i)] = i;
  BOOST_TEST(x.size() == 2000u);
  BOOST_TEST((sorted(x) == same));
  BOOST_REQUIRE(x.get("market/trader#77"));
  BOOST_TEST(*x.get("market/trader#77") == 77);
  BOOST_TEST(x.find("market/trader#77")->second == 77);
  BOOST_TEST(!x.contains("market/trader"));
  BOOST_TEST(x.erase("market/trader#77"));
  BOOST_TEST(!x.erase("market/trader#77"));
  same.erase(key(77));
  BOOST_TEST((sorted(x) == same));
  for (const auto& [name, value] : same)
    x.erase(name);
  BOOST_TEST(x.size() == 0u);
  BOOST_TEST((x.begin() == x.end()));
}

BOOST_AUTO_TEST_CASE(copies_do_not_see_each_others_changes) {
  map a;
  for (int i = 0; i < 500; ++i)
    a[key(i)] = i;
  const auto b = a;
  a[key(3)] = -3;
  a[key(500)] = 500;
  a.erase(key(4));
  BOOST_TEST(*b.get(key(3)) == 3);
  BOOST_TEST(*b.get(key(4)) == 4);
  BOOST_TEST(b.size() == 500u);
  BOOST_TEST(a.size() == 500u);
  const std::set<std::string> expected{key(3) + " 3 -3", key(4) + " 4 -", key(500) + " - 500"};
  BOOST_TEST(changes(b, a) == expected, boost::test_tools::per_element());
  BOOST_TEST(changes(b, b).empty());
  BOOST_TEST(changes({}, b).size() == 500u);
  BOOST_TEST(changes(b, {}).size() == 500u);
}

BOOST_AUTO_TEST_CASE(differences_lead_from_one_to_the_other) {
  std::minstd_rand random{7};
  map x;
  for (int round = 0; round < 50; ++round) {
    const auto before = x;
    auto replayed = sorted(before);
    for (int i = 0; i < 20; ++i)
      if (const auto name = key(static_cast<int>(random() % 200)); random() % 3 == 0)
        x.erase(name);
      else
        x[name] = static_cast<int>(random() % 5);
    map::differences(before, x, [&](const std::string& name, const int*, const int* now) {
      if (now)
        replayed[name] = *now;
      else
        replayed.erase(name);
    });
    BOOST_REQUIRE((replayed == sorted(x)));
  }
}
