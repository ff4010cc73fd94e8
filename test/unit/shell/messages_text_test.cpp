// Commands on messages: how they are typed, completed and shown.

#include "messages/base64.hpp"
#include "runtime/shell/complete.hpp"
#include "runtime/shell/help.hpp"
#include "runtime/shell/parse.hpp"
#include "runtime/shell/payload.hpp"
#include "runtime/shell/render.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <unistd.h>

using namespace troupe;
using namespace troupe::shell;
using words = std::vector<std::string>;

namespace {

const terminal pipe_end{};

std::string arguments(const words& given) {
  const auto what = parse(given);
  return what ? what->arguments.dump() : "refused: " + what.error().message;
}

refusal error_of(const words& given) {
  const auto what = parse(given);
  BOOST_REQUIRE(!what.has_value());
  BOOST_TEST((what.error().exit == exit_code::usage));
  return what.error();
}

words offered(const char* line) {
  return complete(line,
                  [] {
                    return words{"flaky", "flaky#0", "market/", "market/feed"};
                  })
      .candidates;
}

/// The arguments as they would travel.
std::string loaded(const words& given) {
  auto what = parse(given);
  BOOST_REQUIRE(what.has_value());
  BOOST_REQUIRE(takes_payload(*what));
  const auto why = load_payload(*what);
  return why ? "refused: " + why->message : what->arguments.dump();
}

struct file {
  explicit file(const std::string& content) {
    const int fd = mkstemp(path.data());
    BOOST_REQUIRE(fd >= 0);
    close(fd);
    std::ofstream{path} << content;
  }
  ~file() { std::remove(path.c_str()); }
  std::string path{"/tmp/troupe-payload-XXXXXX"};
};

} // namespace

BOOST_AUTO_TEST_SUITE(typed_messages)

BOOST_AUTO_TEST_CASE(a_payload_is_one_word_whatever_it_looks_like) {
  BOOST_TEST(arguments({"send", "a", "hello"}) == R"({"to":"a","payload":"hello"})");
  BOOST_TEST(arguments({"send", "a"}) == R"({"to":"a"})");
  for (const std::string odd : {"{}", "[1,2]", "[]", "-", "{\"a\": [1, 2]}", "", "%%", "a=b"}) {
    const auto what = parse({"send", "a", odd});
    BOOST_REQUIRE_MESSAGE(what.has_value(), odd);
    BOOST_TEST(what->arguments.value("payload", "?") == odd);
  }
  BOOST_TEST(arguments({"send", "a", "--", "-5"}) == R"({"to":"a","payload":"-5"})");
  BOOST_TEST(error_of({"send", "a", "two", "words"}).message
             == "send: \"words\" is one argument too many");
  BOOST_TEST(error_of({"send"}).message == "send what? TO is missing");
}

BOOST_AUTO_TEST_CASE(options_of_messages) {
  BOOST_TEST(arguments({"send", "a", "x", "--lane", "urgent", "--assured", "--ttl", "5s"})
             == R"({"lane":"urgent","assured":true,"ttl":"5s","to":"a","payload":"x"})");
  const auto wrong = error_of({"send", "a", "x", "--lane", "urgnt"});
  BOOST_TEST(wrong.message.find("--lane is urgent, high, normal or low") != std::string::npos);
  BOOST_TEST(wrong.hint.find("urgent") != std::string::npos);
  BOOST_TEST(!parse({"publish", "t", "--assured"}).has_value());
}

