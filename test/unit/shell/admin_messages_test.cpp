// The admin actor: commands on messages, with a hub that answers as the test says.

#include "virtual_time.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

struct messaging_world : virtual_time {
  messaging_world() {
    w->on_hub = [this](const std::string& operation, const std::string& arguments) {
      asked = operation;
      with = nlohmann::json::parse(arguments);
      return answer;
    };
    begin();
  }

  std::uint64_t looker() { return *sessions->open({1001, 4243, "admin.sock", role::viewer}); }
  std::uint64_t operating() { return *sessions->open({1001, 4243, "admin.sock", role::operator_}); }

  std::vector<audit_entry> audits() const {
    std::vector<audit_entry> found;
    for (const auto& batch : w->batches)
      found.insert(found.end(), batch.audits.begin(), batch.audits.end());
    return found;
  }

  std::string answer = R"({"ok":{}})";
  std::string asked;
  nlohmann::json with;
};

std::string error_code(const virtual_time::result& r) {
  return r.document["error"].value("code", "");
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(commands_on_messages, messaging_world)

BOOST_AUTO_TEST_CASE(a_message_goes_to_the_hub_and_into_the_audit_without_what_it_says) {
  answer = R"({"ok":{"outcome":"done","by":["market/trader#2"],"receivers":1,"trace":"4bf9"}})";
  const auto r = ask("send", R"({"to":"market/trader","payload":"secret","content":"text",
    "lane":"urgent","assured":true,"ttl":"2s","within":"3s","key":"k"})");
  BOOST_TEST(r.exit == 0, r.text);
  BOOST_TEST(asked == "send");
  BOOST_TEST(with["to"] == "market/trader");
  BOOST_TEST(with["payload"] == "secret");
  BOOST_TEST(with["delivery"] == "assured");
  BOOST_TEST(with["lane"] == "urgent");
  BOOST_TEST(with["ttl_ms"] == 2000);
  BOOST_TEST(with["wait_ms"] == 3000);
  BOOST_TEST(r.document["schema_version"] == 1);
  BOOST_TEST(r.document["outcome"] == "done");
  BOOST_TEST(r.document["sent_bytes"] == 6);
  BOOST_REQUIRE(!audits().empty());
  for (const auto& audit : audits()) {
    BOOST_TEST(audit.command.find("secret") == std::string::npos);
    BOOST_TEST(audit.command.find("send market/trader --lane urgent --assured") == 0u);
  }
  BOOST_TEST(audits().back().outcome == "done by market/trader#2, 6 bytes");
}

BOOST_AUTO_TEST_CASE(bytes_are_counted_as_such) {
  answer = R"({"ok":{"outcome":"accepted","receivers":1}})";
  const auto r = ask("send", R"({"to":"flaky","payload_base64":"AAH/"})");
  BOOST_TEST(r.document["sent_bytes"] == 3);
  BOOST_TEST(with["payload_base64"] == "AAH/");
  BOOST_TEST(with["delivery"] == "fire");
  BOOST_TEST(ask("send", R"({"to":"flaky","payload_base64":"AAH"})").exit == 2);
  BOOST_TEST(ask("send", R"({"to":"flaky","payload_base64":"AAH/","payload":"x"})").exit == 2);
}

