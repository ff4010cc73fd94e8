#include "actors/messaging/router.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <set>
#include <string>

using namespace troupe;
using namespace troupe::messaging;
using wire::outcome_code;

namespace {

/// A fleet in which every instance runs, until `put` says otherwise.
struct fleet : load_view {
  std::shared_ptr<routing_table> table = std::make_shared<routing_table>();
  std::map<std::string, std::uint64_t> loads;
  std::set<std::string> unlinked;
  std::size_t asked = 0;
  router by{*this};

  std::uint64_t load(const route& x) override {
    ++asked;
    return loads[x.instance];
  }
  bool linked(const route& x) override { return !unlinked.contains(x.instance); }

  void bot(const std::string& name, std::uint32_t replicas = 1,
           config::balance_mode mode = config::balance_mode::least_loaded) {
    pool all;
    all.balance = mode;
    for (std::uint32_t i = 0; i < replicas; ++i) {
      route x;
      x.instance = name + '#' + std::to_string(i);
      x.bot = name;
      x.group = enclosing(name);
      x.index = i;
      x.now = state::running;
      x.wanted = true;
      all.members.push_back(std::make_shared<const route>(x));
      table->instances[x.instance] = all.members.back();
    }
    table->bots[name] = std::make_shared<const pool>(all);
    for (std::string group{enclosing(name)};; group = enclosing(group)) {
      const auto* old = table->groups.get(group);
      auto names = old ? **old : std::vector<std::string>{};
      names.push_back(name);
      table->groups[group] = std::make_shared<const std::vector<std::string>>(names);
      if (group.empty())
        break;
    }
    by.set_routes(std::make_shared<const routing_table>(*table));
  }

  void put(const std::string& instance, state now, bool wanted = true, bool leaving = false) {
    auto changed = *table->instances[instance];
    changed.now = now;
    changed.wanted = wanted;
    changed.leaving = leaving;
    auto all = *table->bots[changed.bot];
    const auto made = std::make_shared<const route>(changed);
    for (auto& each : all.members)
      if (each->instance == instance)
        each = made;
    table->instances[instance] = made;
    table->bots[changed.bot] = std::make_shared<const pool>(all);
    by.set_routes(std::make_shared<const routing_table>(*table));
  }

  choice pick(std::string_view to, std::string_view key = {}, std::string_view not_this = {}) {
    return by.pick(parse_address(to), key, not_this);
  }
  std::string who(std::string_view to, std::string_view key = {}, std::string_view not_this = {}) {
    const auto found = pick(to, key, not_this);
    return found ? found.to->instance : wire::to_string(found.code) + ": " + found.text;
  }
  std::string everyone(std::string_view to, std::string_view sender = {}) {
    std::string result;
    const auto found =
        by.each(parse_address(to), sender, [&](const route& x) { result += x.instance + ' '; });
    return found.code == outcome_code::accepted ? result
                                                : wire::to_string(found.code) + ": " + found.text;
  }
};

} // namespace

BOOST_AUTO_TEST_CASE(an_instance_is_who_it_is) {
  fleet x;
  x.bot("market/trader", 3);
  BOOST_TEST(x.who("market/trader#2") == "market/trader#2");
  BOOST_TEST(x.who("market/trader#2/pricer") == "market/trader#2");
  for (const auto now : {state::backoff, state::waiting, state::starting, state::stopping,
                         state::draining, state::paused, state::degraded}) {
    x.put("market/trader#2", now);
    BOOST_TEST(x.who("market/trader#2") == "market/trader#2"); // its mailbox keeps what is new
  }
  for (const auto now : {state::stopped, state::failed, state::completed, state::defined}) {
    x.put("market/trader#2", now, false);
    const auto found = x.pick("market/trader#2");
    BOOST_TEST(!found);
    BOOST_CHECK(found.code == outcome_code::not_running);
    BOOST_TEST(found.text.find(std::string{to_string(now)}) != std::string::npos);
  }
  // It finishes what it has and will not come back.
  x.put("market/trader#2", state::draining, false);
  BOOST_CHECK(x.pick("market/trader#2").code == outcome_code::not_running);
  x.put("market/trader#2", state::running, true, true);
  BOOST_TEST(x.who("market/trader#2")
             == "not_running: market/trader#2 is being removed from the fleet");
  // A reply finds it all the same.
  BOOST_REQUIRE(x.by.instance("market/trader#2"));
  BOOST_TEST(!x.by.instance("market/trader#3"));
}

BOOST_AUTO_TEST_CASE(who_is_not_there_is_told_from_who_is_meant) {
  fleet x;
  BOOST_TEST(x.who("a") == "not_running: the fleet is starting");
  BOOST_TEST(x.everyone("*") == "not_running: the fleet is starting");
  x.bot("market/trader", 2);
  x.bot("market/feed");
  x.bot("flaky");
  BOOST_TEST(x.who("market/trader#5")
             == "no_such_address: there is no market/trader#5; market/trader has market/trader#0 "
                "to market/trader#1");
  BOOST_TEST(x.who("flaky#1") == "no_such_address: there is no flaky#1; only flaky#0");
  BOOST_TEST(x.who("market/traider")
             == "no_such_address: there is no bot market/traider; did you mean \"market/trader\"?");
  BOOST_TEST(x.who("market/traider#1")
             == "no_such_address: there is no bot market/traider; did you mean \"market/trader\"?");
  BOOST_TEST(x.who("flakey") == "no_such_address: there is no bot flakey; did you mean \"flaky\"?");
  BOOST_TEST(x.who("market")
             == "no_such_address: market is a group; everyone in it is \"market/*\"");
  BOOST_TEST(x.everyone("markt/*")
             == "no_such_address: there is no group markt; did you mean \"market\"?");
  BOOST_TEST(x.everyone("flaky/*") == "no_such_address: flaky is a bot, no group");
}

