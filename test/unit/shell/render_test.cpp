// What people are shown, letter by letter.

#include "runtime/shell/render.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::shell;

namespace {

const terminal pipe_end{};

json parsed(const char* text) {
  return json::parse(text);
}

const char* const a_status = R"({"schema_version":1,"fleet":"demo","version":1,"instances":[
  {"name":"flaky#0","state":"backoff","why":"exited with code 3","next":
    {"what":"retry","in_s":7.26,"attempt":4,"of":15},"pid":null,"uptime_s":null,"restarts":4,
    "cpu_percent":null,"memory_bytes":null},
  {"name":"market/feed#0","state":"running","why":"ready","next":null,"pid":812,"uptime_s":192.4,
    "restarts":0,"cpu_percent":0.34,"memory_bytes":12582912}],
  "groups":[{"name":"","strategy":"one_for_one","state":"running","up":1,"total":2},
            {"name":"market","state":"failed","why":"intensity passed"}]})";

} // namespace

BOOST_AUTO_TEST_SUITE(rendering)

BOOST_AUTO_TEST_CASE(status_is_a_table) {
  BOOST_TEST(
      render("status", parsed(a_status), pipe_end)
      == "NAME           STATE    PID  UP     RESTARTS  CPU   MEMORY  WHY\n"
         "flaky#0        backoff              4                       exited with code 3; retry 4 "
         "of 15 in 7.3 s\n"
         "market/feed#0  running  812  3m12s            0.3%  12 MiB\n"
         "demo: 2 instances, 1 backoff, 1 running\n"
         "group market/ is failed: intensity passed\n");
}

BOOST_AUTO_TEST_CASE(status_fits_a_terminal) {
  for (const std::size_t columns : {20, 40, 60, 80}) {
    const auto text = render("status", parsed(a_status), {true, false, columns});
    std::istringstream in{text.substr(0, text.find("demo:"))};
    for (std::string line; std::getline(in, line);)
      BOOST_TEST(width_of(line) <= columns, line);
    BOOST_TEST(text.find("…") != std::string::npos);
  }
  const auto narrow = render("status", parsed(a_status), {true, false, 40});
  BOOST_TEST(narrow.find("RESTARTS") == std::string::npos);
  BOOST_TEST(narrow.find("market/feed#0  running") != std::string::npos);
  BOOST_TEST(narrow.find("WHY") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_group_that_gave_up_is_named) {
  const auto text = render("status", parsed(R"({"fleet":"x","instances":[],"groups":[
    {"name":"market","state":"backoff","why":"group market gave up"}]})"),
                           pipe_end);
  BOOST_TEST(text.find("group market/ is backoff: group market gave up") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(colour_only_where_it_was_asked_for) {
  BOOST_TEST(render("status", parsed(a_status), {true, false, 0}).find('\x1b')
             == std::string::npos);
  const auto text = render("status", parsed(a_status), {true, true, 0});
  BOOST_TEST(text.find("\x1b[32mrunning\x1b[0m") != std::string::npos);
  BOOST_TEST(text.find("\x1b[33mbackoff\x1b[0m") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(status_of_nothing) {
  BOOST_TEST(render("status", parsed(R"({"fleet":"x","instances":[]})"), pipe_end)
             == "\nx: 0 instances\n");
}

BOOST_AUTO_TEST_CASE(the_tree_is_drawn) {
  const auto document = parsed(R"({"fleet":"demo","root":{"kind":"group","name":"",
    "strategy":"one_for_one","state":"running","up":3,"total":4,"children":[
      {"kind":"bot","name":"flaky","instances":[{"name":"flaky#0","state":"stopped",
        "why":"asked by uid 0","next":null}]},
      {"kind":"group","name":"market","strategy":"rest_for_one","state":"running","up":3,"total":3,
       "children":[{"kind":"bot","name":"market/trader","instances":[
          {"name":"market/trader#0","state":"running","next":null},
          {"name":"market/trader#1","state":"running","next":null}]}]}]}})");
  BOOST_TEST(render("tree", document, pipe_end)
             == "demo  one_for_one  3 of 4 up\n"
                "├─ flaky#0  stopped  asked by uid 0\n"
                "└─ market/  rest_for_one  3 of 3 up\n"
                "   ├─ market/trader#0  running\n"
                "   └─ market/trader#1  running\n");
}

BOOST_AUTO_TEST_CASE(deaths_have_their_last_lines_escaped) {
  const auto document = parsed(R"({"bot":"flaky","deaths":[{"instance":"flaky#0","incarnation":7,
    "at":"2026-01-31T12:00:00.000Z","cause":"exited with code 3","code":3,"signal":null,
    "uptime_s":12.3,"max_memory_bytes":1048576,"output":"one\r\n\u001b[31mtwo\n"}]})");
  BOOST_TEST(
      render("deaths", document, pipe_end)
      == "2026-01-31T12:00:00.000Z  flaky#0  exited with code 3, after 12s, at most 1.0 MiB, "
         "incarnation 7\n"
         "    | one\n"
         "    | \\x1b[31mtwo\n");
  BOOST_TEST(render("deaths", parsed(R"({"bot":"flaky","deaths":[]})"), pipe_end)
             == "flaky has not died yet\n");
}

BOOST_AUTO_TEST_CASE(an_event_is_a_line) {
  BOOST_TEST(render_event(parsed(R"({"seq":5,"time":"2026-01-31T12:00:00.000Z",
    "instance":"a#0","incarnation":3,"from":"running","to":"backoff","cause":"killed"})"),
                          pipe_end)
             == "2026-01-31T12:00:00.000Z  a#0  running → backoff  killed\n");
}

