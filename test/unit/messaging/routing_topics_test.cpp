#include "actors/messaging/address.hpp"
#include "actors/messaging/topics.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <random>
#include <set>

using namespace troupe::messaging;

namespace {

std::set<std::uint64_t> who(topic_tree& x, std::string_view topic) {
  std::set<std::uint64_t> result;
  x.match(topic, [&](topic_tree::subscriber each, bool) {
    BOOST_TEST(result.insert(each).second); // once each
  });
  return result;
}

using set = std::set<std::uint64_t>;

} // namespace

BOOST_AUTO_TEST_CASE(who_listens_is_found_once) {
  topic_tree x;
  BOOST_TEST(x.subscribe(1, "ticks.btc") == "");
  BOOST_TEST(x.subscribe(2, "ticks.*") == "");
  BOOST_TEST(x.subscribe(3, "ticks.>") == "");
  BOOST_TEST(x.subscribe(4, ">") == "");
  BOOST_TEST(x.subscribe(1, "*.btc") == "");
  BOOST_TEST((who(x, "ticks.btc") == set{1, 2, 3, 4}));
  BOOST_TEST((who(x, "ticks.eth") == set{2, 3, 4}));
  BOOST_TEST((who(x, "ticks.btc.usd") == set{3, 4}));
  BOOST_TEST((who(x, "ticks") == set{4}));
  BOOST_TEST((who(x, "news.btc") == set{1, 4}));
  BOOST_TEST(x.subscriptions() == 5u);
  BOOST_TEST(x.subscribers() == 4u);
  const std::vector<std::string> of_1{"*.btc", "ticks.btc"};
  BOOST_TEST(x.patterns_of(1) == of_1, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_unsubscribed_leaves_nothing_behind) {
  topic_tree x;
  for (const char* pattern : {"a.b.c", "a.*.c", "a.>", "*", ">"})
    BOOST_TEST(x.subscribe(1, pattern) == "");
  BOOST_TEST(x.subscribe(2, "a.b.c") == "");
  for (const char* pattern : {"a.b.c", "a.*.c", "a.>", "*", ">"})
    BOOST_TEST(x.unsubscribe(1, pattern).was_there);
  BOOST_TEST(!x.unsubscribe(1, "a.b.c").was_there);
  BOOST_TEST(!x.unsubscribe(9, "a.b.c").was_there);
  BOOST_TEST((who(x, "a.b.c") == set{2}));
  BOOST_TEST(x.visited() == 4u);
  x.drop(2);
  BOOST_TEST((who(x, "a.b.c") == set{}));
  BOOST_TEST(x.visited() == 1u);
  BOOST_TEST(x.subscriptions() == 0u);
  BOOST_TEST(x.subscribers() == 0u);
}

BOOST_AUTO_TEST_CASE(durable_ones_hold_when_the_link_ends) {
  topic_tree x;
  x.subscribe(1, "a");
  x.subscribe(1, "b", true);
  x.subscribe(1, "*");
  std::map<std::string, bool> durable;
  for (const char* topic : {"a", "b"})
    x.match(topic, [&](topic_tree::subscriber, bool is) { durable[topic] = is; });
  BOOST_TEST(!durable["a"]);
  BOOST_TEST(durable["b"]);
  x.unlink(1);
  BOOST_TEST((who(x, "a") == set{}));
  BOOST_TEST((who(x, "b") == set{1}));
  BOOST_TEST(x.subscriptions() == 1u);
  // Asking again changes what it is.
  x.subscribe(1, "b", false);
  BOOST_TEST(x.subscriptions() == 1u);
  x.match("b", [&](topic_tree::subscriber, bool is) { durable["b"] = is; });
  BOOST_TEST(!durable["b"]);
  x.subscribe(1, "b", true);
  const auto gone = x.unsubscribe(1, "b");
  BOOST_TEST(gone.was_there);
  BOOST_TEST(gone.durable);
  x.unlink(1);
  x.drop(1);
  BOOST_TEST(x.subscribers() == 0u);
}

BOOST_AUTO_TEST_CASE(patterns_are_checked_and_bounded) {
  topic_tree x;
  BOOST_TEST(x.subscribe(1, "a..b").find("is no pattern") != std::string::npos);
  BOOST_TEST(x.subscribers() == 0u);
  for (std::size_t i = 0; i < topic_tree::max_subscriptions; ++i)
    BOOST_REQUIRE(x.subscribe(1, "a." + std::to_string(i)) == "");
  BOOST_TEST(x.subscribe(1, "one.more").find("1024 subscriptions") != std::string::npos);
  BOOST_TEST(x.subscribe(1, "a.0") == ""); // it has that one
  BOOST_TEST(x.subscribe(2, "one.more") == "");
  BOOST_TEST((who(x, "one.more") == set{2}));
}

BOOST_AUTO_TEST_CASE(what_nobody_hears_costs_nothing) {
  topic_tree x;
  x.subscribe(1, "ticks.*");
  x.subscribe(2, "ticks.btc");
  x.subscribe(3, ">");
  who(x, "ticks.btc");
  const auto cost = x.visited();
  BOOST_TEST(cost <= 4u);
  for (std::uint64_t i = 0; i < 1000; ++i)
    for (std::uint64_t j = 0; j < 20; ++j) {
      const auto word = std::to_string(i) + '-' + std::to_string(j);
      x.subscribe(100 + i, "other." + word + ".*");
      x.subscribe(100 + i, "ticks.x" + word + ".>");
    }
  BOOST_TEST(x.subscriptions() == 40'003u);
  BOOST_TEST((who(x, "ticks.btc") == set{1, 2, 3}));
  BOOST_TEST(x.visited() == cost);
}

BOOST_AUTO_TEST_CASE(it_agrees_with_looking_at_each_pattern) {
  std::minstd_rand random{11};
  const char* const words[] = {"a", "b", "c", "*", ">"};
  const auto text = [&](std::size_t kinds) {
    std::string result;
    for (auto n = 1 + random() % 4; n > 0; --n) {
      const std::string word = words[random() % kinds];
      result += (result.empty() ? "" : ".") + word;
      if (word == ">")
        break;
    }
    return result;
  };
  topic_tree x;
  std::map<std::uint64_t, std::set<std::string>> model;
  for (int round = 0; round < 3000; ++round) {
    const auto each = random() % 8;
    const auto pattern = text(5);
    if (random() % 3 == 0)
      BOOST_REQUIRE(x.unsubscribe(each, pattern).was_there == (model[each].erase(pattern) > 0));
    else if (random() % 40 == 0)
      x.drop(each), model.erase(each);
    else
      x.subscribe(each, pattern), model[each].insert(pattern);
    const auto topic = text(3);
    set expected;
    for (const auto& [id, patterns] : model)
      for (const auto& p : patterns)
        if (matches(p, topic))
          expected.insert(id);
    BOOST_REQUIRE((who(x, topic) == expected));
  }
}
