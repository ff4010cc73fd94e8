// What people are shown of versions, where values come from, and how the config stands.

#include "runtime/shell/render.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::shell;

namespace {

const terminal pipe_end{};

std::string shown(const char* command, const char* document) {
  return render(command, json::parse(document), pipe_end);
}

std::string word(const char* standing) {
  return standing_word(json::parse(standing));
}

std::string lines(const char* standing) {
  return standing_lines(json::parse(standing), pipe_end);
}

const char* const updating = R"({"version":8,"state":"updating","disk":{"state":"same"},
  "update":{"number":8,"done":3,"total":10,"bot":"market/trader","batch":2,"of":4}})";
const char* const stopped = R"({"version":8,"state":"stopped","disk":{"state":"differs"},
  "update":{"number":8,"done":3,"total":10,"failed":"a#0 exited with code 1\u001b[2J"}})";
const char* const invalid = R"({"version":7,"state":"healthy","disk":{"state":"invalid",
  "since":"2026-01-31T12:00:00.000Z","problems":[
  {"file":"w.json","line":1,"column":1,"message":"only a warning","level":"warning"},
  {"file":"a.json","line":4,"column":3,"message":"unknown key \"replica\"","level":"error"},
  {"file":"b.json","line":0,"column":0,"message":"more","level":"error"}]}})";

} // namespace

BOOST_AUTO_TEST_SUITE(rendering_the_config)

BOOST_AUTO_TEST_CASE(a_status_has_a_line_when_there_is_something_to_see) {
  BOOST_TEST(lines(R"({"version":7,"state":"healthy","disk":{"state":"same"}})").empty());
  BOOST_TEST(lines(updating)
             == "config: version 8 is being carried out: 3 of 10 instances, now market/trader, "
                "batch 2 of 4\n");
  BOOST_TEST(lines(stopped)
             == "config: version 8 stopped on its way: a#0 exited with code 1\\x1b[2J; `troupe "
                "apply` goes on, `troupe rollback N` goes back\n"
                "config: the tree on disk differs from version 8; see `troupe plan`, bring it into "
                "force with `troupe apply`\n");
  BOOST_TEST(lines(invalid)
             == "config: the tree on disk is not valid, version 7 stays in force: a.json:4:3: "
                "unknown key \"replica\" (and 1 more)\n");
  BOOST_TEST(lines(R"({"version":7,"state":"healthy","disk":{"state":"conflict"}})")
             == "config: the tree on disk is in conflict with what was set, version 7 stays in "
                "force; see `troupe plan`\n");
  const auto status = R"({"fleet":"demo","instances":[],"config":)" + std::string{invalid} + "}";
  BOOST_TEST(shown("status", status.c_str()).ends_with(lines(invalid)));
}

BOOST_AUTO_TEST_CASE(a_prompt_has_a_word) {
  BOOST_TEST(word(updating) == "3/10");
  BOOST_TEST(word(stopped) == "stopped");
  BOOST_TEST(word(invalid) == "invalid");
  BOOST_TEST(word(R"({"state":"healthy","disk":{"state":"differs"}})") == "differs");
  BOOST_TEST(word(R"({"state":"healthy","disk":{"state":"conflict"}})") == "conflict");
  for (const auto* plain :
       {"{}", "null", R"({"state":"healthy","disk":{"state":"same"}})",
        R"({"state":"healthy","disk":{"state":"unknown"}})", R"({"disk":5,"state":{}})"})
    BOOST_TEST(word(plain).empty());
}

BOOST_AUTO_TEST_CASE(standing_is_shown_whole) {
  BOOST_TEST(shown("config standing", R"({"version":7,"state":"healthy","hash":"ab","root":"/srv",
    "profile":"","auto_apply":true,"disk":{"state":"invalid","since":"2026-01-31T12:00:00.000Z",
    "problems":[{"file":"a.json","line":4,"column":3,"message":"bad","level":"error"}]}})")
             == "version    7\n"
                "state      healthy\n"
                "hash       ab\n"
                "tree       /srv\n"
                "auto_apply true\n"
                "on disk    invalid, since 2026-01-31T12:00:00.000Z\n"
                "problem    a.json:4:3: bad\n");
}

