#include "actors/messaging/permissions.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::messaging;

namespace {

permissions of(std::string_view group, std::optional<std::vector<std::string>> send = {},
               std::optional<std::vector<std::string>> subscribe = {}) {
  config::bot_spec spec;
  spec.may_send = std::move(send);
  spec.may_subscribe = std::move(subscribe);
  return {spec, group};
}

bool sends(const permissions& who, std::string_view to) {
  return who.may_send(parse_address(to));
}

} // namespace

BOOST_AUTO_TEST_CASE(a_bot_has_its_own_group_and_what_is_below) {
  const auto bot = of("eu/market");
  for (const char* to : {"eu/market/trader", "eu/market/trader#7", "eu/market/trader#7/pricer",
                         "eu/market/deep/x", "eu/market/*", "eu/market/deep/*",
                         "topic:eu.market.ticks", "topic:eu.market.a.b", "runtime/state"})
    BOOST_TEST(sends(bot, to), to);
  for (const char* to : {"eu/other", "eu/*", "*", "flaky", "eu/marketing/x", "topic:ticks",
                         "topic:eu.market", "topic:eu.other.x", "", "nonsense//"})
    BOOST_TEST(!sends(bot, to), to);
  for (const char* pattern : {"eu.market.>", "eu.market.*", "eu.market.ticks"})
    BOOST_TEST(bot.may_subscribe(pattern), pattern);
  for (const char* pattern : {">", "eu.>", "eu.*.x", "ticks"})
    BOOST_TEST(!bot.may_subscribe(pattern), pattern);
  BOOST_TEST(bot.describe_send() == "may send to eu/market/ and to topic:eu.market.>");
  BOOST_TEST(bot.describe_subscribe() == "may subscribe to eu.market.>");
}

BOOST_AUTO_TEST_CASE(a_bot_of_the_root_has_the_whole_fleet) {
  const auto bot = of("");
  for (const char* to : {"flaky", "eu/market/trader#1", "*", "eu/*", "topic:anything.at.all"})
    BOOST_TEST(sends(bot, to), to);
  BOOST_TEST(bot.may_subscribe(">"));
  BOOST_TEST(bot.may_send_group(""));
}

BOOST_AUTO_TEST_CASE(a_list_says_it_all) {
  const auto bot =
      of("market", {{"alerts/mailer", "risk/", "ops/pager#0", "eu/x/*", "topic:ticks.*"}},
         {{"topic:alarms.>", "news"}});
  for (const char* to :
       {"alerts/mailer", "alerts/mailer#3", "risk/guard", "risk/deep/x#0", "risk/*", "ops/pager#0",
        "eu/x/y", "eu/x/*", "topic:ticks.btc", "runtime/time"})
    BOOST_TEST(sends(bot, to), to);
  for (const char* to : {"market/trader", "market/*", "alerts/other", "alerts/*", "ops/pager",
                         "ops/pager#1", "eu/*", "topic:ticks.btc.usd", "topic:market.x", "*"})
    BOOST_TEST(!sends(bot, to), to);
  BOOST_TEST(bot.may_subscribe("alarms.fire"));
  BOOST_TEST(bot.may_subscribe("alarms.>"));
  BOOST_TEST(bot.may_subscribe("news"));
  BOOST_TEST(!bot.may_subscribe("market.x"));
  BOOST_TEST(bot.may_send_group("risk"));
  BOOST_TEST(bot.may_send_group("risk/deep"));
  BOOST_TEST(!bot.may_send_group("market"));
  BOOST_TEST(!bot.may_send_group(""));
}

BOOST_AUTO_TEST_CASE(an_empty_list_allows_only_services) {
  const auto bot = of("market", {{}}, {{}});
  BOOST_TEST(!sends(bot, "market/trader"));
  BOOST_TEST(!sends(bot, "topic:market.x"));
  BOOST_TEST(sends(bot, "runtime/time"));
  BOOST_TEST(!bot.may_subscribe("market.x"));
  BOOST_TEST(bot.describe_send() == "may send nothing");
}

BOOST_AUTO_TEST_CASE(the_whole_fleet_can_be_named) {
  for (const char* entry : {"/", "*"}) {
    const auto bot = of("market", {{entry}});
    BOOST_TEST(sends(bot, "flaky"));
    BOOST_TEST(sends(bot, "eu/deep/x#1"));
    BOOST_TEST(sends(bot, "*"));
    BOOST_TEST(!sends(bot, "topic:a"));
  }
}

BOOST_AUTO_TEST_CASE(nonsense_in_a_list_allows_nothing) {
  const auto bot = of("market", {{"", "topic:", "topic:a.>.b", "//"}}, {{"", "topic:", ">.a"}});
  for (const char* to : {"flaky", "market/trader", "*", "topic:a", "topic:a.x.b"})
    BOOST_TEST(!sends(bot, to), to);
  BOOST_TEST(!bot.may_subscribe("a"));
}
