// The admin actor: events and deaths.

#include "virtual_time.hpp"

#include <boost/test/unit_test.hpp>

#include <sstream>

using namespace troupe;
using namespace troupe::test;

namespace {

std::vector<std::uint64_t> sequence(const std::string& lines) {
  std::vector<std::uint64_t> result;
  std::istringstream in{lines};
  for (std::string line; std::getline(in, line);)
    result.push_back(nlohmann::json::parse(line)["seq"]);
  return result;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(the_past, virtual_time)

BOOST_AUTO_TEST_CASE(deaths_are_given_as_they_are_kept) {
  for (int i = 0; i < 12; ++i)
    w->deaths.push_back({"flaky#0",
                         static_cast<std::uint64_t>(i),
                         1,
                         "killed",
                         {-1, 9, true},
                         500'000,
                         0,
                         0,
                         std::string{"\x1b]0;x\a\xff"}});
  begin();
  auto r = ask("deaths", R"({"bot":"flaky"})");
  BOOST_REQUIRE(r.document["deaths"].size() == 10);
  BOOST_TEST(r.document["deaths"][0]["signal"] == 9);
  BOOST_TEST(r.document["deaths"][0]["code"].is_null());
  BOOST_TEST(r.document["deaths"][0]["uptime_s"] == 0.5);
  r = ask("deaths", R"({"bot":"flaky","last":2})");
  BOOST_TEST(r.document["deaths"].size() == 2);
  BOOST_TEST(r.document["deaths"][1]["incarnation"] == 11);
}

BOOST_AUTO_TEST_CASE(events_are_lines_and_go_on_after_a_number) {
  begin();
  for (std::uint64_t i = 1; i <= 1500; ++i)
    w->events.push_back({i, static_cast<std::int64_t>(i) * 1'000'000,
                         i % 2 ? "flaky#0" : "market/feed#0", i, state::waiting, state::starting,
                         "x"});
  auto got = sequence(ask("events").text);
  BOOST_REQUIRE(got.size() == 1000);
  got = sequence(ask("events", R"({"after":1000})").text);
  BOOST_REQUIRE(got.size() == 500);
  BOOST_TEST(got.front() == 1001);
  BOOST_TEST(sequence(ask("events", R"({"last":3})").text).front() == 1498);
  BOOST_TEST(sequence(ask("events", R"({"last":0})").text).empty());
  got = sequence(ask("events", R"({"targets":["flaky"],"last":2})").text);
  BOOST_TEST((got == std::vector<std::uint64_t>{1497, 1499}));
  got = sequence(ask("events", R"({"since":"1970-01-01T00:24:59Z"})").text);
  BOOST_TEST((got == std::vector<std::uint64_t>{1499, 1500}));
  BOOST_TEST(ask("events", R"({"since":"yesterday"})").exit == 2);
  BOOST_TEST(ask("events", R"({"wait_ms":5001})").exit == 2);
}

BOOST_AUTO_TEST_CASE(events_are_waited_for) {
  begin();
  w->on_await = [this] {
    if (std::ranges::count(w->heard, "await") < 2)
      return; // where the sequence stands
    w->events.push_back({1, 1, "flaky#0", 1, state::waiting, state::starting, "x"});
    w->committed = 1;
  };
  BOOST_TEST(sequence(ask("events", R"({"wait_ms":5000})").text).size() == 1);
  BOOST_TEST((w->heard == std::vector<std::string>{"await", "query", "await", "query"}));
  // What is there already is not waited for.
  w->heard.clear();
  BOOST_TEST(sequence(ask("events", R"({"wait_ms":5000})").text).size() == 1);
  BOOST_TEST((w->heard == std::vector<std::string>{"await", "query"}));
}

BOOST_AUTO_TEST_CASE(events_of_others_do_not_end_the_wait) {
  begin();
  w->committed = 70; // long ahead of what the client has seen
  w->on_await = [this] {
    if (std::ranges::count(w->heard, "await") == 2)
      w->committed = 71; // of somebody else
  };
  const auto r = ask_and_wait("events", R"({"after":3,"wait_ms":5000,"targets":["flaky"]})",
                              std::chrono::seconds{5});
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(r.text == "");
  // Once to begin with, once for the other's event, once when the time was up.
  BOOST_TEST(std::ranges::count(w->heard, "query") == 3);
  BOOST_TEST(std::ranges::count(w->heard, "await") == 3);
}

BOOST_AUTO_TEST_CASE(what_is_gone_has_a_past) {
  begin();
  w->deaths.push_back({"flaky#4", 2, 1, "killed", {-1, 9, false}, 1, 0, 0, ""});
  w->events.push_back({1, 1, "flaky#4", 2, state::stopping, state::stopped, "x"});
  w->events.push_back({2, 1, "flaky#0", 1, state::waiting, state::starting, "x"});
  w->events.push_back({3, 1, "gone/bot#0", 1, state::waiting, state::starting, "x"});
  BOOST_TEST(ask("deaths", R"({"bot":"flaky#4"})").document["deaths"].size() == 1);
  BOOST_TEST(ask("deaths", R"({"bot":"flaky#5"})").exit == 5);
  const auto lines = [&](const std::string& targets) {
    const auto r = ask("events", "{\"targets\":[" + targets + "]}");
    return r.exit == 0 ? std::ranges::count(r.text, '\n') : -r.exit;
  };
  BOOST_TEST(lines(R"("flaky#4")") == 1);
  BOOST_TEST(lines(R"("flaky")") == 2);
  BOOST_TEST(lines(R"("flaky#0")") == 2); // all that it has: the bot is meant
  BOOST_TEST(lines(R"("gone/bot","flaky#4")") == 2);
  BOOST_TEST(lines(R"("flaky#5")") == -5);
  BOOST_TEST(lines(R"("gone/bot","nobody")") == -5);
  BOOST_TEST(lines(R"("No Name")") == -2);
}

BOOST_AUTO_TEST_SUITE_END()