BOOST_AUTO_TEST_CASE(versions_are_a_table_with_the_one_in_force_marked) {
  BOOST_TEST(shown("config versions", R"({"version":2,"versions":[
    {"number":2,"time":"T2","author":"uid 0","reason":"a\u001bb","hash":"0123456789","state":"healthy"},
    {"number":1,"time":"T1","author":"runtime","reason":"first","hash":"ab","state":"rolled back"}]})")
             == "   VERSION  TIME  STATE        BY       HASH      REASON\n"
                "*  2        T2    healthy      uid 0    01234567  a\\x1bb\n"
                "   1        T1    rolled back  runtime  ab        first\n");
  BOOST_TEST(shown("config versions", "{}") == "there are no versions yet\n");
}

BOOST_AUTO_TEST_CASE(a_version_is_shown_with_its_files) {
  BOOST_TEST(shown("config show", R"({"number":7,"time":"T","author":"uid 0","reason":"apply",
    "hash":"ab","state":"healthy","profile":"prod","files":[{"path":"a.json",
    "text":"{\n\t\"command\": [\"\u001b\"]\n}"}],"overrides":{"a":{"replicas":2}}})")
             == "version 7 healthy, T, by uid 0: apply\nhash ab\nprofile prod\n"
                "\n── a.json\n{\n\t\"command\": [\"\\x1b\"]\n}\n"
                "\n── set by operators\na  {\"replicas\":2}\n");
}

BOOST_AUTO_TEST_CASE(explain_shows_what_set_a_value_and_what_it_hides) {
  BOOST_TEST(shown("config explain", R"({"instance":"market/trader#0","values":[
    {"pointer":"/limits/memory","value":"128MiB","scope":"override","file":null,"line":null,
     "column":null,"overrides":[{"value":"64MiB","scope":"bot","file":"market/trader.json",
     "line":4,"column":12},{"value":"1GiB","scope":"group defaults","file":"market/group.json",
     "line":2,"column":3}]},
    {"pointer":"/nice","value":5,"scope":"bot","file":"market/trader.json","line":5,"column":3,
     "overrides":[]}]})")
             == "VALUE OF market/trader#0  IS      BY              AT\n"
                "limits.memory             128MiB  override\n"
                "  over                    64MiB   bot             market/trader.json:4:12\n"
                "  over                    1GiB    group defaults  market/group.json:2:3\n"
                "nice                      5       bot             market/trader.json:5:3\n");
}

BOOST_AUTO_TEST_CASE(keys_are_tables_and_one_is_told_whole) {
  BOOST_TEST(shown("config keys", R"({"keys":[
    {"file":"a bot's file","key":"nice","type":"number","default":0,"since":"0.1",
     "change":"restart","choices":[],"summary":"its niceness","description":"How nice."},
    {"file":"group.json","key":"strategy","type":"string","default":"one_for_one","since":"0.1",
     "change":"at once","choices":["one_for_one"],"summary":"what a death means"}]})")
             == "── a bot's file\n"
                "KEY   VALUE   DEFAULT  A CHANGE  SINCE  MEANING\n"
                "nice  number  0        restart   0.1    its niceness\n"
                "\n── group.json\n"
                "KEY       VALUE   DEFAULT        A CHANGE  SINCE  MEANING\n"
                "strategy  string  \"one_for_one\"  at once   0.1    what a death means\n");
  BOOST_TEST(shown("config keys", R"({"keys":[{"file":"group.json","key":"strategy","type":"string",
    "default":"one_for_one","since":"0.1","change":"at once","choices":["a","b"],
    "description":"What a death means."}]})")
             == "key        strategy\nof         group.json\nvalue      string\n"
                "one of     \"a\", \"b\"\ndefault    \"one_for_one\"\na change   at once\n"
                "since      0.1\n           What a death means.\n");
}

BOOST_AUTO_TEST_CASE(nothing_is_expected_of_a_document) {
  for (const auto* command : {"config standing", "config versions", "config show", "config export",
                              "config explain", "config keys"})
    for (const auto* document :
         {"null", "[]", "{}", R"({"versions":[5,null],"values":[5,{"overrides":[1]}],"keys":[6]})",
          R"({"keys":[1,2,{"file":3}],"files":[5,{"text":6}],"overrides":7,"disk":8,"update":9})",
          R"({"disk":{"problems":[1,{}]},"update":{"done":"x"}})"})
      BOOST_CHECK_NO_THROW(shown(command, document));
}

BOOST_AUTO_TEST_SUITE_END()
