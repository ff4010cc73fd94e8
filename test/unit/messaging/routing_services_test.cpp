#include "actors/messaging/services.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <set>

using namespace troupe;
using namespace troupe::messaging;
using nlohmann::json;

namespace {

struct desk : service_port {
  std::int64_t clock = 1'790'000'000'123'456;
  std::set<std::string> with_link;
  std::vector<std::pair<std::uint64_t, json>> told;
  std::vector<std::vector<state_entry>> stored;
  std::vector<std::function<void(std::string)>> commits;
  std::shared_ptr<routing_table> table = std::make_shared<routing_table>();
  std::map<std::string, permissions> may;
  service_desk of{*this};

  explicit desk(bool ready = true) {
    table->fleet = "demo";
    table->version = 7;
    bot("market/feed", 1);
    bot("market/trader", 3);
    bot("risk/guard", 1);
    bot("flaky", 1);
    of.set_routes(table);
    if (ready)
      of.restore({}, 3);
  }

  void bot(const std::string& name, std::uint32_t replicas) {
    auto spec = std::make_shared<config::bot_spec>();
    spec->labels = {{"env", "prod"}};
    spec->settings = R"({"symbol": "BTC", "depth": 5})";
    auto all = std::make_shared<pool>();
    for (std::uint32_t i = 0; i < replicas; ++i) {
      auto x = std::make_shared<route>();
      x->instance = name + '#' + std::to_string(i);
      x->bot = name;
      x->group = enclosing(name);
      x->index = i;
      x->now = state::running;
      x->incarnation = 100 + i;
      x->spec = spec;
      table->instances[x->instance] = x;
      all->members.push_back(x);
      may.emplace(x->instance, permissions{*spec, x->group});
    }
    table->bots[name] = all;
    for (const auto& group : std::set<std::string>{x_group(name), ""}) {
      const auto* old = table->groups.get(group);
      auto names = old ? **old : std::vector<std::string>{};
      names.push_back(name);
      std::sort(names.begin(), names.end());
      table->groups[group] = std::make_shared<const std::vector<std::string>>(names);
    }
  }
  static std::string x_group(const std::string& name) { return std::string{enclosing(name)}; }

  std::int64_t wall() const override { return clock; }
  std::chrono::nanoseconds monotonic_now() const override { return std::chrono::nanoseconds{42}; }
  bool linked(const route& x) override { return with_link.contains(x.instance); }
  void store(std::vector<state_entry> entries, std::function<void(std::string)> done) override {
    stored.push_back(std::move(entries));
    commits.push_back(std::move(done));
  }
  void tell_change(state_store::watcher who, const std::string& payload) override {
    told.emplace_back(who, json::parse(payload));
  }

  /// Empty `from`: an operator.
  void send(const std::string& from, std::string_view service, std::string_view payload,
            service_desk::answer give) {
    const auto* route = table->instances.get(from);
    of.ask({service, payload, route ? route->get() : nullptr, route ? &may.at(from) : nullptr,
            std::hash<std::string>{}(from)},
           std::move(give));
  }
  json ask(const std::string& from, std::string_view service, const std::string& payload) {
    std::optional<service_reply> reply;
    send(from, service, payload, [&](service_reply x) {
      BOOST_TEST(!reply);
      reply = std::move(x);
    });
    BOOST_REQUIRE(reply);
    auto result = json::parse(reply->payload);
    BOOST_TEST(reply->failed == result.contains("error"));
    return result;
  }
  json state(const json& request, const std::string& from = "market/trader#0") {
    return ask(from, "state", request.dump());
  }
  std::string trouble(const json& request, const std::string& from = "market/trader#0") {
    const auto reply = state(request, from);
    return reply.contains("error") ? reply["error"]["code"].get<std::string>() : "";
  }
};

std::string names_of(const json& directory) {
  std::string result;
  for (const auto& each : directory["instances"])
    result += each["name"].get<std::string>() + ' ';
  return result;
}

} // namespace

