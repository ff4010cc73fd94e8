// What people are shown of changes of the config.

#include "runtime/shell/render.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::shell;

namespace {

const terminal pipe_end{};

std::string shown(const char* command, const char* document) {
  return render(command, json::parse(document), pipe_end);
}

const char* const some_plan = R"({
  "version":7,"hash":"abc","problems":[],
  "changes":{"restart":2,"start":1,"stop":1,"adjust":1,"note":1},
  "instances":[
    {"name":"market/feed#0","what":"adjust","why":"limits.memory","changes":[
      {"pointer":"/limits/memory","before":"64MiB","after":"128MiB","scope":"override",
       "file":null,"line":null,"column":null,"change":"now"}]},
    {"name":"market/old#0","what":"stop","why":"gone","changes":[]},
    {"name":"market/trader#0","what":"restart","why":"command, nice","changes":[
      {"pointer":"/command","before":["a"],"after":["b"],"scope":"bot","file":"market/trader.json",
       "line":4,"column":3,"change":"restart"},
      {"pointer":"/nice","before":null,"after":5,"scope":"bot","file":"market/trader.json",
       "line":5,"column":3,"change":"restart"}]},
    {"name":"market/trader#1","what":"restart","why":"command, nice","changes":[
      {"pointer":"/command","before":["a"],"after":["b"],"scope":"bot","file":"market/trader.json",
       "line":4,"column":3,"change":"restart"},
      {"pointer":"/nice","before":null,"after":5,"scope":"bot","file":"market/trader.json",
       "line":5,"column":3,"change":"restart"}]},
    {"name":"market/trader#2","what":"start","why":"replicas","changes":[
      {"pointer":"/replicas","before":2,"after":3,"scope":"bot","file":"market/trader.json",
       "line":6,"column":15,"change":"now"}]},
    {"name":"web#0","what":"note","why":"ready","changes":[
      {"pointer":"/ready/a.b","before":"x\u001b[2J","after":null,"scope":null,"file":null,
       "line":null,"column":null,"change":"next_start"}]}],
  "groups":[
    {"name":"","what":"changed","changes":[{"pointer":"/strategy","before":"one_for_one",
      "after":"one_for_all","scope":null,"file":"group.json","line":1,"column":2,"change":"now"}]},
    {"name":"new","what":"added","changes":[]}],
  "runtime":[{"pointer":"/start_parallelism","before":256,"after":16,"scope":null,
    "file":"runtime.json","line":2,"column":24,"change":"now"},
    {"pointer":"/logs/space","before":null,"after":"1GiB","scope":null,
    "file":"runtime.json","line":3,"column":24,"change":"restart"}],
  "overrides":[],"conflicts":[]})";

} // namespace

BOOST_AUTO_TEST_SUITE(rendering_plans)

BOOST_AUTO_TEST_CASE(a_plan_reads_like_a_diff) {
  BOOST_TEST(shown("plan", some_plan)
             == "= market/feed#0 in place: limits.memory 64MiB -> 128MiB  (override)\n"
                "- market/old#0 stop: gone\n"
                "~ market/trader#0…#1 restart:\n"
                "      command [\"a\"] -> [\"b\"]  (market/trader.json:4:3)\n"
                "      nice 5 (new)  (market/trader.json:5:3)\n"
                "+ market/trader#2 start: replicas 2 -> 3  (market/trader.json:6:15)\n"
                ". web#0 at its next start: /ready/a.b \"x\\u001b[2J\" (gone)\n"
                "= group (root): strategy \"one_for_one\" -> \"one_for_all\"  (group.json:1:2)\n"
                "+ group new/ added\n"
                "= runtime: start_parallelism 256 -> 16  (runtime.json:2:24)\n"
                ". runtime with the next `troupe run`: logs.space 1GiB (new)  "
                "(runtime.json:3:24)\n"
                "1 start, 1 stop, 2 restarts, 1 in place, 1 at the next start, 2 groups, "
                "2 settings of the runtime\n");
}

BOOST_AUTO_TEST_CASE(an_empty_plan_says_so) {
  BOOST_TEST(shown("plan", R"({"version":7,"instances":[],"changes":{}})")
             == "nothing to do: version 7 is this\n");
}

BOOST_AUTO_TEST_CASE(a_conflict_shows_both_sides) {
  BOOST_TEST(shown("plan", R"({"version":7,"conflicts":[{"bot":"a","pointer":"/replicas","mine":6,
    "theirs":5,"before":4,"set_by":"uid 0","set_at":"2026-01-31T12:00:00.000Z"}]})")
             == "! a conflict: replicas was set to 6 by uid 0 at 2026-01-31T12:00:00.000Z, and the "
                "tree now says 5 in place of 4\n"
                "1 conflict\n");
}

BOOST_AUTO_TEST_CASE(what_was_applied_has_a_number) {
  BOOST_TEST(
      shown("apply", R"({"applied":true,"number":8,"state":"updating","changes":{"restart":1},
    "instances":[{"name":"a#0","what":"restart","why":"command","changes":[]}]})")
      == "~ a#0 restart: command\nversion 8 is being carried out: 1 restart\n");
  BOOST_TEST(shown("set", R"({"applied":true,"number":8,"state":"healthy"})")
             == "version 8 is in force: no instance is touched\n");
  BOOST_TEST(shown("rollback", R"({"applied":false,"number":7,"state":"healthy"})")
             == "nothing to do: version 7 is this\n");
}

BOOST_AUTO_TEST_CASE(two_versions_are_compared_line_by_line) {
  BOOST_TEST(shown("config diff", R"({"from":1,"to":2,
    "files":[{"path":"a.json","diff":"--- a.json\n+++ a.json\n@@ -1 +1 @@\n-{\t1}\n+{\u001b}\n"}],
    "overrides":{"from":{"a":{"replicas":2}},"to":{"b":{"nice":3}}},
    "changes":{"adjust":1},
    "instances":[{"name":"a#0","what":"adjust","why":"nice","changes":[]}]})")
             == "--- a.json\n+++ a.json\n@@ -1 +1 @@\n-{\t1}\n+{\\x1b}\n"
                "- set of a: {\"replicas\":2}\n"
                "+ set of b: {\"nice\":3}\n"
                "\n= a#0 in place: nice\n1 in place\n");
  BOOST_TEST(shown("config diff", R"({"from":1,"to":2,"files":[],
    "overrides":{"from":{},"to":{}}})")
             == "versions 1 and 2 are the same\n");
}

BOOST_AUTO_TEST_CASE(colour_is_for_terminals) {
  const terminal coloured{true, true, 0};
  BOOST_TEST(render_plan(json::parse(some_plan), coloured).find("\x1b[") != std::string::npos);
  BOOST_TEST(shown("plan", some_plan).find('\x1b') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(nothing_is_expected_of_a_plan) {
  for (const auto* command : {"plan", "apply", "reload", "rollback", "set", "unset", "config diff"})
    for (
        const auto* document :
        {"null", "[]", "{}", R"({"instances":[5,null,{}],"changes":5})",
         R"({"instances":[{"name":5,"changes":[5,{"file":5}]},{"name":"#"}],"changes":{"stop":-1}})",
         R"({"groups":[1],"runtime":[2],"conflicts":[3],"files":[4,{"diff":5}],"overrides":6})",
         R"({"applied":true,"overrides":{"from":5,"to":{"a":1}}})"})
      BOOST_CHECK_NO_THROW(shown(command, document));
}

BOOST_AUTO_TEST_SUITE_END()
