// What wait, why, graph, env, limits and stats look like.

#include "runtime/shell/render.hpp"

#include <boost/test/unit_test.hpp>

#include <sstream>

using namespace troupe;
using namespace troupe::shell;

namespace {

const terminal pipe_end{};

json parsed(const char* text) {
  return json::parse(text);
}

const char* const nasty =
    R"json({"bot":"\u001b[2J","instance":"\u001b[2J","summary":"\u001b]0;x\u0007",
  "chain":[{"time":"\u001b[1m","instance":"\u001b[1m","what":"\u001b[1m"},7],"next":{"what":"\u001b"},
  "others":[{"state":"\u001b"}],"waits_for":[{"missing":"\u001b","target":"\u001b"}],
  "budget":{"failed_starts":"\u001b"},"last_death":{"instance":"\u001b","output":"\u001b[1m\nx"},
  "for":"\u001b","total":2,"missing":[{"name":"\u001b","state":"\u001b","why":"\u001b"}],
  "fleet":"\u001b\"","nodes":[{"name":"\u001b","asked":true,"instances":[{"state":"\u001b"}]}],
  "edges":[{"from":"\u001b","to":"\u001b/","until":"\u001b","bots":["\u001b"]}],
  "critical":[{"instance":"\u001b"}],"variables":[{"name":"\u001b","value":"\u001b"}],"pid":"\u001b",
  "trouble":"\u001b","instances":[{"name":"\u001b","limits":[{"name":"\u001b","unenforced":"\u001b"}],
  "ends_by":{"\u001b":1}}],"runtime":[{"name":"\u001b"}],"warnings":["\u001b"]})json";

} // namespace

BOOST_AUTO_TEST_SUITE(rendering_of_questions)

BOOST_AUTO_TEST_CASE(nothing_steers_the_terminal_and_nothing_throws) {
  const auto document = parsed(nasty);
  auto with_fleet = document;
  with_fleet["fleet"] = {{"name", "\x1b"}, {"machine", {{"epoch", "\x1b"}}}};
  for (const auto* command : {"wait", "why", "graph", "env", "limits", "stats"}) {
    for (const auto& each :
         {document, with_fleet, json(7), json(nullptr), json::array(), json::object()}) {
      const auto text = render(command, each, pipe_end);
      BOOST_TEST(text.find('\x1b') == std::string::npos, command);
    }
  }
  BOOST_TEST(render_dot(document).find('\x1b') == std::string::npos);
  BOOST_TEST(render_missing(document, "1 s", pipe_end).find('\x1b') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(why_is_a_chain) {
  const auto text =
      render("why", parsed(R"json({"bot":"redis","instance":"redis#0","root":"redis#0",
    "summary":"redis#0 has been running for 18 s; before that: killed by signal 9 (KILL)",
    "chain":[
     {"time":"2026-01-31T12:00:01.250Z","instance":"redis#0","what":"killed","now":false,"led_to":[1]},
     {"time":"2026-01-31T12:00:01.300Z","instance":"web#0","what":"told to end","now":false},
     {"time":"2026-01-31T12:00:01.400Z","instance":"late#0","what":"waits for web#0","now":true}],
    "next":{"what":"retry","in_s":2.5,"attempt":1,"of":15},"others":[{"state":"running"}],
    "hidden":2,"last_death":{"instance":"redis#0","output":"one\ntwo\n"},
    "budget":{"failed_starts":1,"failed_starts_limit":15,"restarts":2,"restarts_limit":20,
    "within_s":600}})json"),
             pipe_end);
  BOOST_TEST(text
             == "redis#0 has been running for 18 s; before that: killed by signal 9 (KILL)\n"
                "  2026-01-31, UTC\n"
                "  12:00:01.250  redis#0  killed\n"
                "→ 12:00:01.300  web#0    told to end\n"
                "→ now           late#0   waits for web#0\n"
                "  and 2 others alike\n"
                "budget: 1 of 15 failed starts in a row, 2 of 20 restarts within 10m00s\n"
                "last words of redis#0:\n"
                "    | one\n"
                "    | two\n"
                "next: retry 1 of 15 in 2.5 s\n"
                "its other instances: 1 running\n");
}

BOOST_AUTO_TEST_CASE(wait_says_who_is_missing) {
  BOOST_TEST(render("wait", parsed(R"json({"for":"ready","total":3})json"), pipe_end)
             == "all 3 instances are ready\n");
  const auto text =
      render_missing(parsed(R"json({"for":"running","total":3,"failed":true,"missing":[
    {"name":"a#0","state":"waiting","why":"waits for b#0 (failed)","cannot":false},
    {"name":"b#0","state":"failed","why":"it has failed: exited with code 3","cannot":true}]})json"),
                     "30.0 s", pipe_end);
  BOOST_TEST(text
             == "troupe: 2 of 3 instances are not running\n"
                "        b#0 is failed and will not be running by itself: it has failed: exited "
                "with code 3\n"
                "        a#0 is waiting: waits for b#0 (failed)\n");
  BOOST_TEST(
      render_missing(parsed(R"json({"for":"running","total":0,"failed":true})json"), "", pipe_end)
      == "troupe: nobody wants any of these up\n");
}

