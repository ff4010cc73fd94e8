#include "runtime/os/link_keys.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

using namespace troupe::os;
using verdict = link_keys::verdict;

namespace {

struct keys_fixture {
  link_keys keys;
  link_key mine = *make_link_key();
  link_key other = *make_link_key();

  keys_fixture() { keys.add("a#0", 7, mine, 1000); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(link_keys_suite, keys_fixture)

BOOST_AUTO_TEST_CASE(every_key_is_another_and_has_one_text) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto key = *make_link_key();
    const auto text = to_text(key);
    BOOST_TEST(text.size() == 32u);
    BOOST_TEST((link_key_from(text) == key));
    BOOST_TEST(seen.insert(text).second);
  }
  BOOST_TEST((link_key_from("000102030405060708090A0b0c0d0e0f")
              == link_key{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}));
  for (const char* wrong :
       {"", "0", "000102030405060708090a0b0c0d0e0", "xx0102030405060708090a0b0c0d0e0f",
        "000102030405060708090a0b0c0d0e0f0"})
    BOOST_TEST(!link_key_from(wrong));
}

BOOST_AUTO_TEST_CASE(keys_are_equal_only_in_every_bit) {
  BOOST_TEST(same_key(mine, mine));
  for (std::size_t i = 0; i < mine.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      auto near = mine;
      near[i] = static_cast<std::uint8_t>(near[i] ^ (1 << bit));
      BOOST_TEST(!same_key(mine, near));
    }
}

BOOST_AUTO_TEST_CASE(only_the_process_itself_is_let_in) {
  BOOST_TEST((keys.check("a#0", 7, mine, 1000) == verdict::good));
  BOOST_TEST((keys.check("a#0", 7, other, 1000) == verdict::bad_token));
  BOOST_TEST((keys.check("a#0", 7, mine, 1001) == verdict::bad_token));
  BOOST_TEST((keys.check("a#0", 7, mine, 0) == verdict::bad_token));
  BOOST_TEST((keys.check("a#1", 7, mine, 1000) == verdict::bad_token));
  BOOST_TEST((keys.check("a#0", 8, mine, 1000) == verdict::bad_token));
  BOOST_TEST((keys.check("a#0", 6, mine, 1000) == verdict::old_incarnation));
}

BOOST_AUTO_TEST_CASE(the_dead_are_told_so) {
  keys.end("a#0", 6);
  BOOST_TEST((keys.check("a#0", 7, mine, 1000) == verdict::good));
  BOOST_TEST(keys.living("a#0") == 7u);
  keys.end("a#0", 7);
  BOOST_TEST(keys.living("a#0") == 0u);
  BOOST_TEST((keys.check("a#0", 7, mine, 1000) == verdict::old_incarnation));
  // An empty key is nobody's.
  BOOST_TEST((keys.check("a#0", 7, link_key{}, 1000) == verdict::old_incarnation));
  BOOST_TEST((keys.check("a#0", 7, mine, 1001) == verdict::bad_token));
  keys.add("a#0", 8, other, 1000);
  BOOST_TEST((keys.check("a#0", 7, mine, 1000) == verdict::old_incarnation));
  BOOST_TEST((keys.check("a#0", 8, other, 1000) == verdict::good));
}

BOOST_AUTO_TEST_CASE(an_older_process_does_not_displace_a_newer_one) {
  keys.add("a#0", 6, other, 1000);
  BOOST_TEST((keys.check("a#0", 7, mine, 1000) == verdict::good));
  keys.end("a#0", 6);
  BOOST_TEST((keys.check("a#0", 7, mine, 1000) == verdict::good));
}

BOOST_AUTO_TEST_CASE(the_dead_do_not_pile_up) {
  for (int i = 0; i < 200'000; ++i) {
    const auto name = "b#" + std::to_string(i);
    keys.add(name, 1, other, 1000);
    keys.end(name, 1);
  }
  BOOST_TEST((keys.check("b#0", 1, other, 1000) == verdict::bad_token));
  BOOST_TEST((keys.check("b#199999", 1, other, 1000) == verdict::old_incarnation));
  BOOST_TEST((keys.check("a#0", 7, mine, 1000) == verdict::good));
}

BOOST_AUTO_TEST_SUITE_END()
