// What people are shown of the audit.

#include "runtime/shell/render.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::shell;

namespace {

const terminal pipe_end{};

std::string shown(const char* command, const char* document) {
  return render(command, json::parse(document), pipe_end);
}

} // namespace

BOOST_AUTO_TEST_SUITE(rendering_the_audit)

BOOST_AUTO_TEST_CASE(a_list_is_a_table) {
  BOOST_TEST(shown("audit list", R"({"entries":[
    {"id":7,"time":"2026-01-31T12:00:00Z","uid":1000,"pid":12,"origin":"admin.sock",
     "command":"stop a\u001b[2J","outcome":"accepted by 1","version":null},
    {"id":9,"time":"2026-01-31T12:00:01Z","uid":0,"pid":13,"origin":"admin.sock",
     "command":"scale a 4","outcome":"done","version":3}]})")
             == "ID  TIME                  WHO       FROM        COMMAND        VERSION  OUTCOME\n"
                "7   2026-01-31T12:00:00Z  uid 1000  admin.sock  stop a\\x1b[2J           accepted "
                "by 1\n"
                "9   2026-01-31T12:00:01Z  uid 0     admin.sock  scale a 4      3        done\n");
  BOOST_TEST(shown("audit list", R"({"entries":[]})")
             == "there are no such entries in the audit\n");
}

BOOST_AUTO_TEST_CASE(an_entry_is_shown_with_what_it_changed) {
  BOOST_TEST(shown("audit show", R"({"entry":{"id":9,"time":"2026-01-31T12:00:01Z","uid":0,
    "pid":13,"origin":"admin.sock","command":"scale a 4","outcome":null,"version":3,
    "patch":[{"op":"replace","path":"/a/replicas","value":4},{"op":"remove","path":"/b"}]}})")
             == "id       9\n"
                "time     2026-01-31T12:00:01Z\n"
                "who      uid 0, pid 13\n"
                "from     admin.sock\n"
                "command  scale a 4\n"
                "outcome  not known\n"
                "version  3\n"
                "changes\n"
                "  replace /a/replicas 4\n"
                "  remove /b\n");
}

BOOST_AUTO_TEST_CASE(a_look_over_it_says_what_is_wrong_or_what_to_note) {
  BOOST_TEST(shown("audit verify", R"({"ok":true,"entries":6,"first":7,"last":12,"hash":"ab",
    "bad":null,"problem":null,"noted":{"hash":"cd","id":9}})")
             == "the audit is as it was written: 7 to 12\n"
                "the hash that was noted is that of 9\n"
                "hash of 12: ab\n");
  BOOST_TEST(
      shown("audit verify", R"({"ok":false,"entries":1,"first":7,"last":7,"hash":"ab","bad":8,
    "problem":"it is missing: after 7 comes 9"})")
      == "the audit is not as it was written: 8: it is missing: after 7 comes 9\n");
  BOOST_TEST(shown("audit verify", R"({"ok":true,"entries":0,"problem":null})")
             == "the audit is empty\n");
}

BOOST_AUTO_TEST_CASE(nothing_is_expected_of_a_document) {
  for (const auto* command : {"audit list", "audit show", "audit verify"})
    for (const auto* document :
         {"null", "[]", "{}", R"({"entry":5})", R"({"entry":{"patch":5}})",
          R"({"entry":{"patch":[5,{}]}})", R"({"entries":[5,null]})", R"({"noted":5})"})
      BOOST_CHECK_NO_THROW(shown(command, document));
}

BOOST_AUTO_TEST_SUITE_END()