BOOST_AUTO_TEST_CASE(the_time_of_a_request_is_its_own) {
  const auto what = parse({"request", "a", "x", "--timeout", "2s"});
  BOOST_REQUIRE(what.has_value());
  BOOST_TEST(what->arguments.value("within", "") == "2s");
  BOOST_TEST((what->global.timeout == std::chrono::seconds{10}));
  BOOST_TEST((parse({"status", "--timeout", "2s"})->global.timeout == std::chrono::seconds{2}));
  const auto help = help_of(*find_command("request"));
  BOOST_TEST(help.find("--timeout TIME", help.find("with every")) == std::string::npos);
  BOOST_TEST(help.find("how long to wait for the reply") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(families_have_second_words) {
  BOOST_TEST(parse({"state", "set", "k", "v"})->command->name == "state set");
  BOOST_TEST(parse({"state", "--group", "market", "get", "k"})->command->name == "state get");
  BOOST_TEST(arguments({"--json", "dead-letters", "requeue", "17", "18"}) == R"({"ids":[17,18]})");
  BOOST_TEST(parse({"dlq"})->command->name == "dead-letters list");
  BOOST_TEST(parse({"get", "k"})->command->name == "state get");
  BOOST_TEST(error_of({"state"}).message == "state what? get, set, delete, list or watch");
  const auto wrong = error_of({"state", "gett", "k"});
  BOOST_TEST(wrong.message.find("state has no \"gett\"") == 0u);
  BOOST_TEST(wrong.hint.find("get") != std::string::npos);
  BOOST_TEST(error_of({"stat", "x"}).message == "there is no command \"stat\"");
  const auto help = parse({"state", "--help"});
  BOOST_REQUIRE(help.has_value());
  BOOST_TEST(help->help);
  BOOST_TEST(help->family == "state");
  BOOST_TEST(help_of_family("state").find("state watch") != std::string::npos);
  BOOST_TEST(parse({"state", "get", "--help"})->command->name == "state get");
  BOOST_TEST(arguments({"help", "state", "set"}) == R"({"command":["state","set"]})");
}

BOOST_AUTO_TEST_CASE(tab_knows_families_and_choices) {
  BOOST_TEST((offered("dea") == words{"dead-letters", "deaths"}));
  BOOST_TEST((offered("state ") == words{"delete", "get", "list", "set", "watch"}));
  BOOST_TEST((offered("dead-letters re") == words{"requeue"}));
  BOOST_TEST((offered("dead-letters list ma") == words{"market/", "market/feed"}));
  BOOST_TEST((offered("dead-letters purge --a") == words{"--all"}));
  BOOST_TEST((offered("help state se") == words{"set"}));
  BOOST_TEST((offered("send fl") == words{"flaky", "flaky#0"}));
  BOOST_TEST((offered("send flaky hi --lane ") == words{"high", "low", "normal", "urgent"}));
  BOOST_TEST((offered("send flaky hi --lane=u") == words{"--lane=urgent"}));
  BOOST_TEST((offered("state get k --group ma") == words{"market/", "market/feed"}));
}

BOOST_AUTO_TEST_CASE(what_a_payload_is_shows_by_its_look) {
  BOOST_TEST(loaded({"send", "a", "hello"}) == R"({"to":"a","content":"text","payload":"hello"})");
  BOOST_TEST(loaded({"send", "a", "{\"x\":1}"}).find(R"("content":"json")") != std::string::npos);
  BOOST_TEST(loaded({"send", "a", "{x}"}).find(R"("content":"text")") != std::string::npos);
  BOOST_TEST(loaded({"send", "a", "@@home"}) == R"({"to":"a","content":"text","payload":"@home"})");
  BOOST_TEST(loaded({"send", "a"}) == R"({"to":"a","content":"text"})");
  BOOST_TEST(loaded({"send", "a", "{x}", "--as", "json"}) == "refused: the payload is no JSON");
}

BOOST_AUTO_TEST_CASE(a_payload_comes_from_a_file) {
  const file text{"from a file\n"};
  BOOST_TEST(loaded({"publish", "t", "@" + text.path}).find(R"("payload":"from a file\n")")
             != std::string::npos);
  const file bytes{std::string("\xff\x00\x01", 3)};
  const auto odd = loaded({"send", "a", "@" + bytes.path});
  BOOST_TEST(odd == R"({"to":"a","content":"bytes","payload_base64":"/wAB"})");
  BOOST_TEST(loaded({"send", "a", "@" + bytes.path, "--as", "text"})
             == "refused: the payload is no UTF-8");
  const file large{std::string(max_shell_payload + 1, 'x')};
  BOOST_TEST(loaded({"send", "a", "@" + large.path}).find("is longer than 180 KiB")
             != std::string::npos);
  const file most{std::string(max_shell_payload, '\x01')};
  BOOST_TEST(loaded({"send", "a", "@" + most.path}).size() < 256u * 1024);
  BOOST_TEST(loaded({"send", "a", "@/nowhere/at/all"}).find("No such file") != std::string::npos);
  BOOST_TEST(loaded({"send", "a", "@/tmp"}).find("Is a directory") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_value_is_json_or_a_text) {
  BOOST_TEST(loaded({"state", "set", "k", "17"}) == R"({"key":"k","value":17})");
  BOOST_TEST(loaded({"state", "set", "k", "{\"a\":1}"}) == R"({"key":"k","value":{"a":1}})");
  BOOST_TEST(loaded({"state", "set", "k", "trader-1"}) == R"({"key":"k","value":"trader-1"})");
}

BOOST_AUTO_TEST_CASE(base_64_is_that_of_the_rfc) {
  for (const auto& [plain, coded] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}}) {
    BOOST_TEST(to_base64(plain) == coded);
    BOOST_TEST(from_base64(coded).value_or("?") == plain);
  }
  for (const auto* wrong : {"Z", "Zg=", "Zg==Zg==", "Z===", "====", "Zm9v\n", "Zm 9"})
    BOOST_TEST(!from_base64(wrong).has_value(), wrong);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(shown_messages)

BOOST_AUTO_TEST_CASE(nothing_steers_the_terminal_and_nothing_throws) {
  const auto nasty = json::parse(R"json({"outcome":"\u001b","by":["\u001b",7],"receivers":"x",
    "trace":"\u001b","payload":"\u001b[2J","to":"\u001b","topic":"\u001b","notice":"\u001b",
    "mailboxes":[{"instance":"\u001b","waiting":7,"oldest_s":"x"},7],"bytes":"x",
    "links":[{"instance":"\u001b","client":"\u001b","under_way":[]},null],"unlinked":["\u001b",7],
    "subscriptions":[{"pattern":"\u001b","subscribers":["\u001b"],"count":"x"}],
    "spans":[{"time":"\u001b","span":"\u001b","from":"\u001b","to":"\u001b","step":"\u001b"},7],
    "letters":[{"row":"\u001b","from":"\u001b","payload":"\u001b"},7],"letter":{"\u001b":"\u001b"},
    "rejected":[{"row":"\u001b","code":"\u001b"},7],"key":"\u001b","version":"\u001b",
    "entries":[{"key":"\u001b","value":"\u001b"},7]})json");
  auto traces = nasty;
  traces["traces"] = {"\x1b", 7};
  auto value = nasty;
  value["value"] = "\x1b";
  for (const auto* command :
       {"send", "publish", "request", "queues", "links", "topics", "trace", "dead-letters list",
        "dead-letters show", "dead-letters requeue", "state get", "state set", "state list"})
    for (const auto& each : {nasty, traces, value, json(7), json(nullptr), json::array(),
                             json::object(), json{{"letter", 7}}}) {
      const auto text = render(command, each, pipe_end);
      BOOST_TEST(text.find('\x1b') == std::string::npos, command);
    }
  for (const auto& each : {nasty, value, json(7), json::object()}) {
    BOOST_TEST(render_tapped(each, pipe_end).find('\x1b') == std::string::npos);
    BOOST_TEST(render_state_change(each, pipe_end).find('\x1b') == std::string::npos);
    BOOST_TEST(messaging_text(each).find('\x1b') == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(what_became_of_a_message) {
  BOOST_TEST(render("send", json::parse(R"({"command":"send","outcome":"done","by":["a#2"],
    "receivers":1,"trace":"4bf9"})"),
                    pipe_end)
             == "done by a#2  trace 4bf9\n");
  BOOST_TEST(render("send", json::parse(R"({"command":"send","outcome":"accepted",
    "by":["a#0","a#1"],"receivers":5})"),
                    pipe_end)
             == "accepted for a#0, a#1 and 3 more\n");
  BOOST_TEST(render("publish", json::parse(R"({"command":"publish","outcome":"accepted","by":[],
    "receivers":0,"topic":"t"})"),
                    pipe_end)
             == "accepted: nobody has subscribed to t\n");
  BOOST_TEST(render("request", json::parse(R"({"payload":"a\tb\u001b\nc"})"), pipe_end)
             == "a\tb\\x1b\nc\n");
  BOOST_TEST(render("request", json::parse(R"({"payload_base64":"AAH/"})"), pipe_end)
             == "\\x00\\x01\\xff\n");
}

BOOST_AUTO_TEST_CASE(queues_and_links_are_tables) {
  auto text = render("queues", json::parse(R"json({"mailboxes":[{"instance":"a#0","linked":true,
    "waiting":{"urgent":1,"high":0,"normal":12,"low":0},"waiting_bytes":2048,"under_way":3,
    "unresolved":0,"spilled":0,"dropped":2,"rejected":0,"oldest_s":1.25,"pressure":true},
    {"instance":"a#1","linked":false,"waiting":{"urgent":0,"high":0,"normal":0,"low":0},
     "oldest_s":null}],"messages":13,"bytes":2048,"limit_bytes":268435456})json"),
                     pipe_end);
  for (const auto* part : {"a#0", "2.0 KiB", "1.2 s", "PRESSURE", "yes", "not linked",
                           "13 messages in all mailboxes, 2.0 KiB of 256 MiB"})
    BOOST_TEST(text.find(part) != std::string::npos, part << " is not in " << text);
  text = render("links", json::parse(R"json({"links":[{"instance":"a#0","pid":7,
    "since":"2026-01-31T12:00:00.000000Z","client":"troupe-python 0.1.0","messages_in":5,
    "bytes_in":100,"messages_out":6,"bytes_out":0,"unsent_bytes":0,"heard_s":0.4,"silent":true,
    "under_way":{"normal":2}}],"unlinked":["b#0"]})json"),
                pipe_end);
  for (const auto* part :
       {"troupe-python 0.1.0", "0.4 s ago", "does not answer", "1 link; running without one: b#0"})
    BOOST_TEST(text.find(part) != std::string::npos, part << " is not in " << text);
}