BOOST_AUTO_TEST_CASE(linked_members_come_before_living_ones_before_those_that_return) {
  fleet x;
  x.bot("w", 3, config::balance_mode::round_robin);
  x.unlinked = {"w#0", "w#1"};
  for (int i = 0; i < 4; ++i)
    BOOST_TEST(x.who("w") == "w#2");
  x.put("w#2", state::draining);
  BOOST_TEST(x.who("w") == "w#0");
  BOOST_TEST(x.who("w") == "w#1");
  x.put("w#0", state::backoff);
  x.put("w#1", state::stopped, false);
  std::set<std::string> got{x.who("w"), x.who("w")};
  BOOST_TEST((got == std::set<std::string>{"w#0", "w#2"})); // both come back
  x.put("w#0", state::failed);
  x.put("w#2", state::stopped, false);
  BOOST_TEST(x.who("w") == "not_running: no instance of w takes it; w#0 is failed");
}

BOOST_AUTO_TEST_CASE(round_robin_goes_round_whoever_is_there) {
  fleet x;
  x.bot("w", 4, config::balance_mode::round_robin);
  std::string order;
  for (int i = 0; i < 6; ++i)
    order += x.who("w").back();
  BOOST_TEST(order == "012301");
  x.put("w#2", state::stopped, false);
  order.clear();
  for (int i = 0; i < 5; ++i)
    order += x.who("w").back();
  BOOST_TEST(order == "30130");
}

BOOST_AUTO_TEST_CASE(the_least_loaded_gets_it_and_ties_take_turns) {
  fleet x;
  x.bot("w", 3);
  x.loads = {{"w#0", 5}, {"w#1", 2}, {"w#2", 9}};
  BOOST_TEST(x.who("w") == "w#1");
  x.loads["w#1"] = 6;
  BOOST_TEST(x.who("w") == "w#0");
  x.loads.clear();
  std::string order;
  for (int i = 0; i < 6; ++i)
    order += x.who("w").back();
  BOOST_TEST(order == "120120");
}

BOOST_AUTO_TEST_CASE(two_choices_ask_two_and_prefer_the_idle) {
  fleet x;
  x.bot("w", 10, config::balance_mode::two_choices);
  for (int i = 1; i < 10; ++i)
    x.loads["w#" + std::to_string(i)] = 100;
  std::map<std::string, int> got;
  for (int i = 0; i < 2000; ++i)
    ++got[x.who("w")];
  BOOST_TEST(x.asked == 4000u);
  BOOST_TEST(got.size() == 10u); // everyone gets some
  BOOST_TEST(got["w#0"] > 300);  // a fifth of all pairs has it
  BOOST_TEST(got["w#0"] < 500);
}

BOOST_AUTO_TEST_CASE(a_key_stays_where_it_is_while_members_come_and_go) {
  fleet x;
  x.bot("w", 8, config::balance_mode::consistent_hash);
  std::map<std::string, std::string> before;
  std::map<std::string, int> share;
  for (int i = 0; i < 4000; ++i) {
    const auto key = "key" + std::to_string(i);
    ++share[before[key] = x.who("w", key)];
  }
  BOOST_TEST(share.size() == 8u);
  for (const auto& [who, count] : share)
    BOOST_TEST((count > 350 && count < 650), who << " has " << count << " of 4000");
  x.put("w#3", state::draining);
  for (const auto& [key, was] : before) {
    const auto now = x.who("w", key);
    if (was == "w#3")
      BOOST_TEST(now != "w#3");
    else
      BOOST_TEST(now == was);
  }
  x.put("w#3", state::running);
  for (const auto& [key, was] : before)
    BOOST_REQUIRE(x.who("w", key) == was);
  // With more of them, keys only move to the new ones.
  x.bot("w", 9, config::balance_mode::consistent_hash);
  std::size_t moved = 0;
  for (const auto& [key, was] : before)
    if (const auto now = x.who("w", key); now != was) {
      BOOST_TEST(now == "w#8");
      ++moved;
    }
  BOOST_TEST((moved > 300 && moved < 600), moved);
  // No key: whoever has least to do.
  x.loads["w#4"] = 1;
  std::set<std::string> got;
  for (int i = 0; i < 16; ++i)
    got.insert(x.who("w"));
  BOOST_TEST(got.size() == 8u);
}

BOOST_AUTO_TEST_CASE(the_one_that_died_with_it_is_avoided_if_there_is_another) {
  fleet x;
  x.bot("w", 2);
  for (int i = 0; i < 3; ++i)
    BOOST_TEST(x.who("w", {}, "w#0") == "w#1");
  x.put("w#1", state::stopped, false);
  BOOST_TEST(x.who("w", {}, "w#0") == "w#0");
}

BOOST_AUTO_TEST_CASE(a_group_is_everyone_in_it_but_the_sender) {
  fleet x;
  x.bot("eu/market/trader", 2);
  x.bot("eu/feed");
  x.bot("flaky");
  BOOST_TEST(x.everyone("eu/market/*") == "eu/market/trader#0 eu/market/trader#1 ");
  BOOST_TEST(x.everyone("eu/*", "eu/feed#0") == "eu/market/trader#0 eu/market/trader#1 ");
  BOOST_TEST(x.everyone("*") == "eu/market/trader#0 eu/market/trader#1 eu/feed#0 flaky#0 ");
  x.put("eu/market/trader#0", state::stopped, false);
  x.put("eu/market/trader#1", state::backoff);
  BOOST_TEST(x.everyone("eu/market/*") == "eu/market/trader#1 ");
  BOOST_TEST(x.everyone("eu/market/*", "eu/market/trader#1")
             == "not_running: nobody else in eu/market/ runs");
}
