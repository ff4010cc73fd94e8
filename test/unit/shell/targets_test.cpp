#include "actors/commands/documents.hpp"
#include "actors/commands/targets.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::commands;

BOOST_AUTO_TEST_SUITE(times)

BOOST_AUTO_TEST_CASE(are_written_as_rfc_3339) {
  BOOST_TEST(rfc3339(0) == "1970-01-01T00:00:00.000Z");
  BOOST_TEST(rfc3339(1'769'860'800'250'999) == "2026-01-31T12:00:00.250Z");
  BOOST_TEST(rfc3339(-1) == "1969-12-31T23:59:59.999Z");
}

BOOST_AUTO_TEST_CASE(are_read_as_such_or_as_ago) {
  const std::int64_t now = 1'769'860'800'000'000;
  BOOST_TEST(*parse_time("10m", now) == now - 600'000'000);
  BOOST_TEST(*parse_time("2026-01-31T12:00:00Z", 0) == now);
  BOOST_TEST(*parse_time("2026-01-31T12:00:00.250Z", 0) == now + 250'000);
  BOOST_TEST(*parse_time("2026-01-31 12:00:00", 0) == now);
  BOOST_TEST(*parse_time("2026-01-31T12:00Z", 0) == now);
  BOOST_TEST(*parse_time("2026-01-31", 0) == now - 12ll * 3600 * 1'000'000);
  for (const auto* bad : {"", "yesterday", "10", "2026-13-01", "2026-01-31T12:00:00+01:00", "12:00",
                          "2026-01-31T12:00:00Zx"})
    BOOST_TEST(!parse_time(bad, now).has_value(), bad);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(labels)

BOOST_AUTO_TEST_CASE(of_groups_hold_for_what_is_in_them) {
  auto bot = std::make_shared<config::bot_entry>();
  bot->name = "market/feed";
  auto plain = std::make_shared<config::bot_spec>();
  auto other = std::make_shared<config::bot_spec>();
  other->labels = {{"tier", "2"}};
  bot->instances = {plain, other};
  auto group = std::make_shared<config::group_entry>();
  group->name = "market";
  group->labels = {{"tier", "1"}};
  group->children.push_back({"feed", bot, nullptr});
  auto root = std::make_shared<config::group_entry>();
  root->children.push_back({"market", nullptr, group});
  config::fleet_spec fleet;
  fleet.root = root;
  fleet.bots["market/feed"] = bot;
  const auto with = [&](const char* label) {
    const auto got = resolve(fleet, {{}, {label}});
    return got ? got->instances : std::vector<std::string>{};
  };
  BOOST_TEST((with("tier=1") == std::vector<std::string>{"market/feed#0"}));
  BOOST_TEST((with("tier=2") == std::vector<std::string>{"market/feed#1"}));
  BOOST_TEST(with("tier").size() == 2);
  BOOST_TEST(with("tier=").empty());
}

BOOST_AUTO_TEST_CASE(the_whole_fleet_is_known_as_such) {
  config::fleet_spec fleet;
  BOOST_TEST(resolve(fleet, {})->everything);
  BOOST_TEST(resolve(fleet, {})->instances.empty());
}

BOOST_AUTO_TEST_SUITE_END()