BOOST_AUTO_TEST_CASE(changes_are_sentences) {
  const auto one = [](const char* text) { return render("x", parsed(text), pipe_end); };
  BOOST_TEST(one(R"({"command":"stop","dry_run":false,"accepted":1,"refused":[],
    "instances":[{"name":"a#0","state":"running","incarnation":1}]})")
             == "stop: a#0 accepted it\n");
  BOOST_TEST(one(R"({"command":"stop","dry_run":false,"accepted":2,"refused":[],
    "instances":[{"name":"a#0"},{"name":"a#1"}]})")
             == "stop: accepted by 2 instances\n");
  BOOST_TEST(one(R"({"command":"pause","dry_run":false,"accepted":0,"refused":[
    {"instance":"a#0","reason":"it is not running"}],"instances":[{"name":"a#0"}]})")
             == "a#0 refused: it is not running\n");
  BOOST_TEST(one(R"({"command":"stop","dry_run":true,"accepted":0,"refused":[],
    "instances":[{"name":"a#0","state":"running"}]})")
             == "stop would touch 1 instance:\nNAME  STATE\na#0   running\n");
  BOOST_TEST(one(R"({"command":"start","dry_run":false,"accepted":1,"refused":[],"reached":false,
    "instances":[{"name":"a#0","state":"failed","why":"exited with code 1"}]})")
             == "NAME  STATE   WHY\na#0   failed  exited with code 1\n");
  BOOST_TEST(one(R"({"command":"recover","dry_run":false,"accepted":0,"refused":[],
    "instances":[]})")
             == "nothing has failed\n");
  BOOST_TEST(one(R"({"command":"scale","dry_run":false,"bot":"a","from":2,"to":4})")
             == "a goes from 2 to 4 instances\n");
  BOOST_TEST(one(R"({"command":"scale","dry_run":false,"bot":"a","from":1,"to":2,"reached":false,
    "instances":[{"name":"a#1","state":"failed","why":"x"}]})")
             == "a goes from 1 to 2 instances\nNAME  STATE   WHY\na#1   failed  x\n");
  BOOST_TEST(one(R"({"command":"shutdown","accepted":1})") == "the fleet is ending\n");
}

BOOST_AUTO_TEST_CASE(show_has_all_that_is_set) {
  const auto document = parsed(R"({"bot":"a","file":"a.json","replicas":1,"settings_of":"a#0",
    "settings":{"command":["sh","-c","sleep 5","","it's"],"user":null,"umask":"022","labels":{},
      "delay":{"initial_s":0.5,"factor":2.0},"stop_timeout_s":10.0},
    "instances":[{"name":"a#0","state":"running","pid":7,"uptime_s":61,"restarts":2,
      "cpu_percent":null,"memory_bytes":2048,"next":null}],
    "isolation":"process groups","deaths":[]})");
  BOOST_TEST(render("show", document, pipe_end)
             == "a  from a.json, 1 of it\n"
                "  a#0  running  pid 7  up 1m01s  2 restarts  2.0 KiB\n"
                "isolation: process groups\n"
                "settings of a#0:\n"
                "  command           sh -c 'sleep 5' '' 'it'\\''s'\n"
                "  umask             022\n"
                "  delay             initial 500ms, factor 2.0\n"
                "  stop_timeout      10s\n");
}

BOOST_AUTO_TEST_CASE(show_tells_of_an_override) {
  const auto text = render("show", parsed(R"({"bot":"a","file":"a.json","replicas":3,
    "replicas_in_file":2,"override":3,"instances":[]})"),
                           pipe_end);
  BOOST_TEST(text.starts_with("a  from a.json, 3 of it, set by `scale`; the file says 2\n"), text);
}

BOOST_AUTO_TEST_CASE(refusals_are_for_people) {
  BOOST_TEST(render_refusal({exit_code::failed, "x", "it broke", "mend it"}, false)
             == "troupe: it broke\n        mend it\n");
  const auto why =
      read_refusal(parsed(R"({"error":{"code":"c","exit":5,"message":"m","hint":"h"}})"), 5);
  BOOST_TEST((why.exit == exit_code::no_such_bot));
  BOOST_TEST(why.message == "m");
  BOOST_TEST(read_refusal(parsed("[]"), 1).message == "the command failed");
}

BOOST_AUTO_TEST_CASE(documents_of_another_shape_are_no_danger) {
  const char* const shapes[] = {"null",
                                "[]",
                                "{}",
                                "1",
                                "\"x\"",
                                R"({"instances":3})",
                                R"({"instances":[1,null,[]]})",
                                R"({"instances":[{"next":3,"state":5,"uptime_s":"x"}]})",
                                R"({"root":{"children":[{}]}})",
                                R"({"root":[]})",
                                R"({"deaths":[{"output":3}]})",
                                R"({"command":3})",
                                R"({"settings":[],"bot":{}})"};
  for (const auto* text : shapes)
    for (const auto* command : {"status", "tree", "show", "deaths", "stop", "ping"}) {
      const auto shown = render(command, parsed(text), pipe_end);
      BOOST_TEST(shown.ends_with('\n'), command << " of " << text);
    }
  BOOST_TEST(render_event(parsed("[]"), pipe_end).ends_with('\n'));
}

BOOST_AUTO_TEST_SUITE_END()