BOOST_AUTO_TEST_CASE(addresses_are_checked_before_anything_is_sent) {
  auto r = ask("send", R"({"to":"market/tradr"})");
  BOOST_TEST(r.exit == 5);
  BOOST_TEST(r.document["error"]["hint"].get<std::string>().find("market/trader")
             != std::string::npos);
  BOOST_TEST(ask("send", R"({"to":"market/trader#7"})").exit == 5);
  r = ask("send", R"({"to":"market/"})");
  BOOST_TEST(r.exit == 2);
  BOOST_TEST(r.document["error"]["hint"] == "everyone in it is market/*");
  BOOST_TEST(asked.empty());
  BOOST_TEST(audits().empty());
  for (const auto* to : {"market/*", "*", "runtime/time", "market/trader#1/pricer", "flaky#0"})
    BOOST_TEST(ask("send", nlohmann::json{{"to", to}}.dump()).exit == 0, to);
  BOOST_TEST(ask("send", R"({"to":""})").exit == 2);
}

BOOST_AUTO_TEST_CASE(wrong_options_are_refused) {
  for (const auto* wrong :
       {R"({"to":"flaky","lane":"fast"})", R"({"to":"flaky","assured":true,"durable":true})",
        R"({"to":"flaky","ttl":"soon"})", R"({"to":"flaky","within":"11m"})",
        R"({"to":"flaky","content":"xml"})", R"({"to":7})", R"({"to":"flaky","payload":7})"})
    BOOST_TEST(ask("send", wrong).exit == 2, wrong);
  BOOST_TEST(asked.empty());
}

BOOST_AUTO_TEST_CASE(rejections_have_their_exit_codes) {
  const std::pair<const char*, int> known[] = {
      {"mailbox_full", 1}, {"no_such_address", 5}, {"not_permitted", 4}, {"not_linked", 1},
      {"stopping", 1},     {"bad_arguments", 2},   {"never_heard_of", 1}};
  for (const auto& [code, exit] : known) {
    answer = std::string{R"({"error":{"code":")"} + code + R"(","text":"because"}})";
    const auto r = ask("send", R"({"to":"flaky"})");
    BOOST_TEST(r.exit == exit, code);
    auto dashed = std::string{code};
    std::ranges::replace(dashed, '_', '-');
    BOOST_TEST(error_code(r) == dashed);
    BOOST_TEST(r.document["error"]["message"].get<std::string>().find("because")
               != std::string::npos);
    BOOST_TEST(audits().back().outcome.find(dashed) == 0u);
  }
  answer = R"({"ok":{"outcome":"waiting","receivers":1}})";
  BOOST_TEST(ask("send", R"({"to":"flaky","assured":true})").exit == 124);
  for (const auto* nonsense : {"", "{", "7", R"({"ok":7})", R"({"error":7})"}) {
    answer = nonsense;
    if (*nonsense)
      BOOST_TEST(error_code(ask("send", R"({"to":"flaky"})")) == "no-answer", nonsense);
  }
}

BOOST_AUTO_TEST_CASE(a_hub_that_is_gone_or_silent_is_said) {
  answer = "";
  const auto r =
      ask_and_wait("request", R"({"to":"flaky","within":"2s"})", std::chrono::seconds{13});
  BOOST_TEST(r.exit == 1);
  BOOST_TEST(error_code(r) == "no-answer");
}

BOOST_AUTO_TEST_CASE(a_request_has_its_reply) {
  answer = R"({"ok":{"by":"flaky#0","content":"text","payload":"42","failed":false,"took_s":0.1}})";
  auto r = ask("request", R"({"to":"flaky","payload":"?"})");
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(r.document["payload"] == "42");
  BOOST_TEST(with["wait_ms"] == 10000);
  BOOST_TEST(audits().back().outcome == "answered by flaky#0, 1 bytes");
  answer = R"({"ok":{"by":"flaky#0","payload":"it broke","failed":true}})";
  BOOST_TEST(ask("request", R"({"to":"flaky"})").exit == 1);
  answer = R"({"error":{"code":"expired"}})";
  r = ask("request", R"({"to":"flaky"})");
  BOOST_TEST(r.exit == 124);
  BOOST_TEST(error_code(r) == "timed-out");
}

BOOST_AUTO_TEST_CASE(a_topic_is_published_on) {
  answer = R"({"ok":{"outcome":"accepted","by":[],"receivers":0}})";
  const auto r = ask("publish", R"({"topic":"topic:ticks.btc","payload":"1","durable":true})");
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(with["topic"] == "ticks.btc");
  BOOST_TEST(with["delivery"] == "durable");
}

BOOST_AUTO_TEST_CASE(looks_are_for_viewers_and_changes_for_operators) {
  const auto viewer = looker();
  answer = R"({"ok":{"tap":3,"version":1}})";
  for (const auto* command : {"queues", "links", "topics", "tap", "trace", "dead-letters list"})
    BOOST_TEST(ask(command, "{}", viewer).exit == 0, command);
  BOOST_TEST(ask("dead-letters show", R"({"id":1})", viewer).exit == 0);
  BOOST_TEST(ask("state get", R"({"key":"k"})", viewer).exit == 0);
  BOOST_TEST(audits().empty());
  for (const auto* command : {"send", "request", "publish", "dead-letters requeue",
                              "dead-letters purge", "state set", "state delete"})
    BOOST_TEST(ask(command, R"({"to":"flaky","key":"k"})", viewer).exit == 4, command);
  BOOST_TEST(ask("send", R"({"to":"flaky"})", operating()).exit == 0);
}

BOOST_AUTO_TEST_CASE(queues_are_of_what_was_named) {
  answer = R"({"ok":{"mailboxes":[],"messages":0}})";
  BOOST_TEST(ask("queues", R"({"targets":["market/trader"]})").exit == 0);
  BOOST_TEST(with["instances"].size() == 3u);
  ask("queues");
  BOOST_TEST(with["instances"].size() == 5u);
  BOOST_TEST(ask("queues", R"({"targets":["nobody"]})").exit == 5);
  answer = R"({"ok":{"links":[{"instance":"flaky#0","since_us":1500000}],"unlinked":[]}})";
  BOOST_TEST(ask("links").document["links"][0]["since"] == "1970-01-01T00:00:01.500000Z");
}

BOOST_AUTO_TEST_CASE(many_instances_are_asked_for_in_parts) {
  w->spec = make_fleet({make_bot("many", 1200)});
  w->records.clear();
  fill_records(*w);
  w->on_hub = [](const std::string&, const std::string& arguments) {
    auto rows = nlohmann::json::array();
    const auto given = nlohmann::json::parse(arguments);
    for (const auto& name : given["instances"])
      rows.push_back({{"instance", name}});
    BOOST_TEST(rows.size() <= 500u);
    return nlohmann::json{{"ok", {{"mailboxes", rows}, {"messages", 7}}}}.dump();
  };
  const auto r = ask("queues", R"({"targets":["many"]})");
  BOOST_TEST(r.text.find("\"many#1199\"") != std::string::npos);
  BOOST_TEST(r.document["mailboxes"].size() == 1200u);
  BOOST_TEST(r.document["messages"] == 7);
}

BOOST_AUTO_TEST_CASE(a_tap_is_opened_read_and_closed) {
  answer = R"({"ok":{"tap":3}})";
  BOOST_TEST(ask("tap", R"({"target":"market/","every":5})").document["tap"] == 3);
  BOOST_TEST(asked == "tap_open");
  BOOST_TEST(with["what"] == "market/");
  BOOST_TEST(with["every"] == 5);
  ask("tap", R"({"target":"all"})");
  BOOST_TEST(with["what"] == "");
  ask("tap", R"({"target":"topic:ticks.>"})");
  BOOST_TEST(with["what"] == "topic:ticks.>");
  BOOST_TEST(ask("tap", R"({"target":"nobody"})").exit == 5);
  BOOST_TEST(ask("tap", R"({"target":"market/*"})").exit == 2);
  BOOST_TEST(ask("tap", R"({"every":0})").exit == 2);
  answer = R"({"ok":{"messages":[{"time_us":1}],"next":1,"seen":1,"dropped":0}})";
  const auto r = ask("tap", R"({"tap":3,"cursor":0,"wait_ms":5000})");
  BOOST_TEST(asked == "tap_read");
  BOOST_TEST(r.document["messages"][0]["time"] == "1970-01-01T00:00:00.000001Z");
  ask("tap", R"({"tap":3,"close":true})");
  BOOST_TEST(asked == "tap_close");
}

BOOST_AUTO_TEST_CASE(dead_letters_are_named_in_one_way) {
  answer = R"({"ok":{"requeued":2,"rejected":[]}})";
  BOOST_TEST(ask("dead-letters requeue", R"({"ids":[17,18]})").exit == 0);
  BOOST_TEST(with["rows"].size() == 2u);
  BOOST_TEST(audits().back().command == "dead-letters requeue 17 18");
  BOOST_TEST(ask("dead-letters requeue", R"({"target":"market/"})").exit == 0);
  BOOST_TEST(with["target"] == "market/");
  ask("dead-letters requeue", R"({"target":"all"})");
  BOOST_TEST(with["all"] == true);
  for (const auto* wrong : {"{}", R"({"ids":[1],"all":true})", R"({"ids":["x"]})",
                            R"({"target":"mar*"})", R"({"ids":7})"})
    BOOST_TEST(ask("dead-letters requeue", wrong).exit == 2, wrong);
  answer = R"({"ok":{"requeued":0,"rejected":[{"row":17,"code":"not_running"}]}})";
  BOOST_TEST(ask("dead-letters requeue", R"({"ids":[17]})").exit == 1);
  BOOST_TEST(error_code(ask("dead-letters purge", R"({"all":true})")) == "needs-confirmation");
  answer = R"({"ok":{"purged":9}})";
  BOOST_TEST(ask("dead-letters purge", R"({"all":true,"yes":true})").document["purged"] == 9);
  answer = R"({"ok":{"letters":[],"kept":0}})";
  BOOST_TEST(ask("dead-letters list", R"({"target":"market/trader","last":5})").exit == 0);
  BOOST_TEST(with["limit"] == 5);
}

BOOST_AUTO_TEST_CASE(state_is_asked_for_as_bots_do) {
  answer = R"({"ok":{"key":"k","value":{"made_us":7},"version":3}})";
  auto r = ask("state get", R"({"key":"k","group":"market/"})");
  BOOST_TEST(asked == "state");
  BOOST_TEST(with["op"] == "get");
  BOOST_TEST(with["group"] == "market");
  BOOST_TEST(r.document["value"]["made_us"] == 7); // the bots' own
  BOOST_TEST(ask("state get", R"({"key":"k","group":"mrket"})").exit == 5);
  answer = R"({"ok":{"key":"k","value":null,"version":0}})";
  r = ask("state get", R"({"key":"k"})");
  BOOST_TEST(r.exit == 1);
  BOOST_TEST(error_code(r) == "no-such-key");
  answer = R"({"ok":{"version":4}})";
  r = ask("state set", R"({"key":"k","value":"secret","if_version":"3","ttl":"1500ms"})");
  BOOST_TEST(r.document["version"] == 4);
  BOOST_TEST(with["if_version"] == 3);
  BOOST_TEST(with["ttl"] == 1.5);
  BOOST_TEST(audits().back().command.find("secret") == std::string::npos);
  BOOST_TEST(ask("state set", R"({"key":"k","value":1,"if_version":"x"})").exit == 2);
  BOOST_TEST(ask("state set", R"({"key":"k"})").exit == 2);
  answer = R"({"ok":{"deleted":false,"version":0}})";
  BOOST_TEST(error_code(ask("state delete", R"({"key":"k"})")) == "no-such-key");
  answer = R"({"error":{"code":"conflict","text":"it is 7 now"}})";
  BOOST_TEST(ask("state delete", R"({"key":"k","if_version":"3"})").exit == 1);
  answer = R"({"ok":{"entries":[],"more":false,"version":9}})";
  BOOST_TEST(ask("state watch", R"({"limit":1,"values":false})").document["version"] == 9);
  BOOST_TEST(with["op"] == "list");
  BOOST_TEST(with["values"] == false);
}

BOOST_AUTO_TEST_CASE(show_says_who_is_linked) {
  w->on_hub = [](const std::string& operation, const std::string&) -> std::string {
    if (operation == "links")
      return R"({"ok":{"links":[{"instance":"market/trader#1","client":"x"}]}})";
    return R"({"ok":{"mailboxes":[{"instance":"market/trader#1","waiting":{"normal":3}}]}})";
  };
  auto r = ask("show", R"({"bot":"market/trader"})");
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(r.document["instances"][0]["link"].is_null());
  BOOST_TEST(r.document["instances"][1]["link"]["client"] == "x");
  BOOST_TEST(r.document["instances"][1]["mailbox"]["waiting"]["normal"] == 3);
  w->on_hub = [](const std::string&, const std::string&) {
    return R"({"error":{"code":"starting"}})";
  };
  r = ask("show", R"({"bot":"market/trader"})");
  BOOST_TEST(r.exit == 0);
  BOOST_TEST(r.document["instances"][1]["link"].is_null());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(without_a_hub, virtual_time)

BOOST_AUTO_TEST_CASE(it_is_said) {
  begin();
  for (const auto* command : {"queues", "links", "topics", "trace", "dead-letters list"})
    BOOST_TEST(error_code(ask(command)) == "no-messaging", command);
  const auto r = ask("send", R"({"to":"flaky"})");
  BOOST_TEST(r.exit == 1);
  BOOST_TEST(error_code(r) == "no-messaging");
  BOOST_TEST(ask("show", R"({"bot":"flaky"})").exit == 0);
}

BOOST_AUTO_TEST_SUITE_END()