BOOST_AUTO_TEST_CASE(a_trace_has_times_between_its_steps) {
  const auto text = render("trace", json::parse(R"json({"trace":"4bf9","spans":[
    {"time":"2026-01-31T23:59:59.999900Z","span":"1","from":"a#0","to":"b","step":"taken","where":""},
    {"time":"2026-02-01T00:00:00.000100Z","span":"1","from":"a#0","to":"b","step":"delivered","where":"b#1"},
    {"time":"2026-02-01T00:00:00.000300Z","span":"2","from":"b#1","to":"c","step":"taken","where":""},
    {"time":"2026-02-01T00:00:00.001100Z","span":"1","from":"a#0","to":"b","step":"done","where":"b#1"}]})json"),
                           pipe_end);
  BOOST_TEST(text
             == "trace 4bf9\nbegan 2026-01-31T23:59:59.999900Z\n"
                "├─ a#0 → b\n"
                "│  @ 0.000 ms  + 0.000 ms  taken\n"
                "│  @ 0.200 ms  + 0.200 ms  delivered  b#1\n"
                "│  @ 1.200 ms  + 1.000 ms  done  b#1\n"
                "└─ b#1 → c\n"
                "   @ 0.400 ms  + 0.000 ms  taken\n");
}

BOOST_AUTO_TEST_CASE(a_tap_shows_one_line_a_message) {
  BOOST_TEST(render_tapped(json::parse(R"json({"time":"T","from":"a#0","to":"topic:x",
    "receiver":"b#0","lane":"urgent","delivery":"durable","again":true,"length":300,
    "payload":"one\ntwo"})json"),
                           pipe_end)
             == "T  a#0 → topic:x (b#0) urgent durable again  300 B  one\\ntwo…\n");
}

