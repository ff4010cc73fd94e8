#include "runtime/shell/roff.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe::shell;

BOOST_AUTO_TEST_SUITE(text_for_roff)

BOOST_AUTO_TEST_CASE(nothing_is_taken_for_a_request_or_an_escape) {
  BOOST_TEST(roff::plain(".TH x") == "\\&.TH x");
  BOOST_TEST(roff::plain("'x'") == "\\(aqx\\(aq");
  BOOST_TEST(roff::plain("a\n.b") == "a\n\\&.b");
  BOOST_TEST(roff::plain("\\n") == "\\en");
  BOOST_TEST(roff::plain("--wait") == "\\-\\-wait");
  BOOST_TEST(roff::plain("~/x^`") == "\\(ti/x\\(ha\\(ga");
}

BOOST_AUTO_TEST_CASE(other_characters_are_named) {
  BOOST_TEST(roff::plain("«x»…") == "\\[u00AB]x\\[u00BB]\\[u2026]");
  BOOST_TEST(roff::plain("\xf0\x9f\x8e\xad") == "\\[u1F3AD]");
}

BOOST_AUTO_TEST_CASE(code_is_bold_and_a_glob_stays_a_glob) {
  BOOST_TEST(roff::prose("see `a-b`.") == "see \\fBa\\-b\\fR.");
  BOOST_TEST(roff::prose("*Not yet.*") == "\\fINot yet.\\fR");
  BOOST_TEST(roff::prose("a (market/*, **/feed)") == "a (market/*, **/feed)");
  BOOST_TEST(roff::prose("an open ` stays") == "an open \\(ga stays");
}

BOOST_AUTO_TEST_SUITE_END()
