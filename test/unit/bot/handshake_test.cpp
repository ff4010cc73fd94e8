// A link is made, refused, lost and made again.

#include "fixture.hpp"

using namespace troupe;
using namespace troupe::test;

using strings = std::vector<std::string>;

BOOST_FIXTURE_TEST_SUITE(handshake, fixture)

BOOST_AUTO_TEST_CASE(the_hello_says_who_it_is_and_what_it_takes) {
  bot->on_message([](const bot::message&) {});
  step();
  const auto hello = runtime().next(frame_type::hello)->object();
  BOOST_TEST(hello["version"] == 1);
  BOOST_TEST(hello["oldest"] == 1);
  BOOST_TEST(hello["instance"] == "market/trader#2");
  BOOST_TEST(hello["incarnation"] == 118);
  BOOST_TEST(hello["token"] == "0123456789abcdef0123456789abcdef");
  BOOST_TEST(hello["features"] == json::array({"zstd"}));
  BOOST_TEST(hello["handles"] == json::array({"config", "drain"}));
  BOOST_TEST(hello["window"] == (json{{"messages", 1024}, {"bytes", 524288}}));
  BOOST_TEST(hello["next"] == json::array({1, 1, 1, 1}));
  BOOST_TEST(hello["known"] == 0);
  BOOST_TEST(hello["client"].get<std::string>().starts_with("troupe-cpp "));
  BOOST_TEST(!bot->linked());
}

BOOST_AUTO_TEST_CASE(a_welcome_links_and_brings_the_config) {
  bot->on_flatten([](bot::milliseconds) { return true; });
  bot->on_link([this](bool up, const std::string&) { heard.push_back(up ? "up" : "down"); });
  step();
  BOOST_TEST(runtime().next(frame_type::hello)->object()["handles"]
             == json::array({"config", "flatten"}));
  runtime().welcome();
  step();
  BOOST_TEST(bot->linked());
  BOOST_TEST(bot->fleet() == "demo");
  BOOST_TEST(bot->config().version == 7u);
  BOOST_TEST(json::parse(bot->config().settings) == (json{{"symbol", "BTC"}}));
  BOOST_TEST(json::parse(bot->config().labels) == (json{{"env", "prod"}}));
  BOOST_TEST(heard == strings{"up"});
}

BOOST_AUTO_TEST_CASE(unknown_members_are_ignored) {
  link({{"color", "red"}, {"config", {{"version", 8}, {"more", {1, 2}}}}});
  BOOST_TEST(bot->config().version == 8u);
}

BOOST_AUTO_TEST_CASE(what_is_said_before_the_welcome_waits_for_it) {
  bot->ready();
  bot->status("warming up");
  bot->subscribe("ticks.*", [](const bot::message&) {}, {.durable = true});
  BOOST_TEST(!!bot->send("market/feed", "first"));
  auto frames = runtime().all();
  BOOST_TEST_REQUIRE(frames.size() == 1u);
  BOOST_TEST((frames[0].type == frame_type::hello));
  runtime().welcome();
  step();
  frames = runtime().all();
  BOOST_TEST_REQUIRE(frames.size() == 4u);
  BOOST_TEST(frames[0].object()
             == (json{{"id", 1}, {"op", "subscribe"}, {"pattern", "ticks.*"}, {"durable", true}}));
  BOOST_TEST(frames[1].object() == (json{{"op", "ready"}}));
  BOOST_TEST(frames[2].object() == (json{{"op", "status"}, {"text", "warming up"}}));
  BOOST_TEST(view(frames[3]).payload == "first");
}

BOOST_AUTO_TEST_CASE(everything_is_said_again_on_a_new_link) {
  bot->subscribe("ticks.>", [](const bot::message&) {});
  bot->ready();
  link();
  relink();
  runtime().welcome();
  step();
  const auto frames = runtime().all();
  BOOST_TEST_REQUIRE(frames.size() == 3u);
  BOOST_TEST(frames[1].object()["op"] == "subscribe");
  BOOST_TEST(frames[2].object()["op"] == "ready");
}

BOOST_AUTO_TEST_CASE(some_reasons_close_for_good) {
  for (const char* reason :
       {"bad_hello", "bad_version", "bad_token", "old_incarnation", "silent", "stopping"}) {
    fixture each;
    each.link();
    each.runtime().bye(reason);
    BOOST_TEST(!each.step());
    each.pass(1h);
    BOOST_TEST(each.peers.size() == 1u);
    BOOST_TEST(each.bot->why_closed() == std::string{reason} + ": so");
    BOOST_TEST((each.bot->send("market/feed", "x").code == bot::code::closed));
    BOOST_TEST(each.bot->run() == (std::string_view{reason} == "stopping" ? 0 : 1));
  }
}

BOOST_AUTO_TEST_CASE(other_reasons_are_no_farewell) {
  for (const char* reason : {"bad_frame", "bad_order", "too_slow"}) {
    fixture each;
    each.link();
    each.runtime().bye(reason);
    BOOST_TEST(each.step());
    each.step();
    BOOST_TEST(each.peers.size() == 2u);
  }
}

BOOST_AUTO_TEST_CASE(a_link_that_is_still_there_is_tried_for_again_a_little_later) {
  step();
  runtime().bye("already_linked");
  step();
  pass(99ms);
  BOOST_TEST(peers.size() == 1u);
  pass(1ms);
  BOOST_TEST(peers.size() == 2u);
}