BOOST_AUTO_TEST_CASE(time_is_told) {
  desk x;
  const auto reply = x.ask("flaky#0", "time", "");
  BOOST_TEST(reply["time"] == "2026-09-21T14:13:20.123456Z");
  BOOST_TEST(reply["unix_us"] == 1'790'000'000'123'456);
  BOOST_TEST(reply["monotonic_ns"] == 42);
}

BOOST_AUTO_TEST_CASE(a_bot_learns_its_settings) {
  desk x;
  const auto reply = x.ask("market/trader#1", "config", "{}");
  BOOST_TEST(reply["instance"] == "market/trader#1");
  BOOST_TEST(reply["group"] == "market");
  BOOST_TEST(reply["fleet"] == "demo");
  BOOST_TEST(reply["version"] == 7);
  BOOST_TEST(reply["labels"]["env"] == "prod");
  BOOST_TEST(reply["settings"]["depth"] == 5);
  BOOST_TEST(x.ask("", "config", "")["error"]["code"] == "bad_request");
}

BOOST_AUTO_TEST_CASE(the_directory_shows_whom_one_may_send_to) {
  desk x;
  x.with_link = {"market/trader#1"};
  const auto own = x.ask("market/feed#0", "directory", "{}");
  BOOST_TEST(names_of(own) == "market/feed#0 market/trader#0 market/trader#1 market/trader#2 ");
  BOOST_TEST(own["more"] == false);
  BOOST_TEST(own["instances"][2]["linked"] == true);
  BOOST_TEST(own["instances"][1]["linked"] == false);
  BOOST_TEST(own["instances"][1]["state"] == "running");
  BOOST_TEST(own["instances"][1]["up"] == true);
  BOOST_TEST(own["instances"][2]["incarnation"] == 101);
  BOOST_TEST(names_of(x.ask("", "directory", "{}"))
             == "flaky#0 market/feed#0 market/trader#0 market/trader#1 market/trader#2 "
                "risk/guard#0 ");
  for (const char* of : {"market/trader", "market/", "market/*", "market"})
    BOOST_TEST(
        names_of(x.ask("", "directory", json{{"of", of}, {"after", "market/trader#0"}}.dump()))
        == "market/trader#1 market/trader#2 ");
  BOOST_TEST(x.ask("", "directory", R"({"of": "nobody"})")["error"]["code"] == "no_such_address");
  BOOST_TEST(names_of(x.ask("market/feed#0", "directory", R"({"of": "risk/"})")) == "");
}

BOOST_AUTO_TEST_CASE(a_long_directory_comes_in_pages) {
  desk x;
  x.bot("big/pool", 2500);
  std::set<std::string> seen;
  json request{{"of", "big/"}};
  int pages = 0;
  for (bool more = true; more; ++pages) {
    const auto reply = x.ask("", "directory", request.dump());
    for (const auto& each : reply["instances"])
      BOOST_TEST(seen.insert(each["name"].get<std::string>()).second);
    request["after"] = reply["instances"].back()["name"];
    more = reply["more"].get<bool>();
  }
  BOOST_TEST(seen.size() == 2500u);
  BOOST_TEST(pages == 3);
}

BOOST_AUTO_TEST_CASE(what_is_no_request_is_refused_in_words) {
  desk x;
  BOOST_TEST(x.ask("flaky#0", "stat", "")["error"]["text"].get<std::string>().find(
                 "did you mean \"state\"?")
             != std::string::npos);
  for (const char* payload :
       {"", "[]", "nonsense", "{\"op\":", "{\"op\": 5}", "{\"op\": \"fly\"}", "{\"op\": \"get\"}",
        R"({"op":"get","key":5})", R"({"op":"set","key":"a"})",
        R"({"op":"set","key":"a","value":1,"ttl":"soon"})",
        R"({"op":"set","key":"a","value":1,"ttl":-1})",
        R"({"op":"set","key":"a","value":1,"if_version":-1})",
        R"({"op":"set","key":"a","value":1,"if_version":1.5})",
        R"({"op":"set","key":"a","value":1,"durable":"yes"})",
        R"({"op":"set","key":"a\nb","value":1})", R"({"op":"list","limit":"all"})",
        R"({"op":"get","key":"a","group":7})", "{\"op\":\"get\",\"key\":\"\xff\"}"}) {
    const auto reply = x.ask("market/feed#0", "state", payload);
    BOOST_TEST(reply["error"]["code"] == "bad_request", payload << " " << reply);
  }
  // Deep ones would end the runtime when they are written again.
  const auto deep = "{\"op\":\"set\",\"key\":\"a\",\"value\":" + std::string(100'000, '[')
                    + std::string(100'000, ']') + "}";
  BOOST_TEST(x.ask("market/feed#0", "state", deep)["error"]["code"] == "bad_request");
  BOOST_TEST(x.ask("market/feed#0", "state", std::string(600'000, ' '))["error"]["code"]
             == "too_big");
  BOOST_TEST(x.of.store().entries() == 0u);
}

BOOST_AUTO_TEST_CASE(values_are_set_and_got) {
  desk x;
  const auto none = x.state({{"op", "get"}, {"key", "a"}});
  BOOST_TEST(none["value"].is_null());
  BOOST_TEST(none["version"] == 0);
  const json value{{"max", 5}, {"who", "grüße"}, {"list", {1, 2.5, nullptr}}};
  const auto version = x.state({{"op", "set"}, {"key", "a"}, {"value", value}})["version"];
  const auto got = x.state({{"op", "get"}, {"key", "a"}}, "market/feed#0"); // one group
  BOOST_TEST(got["value"] == value);
  BOOST_TEST(got["version"] == version);
  BOOST_TEST(!got.contains("durable"));
  BOOST_TEST(x.state({{"op", "get"}, {"key", "a"}}, "risk/guard#0")["version"] == 0);
  const auto conflict =
      x.state({{"op", "set"}, {"key", "a"}, {"value", 1}, {"if_version", 0}})["error"];
  BOOST_TEST(conflict["code"] == "conflict");
  BOOST_TEST(conflict["version"] == version);
  BOOST_TEST(conflict["value"] == value);
  const auto set =
      x.state({{"op", "set"}, {"key", "a"}, {"value", nullptr}, {"if_version", version}});
  BOOST_TEST(set["version"] > version);
  const auto gone = x.state({{"op", "delete"}, {"key", "a"}});
  BOOST_TEST(gone["deleted"] == true);
  BOOST_TEST(x.state({{"op", "delete"}, {"key", "a"}})["deleted"] == false);
}

BOOST_AUTO_TEST_CASE(a_group_is_its_own_and_what_may_be_sent_to) {
  desk x;
  const auto set = [&](const char* group, const char* from) {
    return x.trouble({{"op", "set"}, {"key", "k"}, {"value", 1}, {"group", group}}, from);
  };
  BOOST_TEST(set("market", "market/trader#0") == "");
  BOOST_TEST(set("market/", "market/trader#0") == "");
  BOOST_TEST(set("risk", "market/trader#0") == "not_permitted");
  BOOST_TEST(set("", "market/trader#0") == "not_permitted");
  BOOST_TEST(set("risk", "flaky#0") == ""); // of the root
  BOOST_TEST(set("nowhere", "flaky#0") == "bad_request");
  BOOST_TEST(set("risk", "") == ""); // an operator
  config::bot_spec spec;
  spec.may_send = {{"risk/"}};
  x.may["market/trader#0"] = permissions{spec, "market"};
  BOOST_TEST(set("risk", "market/trader#0") == "");
  BOOST_TEST(set("market", "market/trader#0") == ""); // its own all the same
}

BOOST_AUTO_TEST_CASE(durable_is_answered_after_the_commit) {
  desk x;
  std::optional<service_reply> reply;
  const auto keep = [&](service_reply got) { reply = std::move(got); };
  x.send("market/feed#0", "state", R"({"op":"set","key":"a","value":[1],"durable":true})", keep);
  BOOST_TEST(!reply);
  BOOST_REQUIRE(x.commits.size() == 1u);
  BOOST_TEST(x.stored[0][0].value == "[1]");
  BOOST_TEST(x.stored[0][0].group == "market");
  x.commits[0]("");
  BOOST_REQUIRE(reply);
  BOOST_TEST(!reply->failed);
  reply.reset();
  x.send("market/feed#0", "state", R"({"op":"delete","key":"a"})", keep);
  BOOST_REQUIRE(x.commits.size() == 2u);
  BOOST_TEST(x.stored[1][0].erased);
  x.commits[1]("disk full");
  BOOST_REQUIRE(reply);
  BOOST_TEST(reply->failed);
  BOOST_TEST(json::parse(reply->payload)["error"]["code"] == "store_unavailable");
}

BOOST_AUTO_TEST_CASE(lists_are_ordered_and_come_in_pages) {
  desk x;
  for (const char* key : {"limits.eth", "limits.btc", "other", "limits", "limits.x"})
    x.state({{"op", "set"}, {"key", key}, {"value", key}});
  const auto keys = [&](json request) {
    request["op"] = "list";
    const auto reply = x.state(request);
    std::string result;
    for (const auto& each : reply["entries"])
      result += each["key"].get<std::string>() + ' ';
    return result + (reply["more"].get<bool>() ? "…" : "");
  };
  BOOST_TEST(keys(json::object()) == "limits limits.btc limits.eth limits.x other ");
  BOOST_TEST(keys({{"prefix", "limits."}}) == "limits.btc limits.eth limits.x ");
  BOOST_TEST(keys({{"prefix", "limits."}, {"limit", 2}}) == "limits.btc limits.eth …");
  BOOST_TEST(keys({{"prefix", "limits."}, {"after", "limits.eth"}}) == "limits.x ");
  BOOST_TEST(keys({{"prefix", "limits."}, {"limit", 3}}) == "limits.btc limits.eth limits.x ");
  BOOST_TEST(keys({{"prefix", "none"}}) == "");
  const auto bare = x.state({{"op", "list"}, {"values", false}});
  BOOST_TEST(!bare["entries"][0].contains("value"));
  // A page is bounded in bytes, too.
  for (int i = 0; i < 20; ++i)
    x.state(
        {{"op", "set"}, {"key", "big" + std::to_string(i)}, {"value", std::string(60'000, 'x')}});
  std::optional<service_reply> reply;
  x.send("market/feed#0", "state", R"({"op":"list","prefix":"big","limit":1000})",
         [&](service_reply got) { reply = std::move(got); });
  BOOST_REQUIRE(reply);
  BOOST_TEST(reply->payload.size() < 600'000u);
  BOOST_TEST(json::parse(reply->payload)["more"] == true);
}

BOOST_AUTO_TEST_CASE(watchers_get_what_is_there_and_then_the_changes) {
  desk x;
  x.state({{"op", "set"}, {"key", "limits.btc"}, {"value", 1}});
  const auto begun = x.state({{"op", "watch"}, {"prefix", "limits."}}, "market/feed#0");
  BOOST_TEST(begun["entries"].size() == 1u);
  const auto version =
      x.state({{"op", "set"}, {"key", "limits.btc"}, {"value", 2}, {"ttl", 1.5}})["version"];
  BOOST_TEST(version > begun["version"]);
  BOOST_REQUIRE(x.told.size() == 1u);
  BOOST_TEST(x.told[0].first == std::hash<std::string>{}("market/feed#0"));
  BOOST_TEST(
      x.told[0].second
      == (json{{"group", "market"}, {"key", "limits.btc"}, {"value", 2}, {"version", version}}));
  BOOST_TEST(x.state({{"op", "get"}, {"key", "limits.btc"}})["ttl"] == 1.5);
  BOOST_REQUIRE(x.of.next_tick());
  x.clock = *x.of.next_tick();
  x.of.tick();
  BOOST_REQUIRE(x.told.size() == 2u);
  BOOST_TEST(x.told[1].second["deleted"] == true);
  BOOST_TEST(!x.told[1].second.contains("value"));
  BOOST_TEST(x.state({{"op", "unwatch"}, {"prefix", "limits."}}, "market/feed#0")["was_there"]
             == true);
  x.state({{"op", "watch"}}, "market/trader#2");
  x.of.unlink(std::hash<std::string>{}("market/trader#2"));
  x.state({{"op", "set"}, {"key", "limits.btc"}, {"value", 3}});
  BOOST_TEST(x.told.size() == 2u);
  BOOST_TEST(x.trouble({{"op", "watch"}}, "") == "bad_request");
}

BOOST_AUTO_TEST_CASE(before_the_disk_is_read_requests_wait) {
  desk x{false};
  std::vector<std::string> replies;
  const auto keep = [&](service_reply got) { replies.push_back(got.payload); };
  x.send("market/feed#0", "state", R"({"op":"get","key":"a"})", keep);
  x.send("market/feed#0", "state", R"({"op":"set","key":"a","value":2})", keep);
  BOOST_TEST(replies.empty());
  BOOST_TEST(x.ask("market/feed#0", "time", "").contains("time")); // that needs no disk
  queue_contents contents;
  contents.entries = {{"market", "a", "1", 9, 0, false},
                      {"market", "over", "1", 8, 1'000'000, false}};
  contents.last_state_version = 9;
  x.of.restore(contents, 3);
  BOOST_REQUIRE(replies.size() == 1u); // the other one changes what is on disk
  BOOST_REQUIRE(x.commits.size() == 2u);
  x.commits[1]("");
  BOOST_REQUIRE(replies.size() == 2u);
  BOOST_TEST(json::parse(replies[0])["value"] == 1);
  BOOST_TEST(json::parse(replies[0])["durable"] == true);
  BOOST_TEST(x.state({{"op", "get"}, {"key", "a"}})["value"] == 2);
  // What has expired while no runtime lived goes from the disk; so does what became volatile.
  BOOST_REQUIRE(x.stored.size() == 2u);
  BOOST_TEST(x.stored[0][0].key == "over");
  BOOST_TEST(x.stored[0][0].erased);
  BOOST_TEST(x.stored[1][0].erased);
}

BOOST_AUTO_TEST_CASE(those_that_wait_are_bounded) {
  desk x{false};
  std::size_t refused = 0;
  for (int i = 0; i < 1100; ++i)
    x.send("market/feed#0", "state", R"({"op":"get","key":"a"})",
           [&](service_reply got) { refused += got.failed; });
  BOOST_TEST(refused == 76u);
  x.of.restore({}, 1);
  BOOST_TEST(refused == 76u);
}