BOOST_AUTO_TEST_CASE(kept_things) {
  BOOST_TEST(
      render("state get", json::parse(R"({"key":"k","value":{"a":1},"version":3})"), pipe_end)
      == "{\"a\":1}\n");
  BOOST_TEST(render("state set", json::parse(R"({"key":"k","version":3})"), pipe_end)
             == "k has version 3 now\n");
  BOOST_TEST(render_state_change(json::parse(R"({"key":"k","deleted":true})"), pipe_end)
             == "k  gone\n");
  const auto list = render("state list", json::parse(R"json({"entries":[
    {"key":"k","value":"v","version":3,"ttl":12.5}],"more":false})json"),
                           pipe_end);
  BOOST_TEST(list.find("in 12.5 s") != std::string::npos, list);
  const auto letters = render("dead-letters list", json::parse(R"json({"letters":[{"row":17,
    "time":"T","from":"a#0","to":"b","reason":"expired","deliveries":2,"payload":"x"}],
    "kept":30})json"),
                              pipe_end);
  BOOST_TEST(letters.find("1 dead letter of 30 that are kept") != std::string::npos, letters);
  BOOST_TEST(render("dead-letters purge", json::parse(R"({"purged":2})"), pipe_end)
             == "2 dead letters deleted\n");
}

BOOST_AUTO_TEST_SUITE_END()