BOOST_AUTO_TEST_CASE(a_graph_is_a_tree_and_a_chain) {
  const auto document = parsed(R"json({"fleet":"de\"mo","nodes":[
    {"name":"feed","asked":true,"total":1,"up":1,"instances":[{"state":"running"}]},
    {"name":"front","asked":true,"total":2,"up":1,
     "instances":[{"state":"running"},{"state":"failed"}]},
    {"name":"web/x","asked":true,"total":1,"up":1,"instances":[{"state":"running"}]}],
    "edges":[{"from":"front","to":"web/","bots":["web/x"],"until":"ready","by":"depends_on"},
     {"from":"web/x","to":"feed","bots":["feed"],"until":"ready","by":"depends_on"},
     {"from":"web/x","to":"feed","bots":["feed"],"until":"started","by":"order"}],
    "critical":[{"instance":"front#0","at_s":3.5,"took_s":1.25},
     {"instance":"feed#0","at_s":2.25,"took_s":2.25}]})json");
  BOOST_TEST(render("graph", document, pipe_end)
             == "front  failed  1 of 2 up\n"
                "└─ web/  ready\n"
                "   └─ web/x  running\n"
                "      └─ feed  running  ready\n"
                "\nthe longest way up at the last start:\n"
                "  front#0  @3.500s  +1.250s\n"
                "   └─ feed#0  @2.250s  +2.250s\n");
  const auto dot = render_dot(document);
  BOOST_TEST(dot.find("digraph \"de\\\"mo\" {\n") == 0u);
  BOOST_TEST(dot.find("  \"front\" -> \"web/\" [label=\"ready\"];\n") != std::string::npos);
  BOOST_TEST(dot.find("  \"web/x\" -> \"feed\" [label=\"started\", style=dashed];\n")
             != std::string::npos);
  BOOST_TEST(dot.find("\"front\" [label=\"front · failed\", color=red]") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(values_are_tables) {
  BOOST_TEST(render("env", parsed(R"json({"instance":"a#0","pid":7,"trouble":"","variables":[
    {"name":"KEY","value":"***","masked":true,"source":"environment"},
    {"name":"X","value":"1","masked":false,"source":"built-in"}]})json"),
                    pipe_end)
             == "NAME  SOURCE       VALUE\n"
                "KEY   environment  ***\n"
                "X     built-in     1\n"
                "what process 7 of a#0 was started with\n");
  BOOST_TEST(render("limits", parsed(R"json({"instances":[{"name":"a#0","limits":[
    {"name":"memory","used":1048576,"limit":null,"unenforced":"no memory controller"},
    {"name":"open_files","used":90,"limit":100,"share":0.9}]}],
    "warnings":["a#0: open_files is at 90%"]})json"),
                    pipe_end)
             == "NAME  WHAT        USED     LIMIT  SHARE  NOTE\n"
                "a#0   memory      1.0 MiB  -             not enforced: no memory controller\n"
                "a#0   open files  90       100    90%\n"
                "watch out: a#0: open_files is at 90%\n");
  const auto stats =
      render("stats", parsed(R"json({"fleet":null,"instances":[{"name":"a#0","starts":3,
    "restarts":2,"up_share":0.9962,"ready_p50_s":0.2,"ready_max_s":1.5,"cpu_s":61,
    "max_memory_bytes":1048576,"output_bytes":10,"output_dropped_bytes":2048,
    "ends_by":{"code 1":1,"signal 9 (KILL)":1}}]})json"),
             pipe_end);
  BOOST_TEST(stats.find("a#0   3       2         99.62%  200ms  1s       1m01s  1.0 MiB  10 B, 2.0 "
                        "KiB dropped  1× code 1, 1× signal 9 (KILL)")
                 != std::string::npos,
             stats);
}

BOOST_AUTO_TEST_CASE(tables_fit_a_terminal) {
  const auto env = parsed(R"json({"instance":"a#0","variables":[{"name":"LONG_NAME_OF_A_VARIABLE",
    "value":"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin","source":"environment_file"}]})json");
  std::istringstream in{render("env", env, {true, false, 40})};
  for (std::string line; std::getline(in, line) && line.find("what") != 0;)
    BOOST_TEST(width_of(line) <= 40, line);
}

BOOST_AUTO_TEST_CASE(show_reads_well) {
  const auto text = render("show", parsed(R"json({"bot":"a","file":"a.json","replicas":1,
    "settings_of":"a#0","instances":[{"name":"a#0","state":"running","restarts":1,
    "says":"serving \u001b[1m 7 clients","output_dropped_bytes":2048}],
    "settings":{"ready":{"kind":"exec","command":["curl","x"],"interval_s":1,"timeout_s":0.5},
     "stop_command":{"command":["./stop","now"],"timeout_s":10},
     "limits":{"memory":536870912,"open_files":64},"success_codes":[0,3]}})json"),
                           pipe_end);
  BOOST_TEST(text.find("    says: serving \\x1b[1m 7 clients\n") != std::string::npos, text);
  BOOST_TEST(text.find("    2.0 KiB of its output were dropped\n") != std::string::npos, text);
  BOOST_TEST(text.find("  1 restart\n") != std::string::npos, text);
  BOOST_TEST(text.find("exec curl x, every 1s, each at most 500ms\n") != std::string::npos, text);
  BOOST_TEST(text.find("./stop now, at most 10s\n") != std::string::npos, text);
  BOOST_TEST(text.find("memory 512 MiB, open_files 64\n") != std::string::npos, text);
  BOOST_TEST(text.find(" 0 3\n") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(why_it_is_not_ready_yet_is_shown) {
  const auto text = render("status", parsed(R"json({"fleet":"x","instances":[{"name":"a#0",
    "state":"starting","why":"tcp 127.0.0.1:80: Connection refused","restarts":0,
    "next":{"what":"ready"}}]})json"),
                           pipe_end);
  BOOST_TEST(text.find("tcp 127.0.0.1:80: Connection refused; ready") != std::string::npos, text);
}

BOOST_AUTO_TEST_SUITE_END()