BOOST_AUTO_TEST_CASE(tries_become_rarer_up_to_two_seconds) {
  machine->refuse = ECONNREFUSED;
  for (int i = 0; i < 12; ++i)
    bot->step(1ms), machine->time += 0ns;
  while (machine->time < instant{20s})
    bot->step(1000ms);
  std::vector<std::int64_t> pauses;
  for (std::size_t i = 1; i < 10; ++i)
    pauses.push_back((machine->connects[i] - machine->connects[i - 1]) / 1ms);
  const std::vector<std::int64_t> expected{50, 100, 200, 400, 800, 1600, 2000, 2000, 2000};
  BOOST_TEST(pauses == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_runtime_that_welcomes_and_dies_at_once_is_not_stormed) {
  for (int i = 0; i < 50; ++i) {
    bot->step(1ms);
    if (!peers.empty() && peers.back()->fd() >= 0) {
      peers.back()->welcome();
      bot->step(0ms);
      peers.back()->close();
    }
  }
  BOOST_TEST(machine->connects.size() < 5u);
}

BOOST_AUTO_TEST_CASE(a_link_that_held_is_tried_for_at_once) {
  link();
  pass(5s);
  relink();
  BOOST_TEST(peers.size() == 2u);
  runtime().welcome();
  step();
  pass(5s);
  relink();
  BOOST_TEST(peers.size() == 3u);
}

BOOST_AUTO_TEST_CASE(without_a_runtime_it_works_alone) {
  fixture alone{bot::options{}};
  BOOST_TEST(!alone.bot->managed());
  BOOST_TEST(!alone.bot->linked());
  BOOST_TEST((alone.bot->send("market/feed", "x").code == bot::code::unlinked));
  BOOST_TEST((alone.bot->request("market/feed", "x", 1s).code == bot::code::unlinked));
  BOOST_TEST(alone.bot->flush(1s));
  alone.bot->ready();
  BOOST_TEST(alone.step());
  alone.bot->stop();
  BOOST_TEST(alone.bot->run() == 0);
  BOOST_TEST(alone.peers.empty());
}

BOOST_AUTO_TEST_CASE(a_bot_that_ends_says_goodbye) {
  link();
  bot->send("market/feed", "last words");
  bot.reset();
  const auto frames = runtime().all();
  BOOST_TEST_REQUIRE(frames.size() == 2u);
  BOOST_TEST(view(frames[0]).payload == "last words");
  BOOST_TEST(frames[1].object()["reason"] == "done");
}

BOOST_AUTO_TEST_CASE(last_words_wait_for_the_link) {
  BOOST_TEST(!!bot->send("market/feed", "last words"));
  machine->idle = [this, asked = false]() mutable {
    if (!std::exchange(asked, true))
      runtime().welcome();
  };
  bot.reset();
  const auto frames = runtime().all();
  BOOST_TEST_REQUIRE(frames.size() == 3u);
  BOOST_TEST(view(frames[1]).payload == "last words");
  BOOST_TEST(frames[2].object()["reason"] == "done");
}

BOOST_AUTO_TEST_CASE(last_words_wait_no_longer_than_a_second) {
  machine->refuse = ECONNREFUSED;
  BOOST_TEST(!!bot->send("market/feed", "last words"));
  machine->idle = [this, began = machine->time] {
    BOOST_TEST_REQUIRE((machine->time - began <= 1s));
  };
  bot.reset();
}

// -- heartbeats ----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_ping_is_answered_with_its_bytes) {
  link();
  std::string out;
  wire::append_frame(out, frame_type::ping, "12345678");
  runtime().send(out);
  step();
  BOOST_TEST(runtime().next(frame_type::pong)->body == "12345678");
}

BOOST_AUTO_TEST_CASE(a_silent_runtime_is_asked_and_given_up_after_three) {
  link();
  for (int i = 0; i < 3; ++i) {
    pass(9s);
    BOOST_TEST(!runtime().next(frame_type::ping));
    pass(1s);
    BOOST_TEST(runtime().next(frame_type::ping).has_value());
  }
  BOOST_TEST(bot->linked());
  pass(10s);
  BOOST_TEST(!bot->linked());
}

BOOST_AUTO_TEST_CASE(whatever_comes_counts_as_an_answer_even_late) {
  link();
  for (int i = 0; i < 10; ++i) {
    pass(10s);
    pass(10s);
    pass(9s);
    std::string out; // 29 s late
    wire::append_frame(out, frame_type::pong, "12345678");
    runtime().send(out);
    step();
    BOOST_TEST_REQUIRE(bot->linked());
  }
}

BOOST_AUTO_TEST_CASE(a_bot_that_was_busy_reads_before_it_judges) {
  link();
  std::string out;
  wire::append_frame(out, frame_type::ping, "12345678");
  runtime().send(out);
  pass(1h);
  BOOST_TEST(bot->linked());
  BOOST_TEST(runtime().next(frame_type::pong).has_value());
}

BOOST_AUTO_TEST_CASE(a_link_in_use_has_no_pings) {
  link();
  for (int i = 0; i < 20; ++i) {
    runtime().send_list(wire::receipts{});
    pass(5s);
  }
  BOOST_TEST(!runtime().next(frame_type::ping));
}

BOOST_AUTO_TEST_SUITE_END()
