// What shells ask of the hub, and services that bots ask.

#include "hub_fixture.hpp"

using namespace hub_tests;

namespace {

struct asked : hub_fixture {
  bot a{*this, "m/a#0"}, b{*this, "m/b#0"};

  asked() {
    instance("m/a", 0);
    instance("m/b", 0);
    apply();
    restore();
    a.link();
    b.link();
  }
  /// The answer, null while there is none.
  std::shared_ptr<json> ask(const std::string& operation, const json& arguments) {
    auto answer = std::make_shared<json>();
    core->ask(operation, arguments.dump(),
              [answer](const std::string& text) { *answer = json::parse(text); });
    return answer;
  }
  json now(const std::string& operation, const json& arguments) {
    auto answer = ask(operation, arguments);
    run();
    return *answer;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(hub_ask, asked)

BOOST_AUTO_TEST_CASE(a_shell_sends) {
  auto end = now("send", {{"to", "m/b"}, {"payload", "hello"}, {"content", "text"}});
  BOOST_TEST(end.at("ok").at("outcome") == "accepted");
  BOOST_TEST(end.at("ok").at("by") == json({"m/b#0"}));
  BOOST_TEST(end.at("ok").at("trace").get<std::string>().size() == 32u);
  b.read();
  BOOST_REQUIRE_EQUAL(b.inbox.size(), 1u);
  BOOST_TEST(b.inbox[0].from == "runtime/shell");

  auto waits = ask("send", {{"to", "m/b#0"}, {"payload_base64", "AAH/"}, {"delivery", "assured"}});
  BOOST_TEST(waits->is_null());
  b.read();
  BOOST_TEST(b.inbox.back().payload == std::string("\0\1\xff", 3));
  b.done(b.inbox.back());
  BOOST_TEST(waits->at("ok").at("outcome") == "done");
  const auto trace = now("trace", {{"id", waits->at("ok").at("trace")}});
  std::vector<std::string> steps;
  for (const auto& each : trace.at("ok").at("spans"))
    steps.push_back(each.at("step"));
  BOOST_TEST(steps == (std::vector<std::string>{"taken", "delivered", "done"}),
             boost::test_tools::per_element());

  BOOST_TEST(now("send", {{"to", "m/b"}, {"delivery", "durable"}}).at("ok").at("outcome")
             == "accepted");
  auto late = ask("send", {{"to", "m/b#0"}, {"delivery", "assured"}, {"wait_ms", 100}});
  pass(200ms);
  BOOST_TEST(late->at("ok").at("outcome") == "waiting");
  BOOST_TEST(now("send", {{"to", "m/x"}}).at("error").at("code") == "no_such_address");
  BOOST_TEST(now("publish", {{"topic", "a.b"}}).at("ok").at("receivers") == 0);
  b.control(wire::frame_type::call, {{"id", 1}, {"op", "subscribe"}, {"pattern", "m.*"}});
  BOOST_TEST(now("publish", {{"topic", "m.b"}}).at("ok").at("receivers") == 1);
  BOOST_TEST(now("topics", json::object()).at("ok").at("subscriptions").at(0).at("pattern")
             == "m.*");
  for (const auto& wrong : std::vector<json>{{{"to", 5}},
                                             {{"payload", "x"}},
                                             {{"to", "m/b"}, {"lane", "fast"}},
                                             {{"to", "m/b"}, {"wait_ms", -1}},
                                             {{"to", "m/b"}, {"payload_base64", "A==="}}})
    BOOST_TEST(now("send", wrong).at("error").at("code") == "bad_arguments");
  BOOST_TEST(now("sing", json::object()).at("error").at("code") == "no_such_operation");
}

BOOST_AUTO_TEST_CASE(a_shell_asks_a_bot) {
  auto end = ask("request", {{"to", "m/b"}, {"payload", "position?"}});
  b.read();
  BOOST_REQUIRE_EQUAL(b.inbox.size(), 1u);
  const auto m = b.inbox[0];
  b.send(m.from, "three", {.request = m.head.request, .flags = wire::reply});
  BOOST_TEST(end->at("ok").at("payload") == "three");
  BOOST_TEST(end->at("ok").at("by") == "m/b#0");
  end = ask("request", {{"to", "m/b"}, {"wait_ms", 500}});
  pass(1s);
  BOOST_TEST(end->at("error").at("code") == "expired");
  end = ask("request", {{"to", "m/b"}});
  b.close();
  set("m/b#0", state::backoff);
  BOOST_TEST(end->at("error").at("code") == "receiver_died");
}

BOOST_AUTO_TEST_CASE(what_a_shell_sends_is_never_taken_for_something_of_an_earlier_hub) {
  ask("request", {{"to", "m/b#0"}, {"delivery", "assured"}});
  b.read();
  BOOST_REQUIRE_EQUAL(b.inbox.size(), 1u);
  const auto before = b.inbox[0].head;
  pass(1s);
  core.emplace(port, options); // in the same runtime
  restore();
  apply();
  b.link();
  const auto end = ask("request", {{"to", "m/b#0"}, {"delivery", "assured"}});
  b.read();
  BOOST_REQUIRE_EQUAL(b.inbox.size(), 1u);
  const auto after = b.inbox[0].head;
  BOOST_TEST((after.sequence != before.sequence || after.incarnation != before.incarnation));
  b.send("runtime/shell", "old", {.request = before.request, .flags = wire::reply});
  BOOST_TEST(end->is_null());
  b.send("runtime/shell", "new", {.request = after.request, .flags = wire::reply});
  BOOST_REQUIRE(end->is_object());
  BOOST_TEST(end->at("ok").at("payload") == "new");
}

BOOST_AUTO_TEST_CASE(queues_and_links_are_shown) {
  b.close();
  a.send("m/b#0", "waits");
  pass(1s);
  const auto queues = now("queues", {{"instances", {"m/b#0", "m/unknown#0"}}}).at("ok");
  BOOST_REQUIRE_EQUAL(queues.at("mailboxes").size(), 1u);
  const auto& row = queues.at("mailboxes").at(0);
  BOOST_TEST(row.at("waiting").at("normal") == 1);
  BOOST_TEST(row.at("linked") == false);
  BOOST_TEST(row.at("oldest_s") == 1.0);
  const auto links = now("links", json::object()).at("ok");
  BOOST_TEST(links.at("links").at(0).at("instance") == "m/a#0");
  BOOST_TEST(links.at("links").at(0).at("messages_in") == 1);
  BOOST_TEST(links.at("unlinked") == json({"m/b#0"}));
}

BOOST_AUTO_TEST_CASE(taps_wait_for_what_passes) {
  const auto tap = now("tap_open", {{"what", "m/b"}}).at("ok").at("tap");
  auto page = ask("tap_read", {{"tap", tap}, {"wait_ms", 5000}});
  BOOST_TEST(page->is_null());
  a.send("m/b#0", "passes");
  BOOST_TEST(page->at("ok").at("messages").at(0).at("payload") == "passes");
  page = ask("tap_read", {{"tap", tap}, {"cursor", page->at("ok").at("next")}, {"wait_ms", 100}});
  pass(200ms);
  BOOST_TEST(page->at("ok").at("messages").empty());
  BOOST_TEST(now("tap_close", {{"tap", tap}}).contains("ok"));
  BOOST_TEST(now("tap_read", {{"tap", tap}}).at("error").at("code") == "no_such_tap");
}

BOOST_AUTO_TEST_CASE(dead_letters_are_listed_sent_again_and_thrown_away) {
  a.send("m/later#0", "one");
  a.send("m/never#0", "two");
  run();
  auto list = now("dead_letters_list", json::object()).at("ok");
  BOOST_TEST(list.at("kept") == 2);
  BOOST_TEST(list.at("letters").at(0).at("payload") == "two");
  const auto row = list.at("letters").at(1).at("row");
  BOOST_TEST(now("dead_letters_show", {{"row", row}}).at("ok").at("letter").at("from") == "m/a#0");
  instance("m/later", 0);
  apply();
  const auto again = now("dead_letters_requeue", {{"all", true}});
  BOOST_TEST(again.at("ok").at("requeued") == 1);
  BOOST_TEST(again.at("ok").at("rejected").size() == 1u);
  bot later{*this, "m/later#0"};
  later.link();
  later.read();
  BOOST_TEST(later.payloads() == std::vector<std::string>{"one"}, boost::test_tools::per_element());
  BOOST_TEST(now("dead_letters_purge", json::object()).at("error").at("code") == "bad_arguments");
  now("dead_letters_purge", {{"all", true}});
  BOOST_TEST(port.dead.empty());
}

BOOST_AUTO_TEST_CASE(services_answer_bots_and_shells) {
  a.send("runtime/time", "", {.ttl = 1000, .request = 1});
  a.read();
  BOOST_REQUIRE_EQUAL(a.inbox.size(), 1u);
  BOOST_TEST(a.inbox[0].from == "runtime/time");
  BOOST_TEST(a.inbox[0].head.request == 1u);
  BOOST_TEST((a.inbox[0].head.flags & wire::reply) != 0);
  BOOST_TEST(json::parse(a.inbox[0].payload).is_object());
  const auto set = now("state", {{"op", "set"}, {"group", "m"}, {"key", "k"}, {"value", 5}});
  BOOST_TEST(set.contains("ok"));
  const auto n = a.send("runtime/state", R"({"op": "get", "key": "k"})",
                        {.how = wire::delivery::assured, .request = 2});
  a.read();
  BOOST_TEST((a.outcome(n) == code::done));
  BOOST_TEST(json::parse(a.inbox.back().payload).at("value") == 5);
  const auto told = a.send("runtime/state", "{}");
  a.read();
  BOOST_TEST((a.outcome(told) == code::bad_message));
}

BOOST_AUTO_TEST_SUITE_END()
