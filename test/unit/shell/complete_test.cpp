#include "runtime/shell/complete.hpp"
#include "runtime/shell/fleet_names.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe::shell;
using words = std::vector<std::string>;

namespace {

words offered(const char* line) {
  return complete(line,
                  [] {
                    return words{"flaky", "flaky#0", "market/", "market/feed", "market/feed#0"};
                  })
      .candidates;
}

} // namespace

BOOST_AUTO_TEST_SUITE(completion_by_tab)

BOOST_AUTO_TEST_CASE(first_comes_a_command) {
  BOOST_TEST((offered("sta") == words{"start", "state", "stats", "status"}));
  BOOST_TEST((offered("  pi") == words{"ping"}));
  BOOST_TEST(offered("").size() > 20);
  BOOST_TEST((offered("awa") == words{}));
}

BOOST_AUTO_TEST_CASE(then_what_the_command_takes) {
  BOOST_TEST((offered("stop ma") == words{"market/", "market/feed", "market/feed#0"}));
  BOOST_TEST((offered("stop flaky market/f") == words{"market/feed", "market/feed#0"}));
  BOOST_TEST((offered("show ma") == words{"market/feed", "market/feed#0"}));
  BOOST_TEST((offered("show flaky ma") == words{}));
  BOOST_TEST((offered("signal H") == words{"HUP"}));
  BOOST_TEST((offered("signal HUP fl") == words{"flaky", "flaky#0"}));
  BOOST_TEST((offered("help sta") == words{"start", "state", "stats", "status"}));
  BOOST_TEST((offered("set fl") == words{"flaky", "flaky#0"}));
  BOOST_TEST((offered("set flaky limits.memory_") == words{"limits.memory_high"}));
  BOOST_TEST((offered("config ver") == words{"versions"}));
  BOOST_TEST((offered("config explain flaky watchd") == words{"watchdog"}));
  BOOST_TEST((offered("ping ") == words{}));
  BOOST_TEST((offered("ls fl") == words{"flaky", "flaky#0"}));
}

BOOST_AUTO_TEST_CASE(options_belong_to_their_command) {
  BOOST_TEST((offered("stop --w") == words{"--wait"}));
  BOOST_TEST((offered("status --w") == words{}));
  BOOST_TEST((offered("events -n 5 fl") == words{"flaky", "flaky#0"}));
  BOOST_TEST((offered("events -n ") == words{}));
  BOOST_TEST((offered("start --wait fl") == words{"flaky", "flaky#0"}));
}

BOOST_AUTO_TEST_CASE(what_stands_before_the_command_is_passed_over) {
  BOOST_TEST((offered("--state /x stop fl") == words{"flaky", "flaky#0"}));
  BOOST_TEST((offered("--state=/x --json stop fl") == words{"flaky", "flaky#0"}));
  BOOST_TEST((offered("--json sta") == words{"start", "state", "stats", "status"}));
  BOOST_TEST((offered("--st") == words{"--state"}));
  BOOST_TEST((offered("--timeout 3") == words{"30s"}));
  const auto path = complete_after({"--state"}, "/v", [] { return words{"never"}; });
  BOOST_TEST(path.candidates.empty());
  BOOST_TEST((path.kind == troupe::word_kind::path));
}

BOOST_AUTO_TEST_CASE(values_are_offered_too) {
  BOOST_TEST((offered("completion ") == words{"bash", "fish", "zsh"}));
  BOOST_TEST((offered("completion bash ") == words{}));
  BOOST_TEST((offered("stop --wait=3") == words{"--wait=30s"}));
  BOOST_TEST((offered("stop --dry-run=") == words{}));
  BOOST_TEST((offered("stop --nonsense=x") == words{}));
}

BOOST_AUTO_TEST_CASE(names_are_asked_for_only_where_they_may_stand) {
  int asked = 0;
  const auto count = [&] {
    ++asked;
    return words{};
  };
  complete_after({"stop"}, "--w", count);
  complete_after({}, "st", count);
  complete_after({"run"}, "x", count);
  BOOST_TEST(asked == 0);
  complete_after({"stop"}, "x", count);
  BOOST_TEST(asked == 1);
}

BOOST_AUTO_TEST_CASE(names_come_from_the_status) {
  BOOST_TEST((fleet_names(R"({"instances":[{"bot":"a/b/c","name":"a/b/c#0"},)"
                          R"({"bot":"x","name":"x#0"},{"bot":"x","name":"x#1"}]})")
              == words{"a/", "a/b/", "a/b/c", "a/b/c#0", "x", "x#0", "x#1"}));
  BOOST_TEST(fleet_names("nonsense").empty());
  BOOST_TEST(fleet_names("[]").empty());
}

BOOST_AUTO_TEST_CASE(odd_lines_offer_nothing) {
  BOOST_TEST((offered("nonsense fl") == words{}));
  BOOST_TEST((offered("stop 'a fl") == words{}));
}

BOOST_AUTO_TEST_CASE(the_common_beginning) {
  BOOST_TEST(common_beginning({"start", "status"}) == "sta");
  BOOST_TEST(common_beginning({"a"}) == "a");
  BOOST_TEST(common_beginning({}) == "");
  BOOST_TEST(common_beginning({"a", "b"}) == "");
}

BOOST_AUTO_TEST_SUITE_END()
