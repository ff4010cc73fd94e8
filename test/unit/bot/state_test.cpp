// runtime/state, as a bot uses it.

#include "fixture.hpp"

#include <troupe/state.hpp>

using namespace troupe;
using namespace troupe::test;

using strings = std::vector<std::string>;

namespace {

struct stateful : fixture {
  std::vector<json> asked;
  std::uint64_t number = 0;

  /// The next request is answered with that.
  void will_say(json reply, bool failed = false) {
    machine->idle = [this, reply, failed] {
      if (const auto got = runtime().next(frame_type::message)) {
        machine->idle = nullptr;
        say(*got, reply, failed);
      }
    };
  }
  void say(const frame& to, const json& reply, bool failed = false) {
    const auto request = view(to);
    BOOST_TEST(request.to == "runtime/state");
    asked.push_back(json::parse(request.payload));
    incoming out{++number, reply.dump()};
    out.from = "runtime/state";
    out.request = request.request;
    out.flags = static_cast<std::uint8_t>(wire::reply | (failed ? wire::failed : 0));
    runtime().send(out);
  }
  void change(const json& what) {
    incoming out{++number, what.dump()};
    out.from = "runtime/state";
    out.to = "topic:runtime.state";
    runtime().send(out);
    step();
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(state, stateful)

BOOST_AUTO_TEST_CASE(values_are_got_and_set) {
  link();
  bot::state here{*bot};
  will_say({{"key", "limit"}, {"value", {{"max", 5}}}, {"version", 12884901889u}});
  const auto got = here.get("limit");
  BOOST_TEST(!!got);
  BOOST_TEST(got.entry.value == R"({"max":5})");
  BOOST_TEST(got.entry.version == 12884901889u);
  will_say({{"version", 12884901890u}});
  const auto set =
      here.set("limit", "7", {.if_version = got.entry.version, .ttl = 2500ms, .durable = true});
  BOOST_TEST(set.entry.version == 12884901890u);
  will_say({{"deleted", true}, {"version", 12884901891u}});
  BOOST_TEST(!!bot::state(*bot, "risk").erase("limit"));
  BOOST_TEST(asked.at(0) == (json{{"op", "get"}, {"key", "limit"}}));
  BOOST_TEST(asked.at(1)
             == (json{{"op", "set"},
                      {"key", "limit"},
                      {"value", 7},
                      {"if_version", 12884901889u},
                      {"ttl", 2.5},
                      {"durable", true}}));
  BOOST_TEST(asked.at(2) == (json{{"op", "delete"}, {"key", "limit"}, {"group", "risk"}}));
}

BOOST_AUTO_TEST_CASE(a_conflict_tells_what_is_there) {
  link();
  will_say(
      {{"error", {{"code", "conflict"}, {"text", "it has changed"}, {"version", 9}, {"value", 6}}}},
      true);
  const auto set = bot::state{*bot}.set("limit", "7", {.if_version = 8});
  BOOST_TEST(!set);
  BOOST_TEST(set.problem == "conflict");
  BOOST_TEST(set.text == "it has changed");
  BOOST_TEST(set.entry.version == 9u);
  BOOST_TEST(set.entry.value == "6");
}

BOOST_AUTO_TEST_CASE(what_is_no_json_is_not_sent) {
  link();
  BOOST_TEST((bot::state{*bot}.set("limit", "{").code == bot::code::bad_message));
  BOOST_TEST(sent().empty());
}

BOOST_AUTO_TEST_CASE(a_watch_tells_what_is_there_and_each_change_on_every_link) {
  bot::state here{*bot};
  here.watch("limits.", [this](const bot::state_entry& now) {
    heard.push_back(now.group + " " + now.key + " " + (now.deleted ? "gone" : now.value));
  });
  step();
  runtime().welcome();
  step();
  auto got = runtime().next(frame_type::message);
  BOOST_TEST_REQUIRE(got.has_value());
  say(*got, {{"entries", {{{"key", "limits.btc"}, {"value", 5}, {"version", 1}}}}, {"more", true}});
  step();
  got = runtime().next(frame_type::message);
  BOOST_TEST_REQUIRE(got.has_value());
  say(*got,
      {{"entries", {{{"key", "limits.eth"}, {"value", 6}, {"version", 2}}}}, {"more", false}});
  step();
  change({{"group", "market"}, {"key", "limits.btc"}, {"value", 7}, {"version", 3}});
  change({{"group", "market"}, {"key", "limits.btc"}, {"deleted", true}, {"version", 4}});
  change({{"group", "market"}, {"key", "other"}, {"value", 7}, {"version", 5}});
  change({{"group", "risk"}, {"key", "limits.btc"}, {"value", 7}, {"version", 6}});
  BOOST_TEST(heard
             == (strings{"market limits.btc 5", "market limits.eth 6", "market limits.btc 7",
                         "market limits.btc gone"}));
  BOOST_TEST(asked.at(0)["op"] == "watch");
  BOOST_TEST(asked.at(1)["op"] == "list");
  BOOST_TEST(asked.at(1)["after"] == "limits.btc");
  relink();
  runtime().welcome();
  step();
  got = runtime().next(frame_type::message);
  BOOST_TEST_REQUIRE(got.has_value());
  BOOST_TEST(json::parse(view(*got).payload)["op"] == "watch");
  here.unwatch("limits.");
  BOOST_TEST(json::parse(view(*runtime().next(frame_type::message)).payload)["op"] == "unwatch");
}

BOOST_AUTO_TEST_CASE(a_watch_that_is_refused_is_told) {
  bot->on_error([this](const std::string& problem) { heard.push_back(problem); });
  link();
  bot::state{*bot, "risk"}.watch("", [](const bot::state_entry&) {});
  const auto got = runtime().next(frame_type::message);
  say(*got, {{"error", {{"code", "not_permitted"}, {"text", "not yours"}}}}, true);
  step();
  BOOST_TEST(heard == strings{"the handler of a reply failed: the watch of '': not yours"});
}

BOOST_AUTO_TEST_SUITE_END()
