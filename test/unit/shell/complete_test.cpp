#include "runtime/shell/complete.hpp"

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
  BOOST_TEST((offered("sta") == words{"start", "stats", "status"}));
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
  BOOST_TEST((offered("help sta") == words{"start", "stats", "status"}));
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
