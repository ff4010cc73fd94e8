#include "actors/messaging/table_builder.hpp"
#include "config/names.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

using namespace troupe;
using namespace troupe::messaging;

namespace {

/// A fleet of these bots, each with so many instances; `mark` tells specs apart.
config::spec_ptr fleet_of(const std::map<std::string, std::uint32_t>& bots,
                          const std::string& mark = {}) {
  auto result = std::make_shared<config::fleet_spec>();
  result->name = "demo";
  config::bot_spec spec;
  spec.description = mark;
  spec.balance = config::balance_mode::round_robin;
  const auto one = std::make_shared<const config::bot_spec>(spec);
  std::set<std::string> groups{""};
  for (const auto& [name, replicas] : bots) {
    auto entry = std::make_shared<config::bot_entry>();
    entry->name = name;
    entry->instances.assign(replicas, one);
    result->bots.emplace(name, entry);
  }
  auto root = std::make_shared<config::group_entry>();
  auto empty = std::make_shared<config::group_entry>();
  empty->name = "empty";
  root->children.push_back({"empty", nullptr, empty});
  result->root = root;
  return result;
}

instance_record record(const std::string& bot, std::uint32_t index, state now,
                       std::uint64_t incarnation = 1, bool wanted = true) {
  instance_record result;
  result.name = config::join_instance(bot, index);
  result.bot = bot;
  result.index = index;
  result.now = now;
  result.incarnation = incarnation;
  result.wanted = wanted;
  return result;
}

std::string names(const routing_table& table, const std::string& group) {
  const auto* found = table.groups.get(group);
  if (!found)
    return "none";
  std::string result;
  for (const auto& each : **found)
    result += each + ' ';
  return result;
}

std::string members(const routing_table& table, const std::string& bot) {
  const auto* found = table.bots.get(bot);
  if (!found)
    return "none";
  std::string result;
  for (const auto& each : (*found)->members) {
    BOOST_TEST(each == *table.instances.get(each->instance));
    result += std::to_string(each->index) + ':' + std::string{to_string(each->now)}
              + (each->leaving ? " leaving " : " ");
  }
  return result;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_table_has_the_spec_and_the_states) {
  table_builder x;
  BOOST_TEST(!x.make());
  x.note(record("eu/market/trader", 1, state::running, 7)); // before the spec that has it
  x.apply(fleet_of({{"eu/market/trader", 2}, {"eu/feed", 1}, {"flaky", 1}}), 3);
  const auto table = x.make();
  BOOST_REQUIRE(table);
  BOOST_TEST(!x.make());
  BOOST_TEST(table->fleet == "demo");
  BOOST_TEST(table->version == 3u);
  BOOST_TEST(table->instances.size() == 4u);
  BOOST_TEST(members(*table, "eu/market/trader") == "0:defined 1:running ");
  BOOST_TEST(names(*table, "") == "eu/feed eu/market/trader flaky ");
  BOOST_TEST(names(*table, "eu") == "eu/feed eu/market/trader ");
  BOOST_TEST(names(*table, "eu/market") == "eu/market/trader ");
  BOOST_TEST(names(*table, "empty") == "");
  BOOST_TEST(names(*table, "nowhere") == "none");
  const auto& trader = **table->instances.get("eu/market/trader#1");
  BOOST_TEST(trader.incarnation == 7u);
  BOOST_TEST(trader.group == "eu/market");
  BOOST_TEST(trader.wanted);
  BOOST_TEST(trader.takes());
  BOOST_CHECK((*table->bots.get("eu/market/trader"))->balance == config::balance_mode::round_robin);
}

BOOST_AUTO_TEST_CASE(what_has_not_changed_is_shared) {
  std::map<std::string, std::uint32_t> bots;
  for (int i = 0; i < 1000; ++i)
    bots["g" + std::to_string(i % 10) + "/bot" + std::to_string(i)] = 10;
  table_builder x;
  x.apply(fleet_of(bots), 1);
  const auto before = x.make();
  BOOST_TEST(before->instances.size() == 10'000u);
  x.note(record("g7/bot7", 3, state::running));
  x.note(record("g7/bot7", 3, state::running)); // nothing new
  const auto after = x.make();
  BOOST_TEST(!x.make());
  std::string changed;
  decltype(routing_table::instances)::differences(
      before->instances, after->instances,
      [&](const std::string& name, const route_ptr* a, const route_ptr* b) {
        BOOST_REQUIRE((a && b));
        changed += name + ' ' + std::string{to_string((*a)->now)} + ' '
                   + std::string{to_string((*b)->now)};
      });
  BOOST_TEST(changed == "g7/bot7#3 defined running");
  std::size_t other_pools = 0, other_groups = 0;
  decltype(routing_table::bots)::differences(before->bots, after->bots,
                                             [&](auto&&...) { ++other_pools; });
  decltype(routing_table::groups)::differences(before->groups, after->groups,
                                               [&](auto&&...) { ++other_groups; });
  BOOST_TEST(other_pools == 1u);
  BOOST_TEST(other_groups == 0u);
  // The one that was handed out stays as it was.
  BOOST_TEST(to_string((*before->instances.get("g7/bot7#3"))->now) == "defined");
  // The same spec again is no news but for its number.
  x.apply(fleet_of(bots), 2);
  BOOST_TEST(x.make()->version == 2u);
}

BOOST_AUTO_TEST_CASE(what_the_config_drops_leaves_with_its_process) {
  table_builder x;
  x.apply(fleet_of({{"a", 3}, {"g/b", 1}}), 1);
  x.note(record("a", 1, state::stopped, 4, false));
  x.note(record("a", 2, state::running, 5));
  x.note(record("g/b", 0, state::running, 6));
  x.make();
  x.apply(fleet_of({{"a", 1}}), 2);
  auto table = x.make();
  BOOST_TEST(members(*table, "a") == "0:defined 2:running leaving ");
  BOOST_TEST(!(*table->instances.get("a#2"))->takes());
  BOOST_TEST(!(*table->instances.get("a#2"))->returns());
  BOOST_TEST((*table->instances.get("a#2"))->spec); // what it had
  BOOST_TEST(members(*table, "g/b") == "0:running leaving ");
  BOOST_TEST(names(*table, "") == "a g/b ");
  x.note(record("a", 2, state::stopping, 5, false));
  BOOST_TEST(members(*x.make(), "a") == "0:defined 2:stopping leaving ");
  x.note(record("a", 2, state::stopped, 5, false));
  x.note(record("g/b", 0, state::stopped, 6, false));
  table = x.make();
  BOOST_TEST(members(*table, "a") == "0:defined ");
  BOOST_TEST(members(*table, "g/b") == "none");
  BOOST_TEST(names(*table, "") == "a ");
  BOOST_TEST(names(*table, "g") == "none");
  BOOST_TEST(table->instances.size() == 1u);
}

BOOST_AUTO_TEST_CASE(one_that_comes_back_is_there_again) {
  table_builder x;
  x.apply(fleet_of({{"a", 2}}), 1);
  x.note(record("a", 1, state::running, 5));
  x.apply(fleet_of({{"a", 1}}), 2);
  x.apply(fleet_of({{"a", 2}}), 3);
  BOOST_TEST(members(*x.make(), "a") == "0:defined 1:running ");
  // Scaled up: its first word may come before its spec does.
  x.note(record("a", 2, state::waiting, 0));
  BOOST_TEST(!x.make());
  x.apply(fleet_of({{"a", 3}}), 4);
  BOOST_TEST(members(*x.make(), "a") == "0:defined 1:running 2:waiting ");
}

BOOST_AUTO_TEST_CASE(an_old_word_changes_nothing) {
  table_builder x;
  x.apply(fleet_of({{"a", 1}}), 1);
  x.note(record("a", 0, state::running, 5));
  x.make();
  x.note(record("a", 0, state::backoff, 4));
  BOOST_TEST(!x.make());
  x.note(record("a", 0, state::backoff, 5));
  BOOST_TEST(members(*x.make(), "a") == "0:backoff ");
}

BOOST_AUTO_TEST_CASE(new_settings_are_a_new_route) {
  table_builder x;
  x.apply(fleet_of({{"a", 1}, {"b", 1}}), 1);
  const auto before = x.make();
  x.apply(fleet_of({{"a", 1}, {"b", 1}}, "new"), 2);
  const auto after = x.make();
  BOOST_TEST((*before->instances.get("a#0"))->spec->description == "");
  BOOST_TEST((*after->instances.get("a#0"))->spec->description == "new");
}
