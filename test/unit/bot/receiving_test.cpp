// What comes, in which order, to which handler, and what the runtime learns of it.

#include "fixture.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>

using namespace troupe;
using namespace troupe::test;

using strings = std::vector<std::string>;
using result = wire::done::result;

namespace {

bool is(const wire::done& each, std::uint64_t tag, result how) {
  return each.tag == tag && each.how == how;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(receiving, fixture)

BOOST_AUTO_TEST_CASE(a_message_shows_all_that_it_has) {
  bot->on_message([this](const bot::message& m) {
    BOOST_TEST(m.payload() == "hello");
    BOOST_TEST(m.from() == "market/feed#0");
    BOOST_TEST(m.to() == "market/trader#2");
    BOOST_TEST(m.key() == "BTC");
    BOOST_TEST((m.lane() == bot::lane::high));
    BOOST_TEST((m.delivery() == bot::delivery::durable));
    BOOST_TEST((m.content() == bot::content::json));
    BOOST_TEST((m.ttl() == 1500ms));
    BOOST_TEST(m.sequence() == 4u);
    BOOST_TEST(m.incarnation() == 9u);
    BOOST_TEST(m.redelivered());
    BOOST_TEST(!m.is_request());
    BOOST_TEST(m.topic() == "");
    BOOST_TEST(m.actor() == "");
    heard.push_back("seen");
  });
  link();
  incoming each{4, "hello", wire::delivery::durable, wire::lane::high};
  each.kind = wire::content::json;
  each.ttl = 1500;
  each.key = "BTC";
  each.flags = wire::again;
  runtime().send(each);
  step();
  BOOST_TEST(heard == strings{"seen"});
}

BOOST_AUTO_TEST_CASE(a_copy_of_a_message_outlives_its_handler) {
  std::optional<bot::message> kept;
  bot->on_message([&](const bot::message& m) {
    if (!kept)
      kept = m;
  });
  link();
  runtime().send(incoming{1, "kept"});
  for (int i = 2; i < 100; ++i)
    runtime().send(incoming{static_cast<std::uint64_t>(i), "other"});
  step();
  step();
  bot.reset();
  BOOST_TEST(kept->payload() == "kept");
  BOOST_TEST(kept->from() == "market/feed#0");
}

BOOST_AUTO_TEST_CASE(a_compressed_payload_is_unpacked) {
  hear();
  link();
  incoming each{1, std::string(5000, 'x')};
  const auto packed = wire::compress(each.payload_text);
  each.payload = *packed;
  each.flags = wire::compressed;
  runtime().send(each);
  incoming bad{2, std::string(5000, 'x'), wire::delivery::assured};
  bad.payload = "this is not zstd";
  bad.flags = wire::compressed;
  runtime().send(bad);
  step();
  BOOST_TEST(heard == strings{std::string(5000, 'x')});
  const auto told = dones();
  BOOST_TEST_REQUIRE(told.size() == 1u);
  BOOST_TEST(is(told[0], 2, result::failed));
}

BOOST_AUTO_TEST_CASE(urgent_overtakes_everything_that_waits) {
  bot->on_message([this](const bot::message& m) {
    heard.emplace_back(m.payload());
    if (m.payload() == "n1")
      runtime().send(incoming{1, "u1", wire::delivery::fire, wire::lane::urgent});
    machine->time += 1ms; // so that the socket is looked at after each
  });
  link();
  std::uint64_t n = 0;
  for (const char* text : {"n1", "n2", "n3"})
    runtime().send(incoming{++n, text});
  for (int i = 0; i < 4; ++i)
    step();
  BOOST_TEST(heard == (strings{"n1", "u1", "n2", "n3"}));
}

BOOST_AUTO_TEST_CASE(weaker_lanes_move_too) {
  hear();
  link();
  for (std::uint64_t i = 1; i <= 200; ++i)
    runtime().send(incoming{i, "high", wire::delivery::fire, wire::lane::high});
  runtime().send(incoming{1, "low", wire::delivery::fire, wire::lane::low});
  while (heard.size() < 201)
    step();
  const auto low = std::ranges::find(heard, "low") - heard.begin();
  BOOST_TEST(low == 16);
}

// -- handlers ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(topics_go_to_those_who_subscribed) {
  const auto as = [this](std::string name) {
    return [this, name](const bot::message& m) {
      heard.push_back(name + " " + std::string{m.topic()});
    };
  };
  hear();
  bot->subscribe("ticks.*", as("one"));
  bot->subscribe("ticks.>", as("many"));
  bot->subscribe("orders.new", as("orders"));
  link();
  std::uint64_t n = 0;
  for (const char* to : {"topic:ticks.btc", "topic:ticks.btc.usd", "topic:orders.new"}) {
    incoming each{++n, "x"};
    each.to = to;
    runtime().send(each);
  }
  step();
  BOOST_TEST(
      heard
      == (strings{"one ticks.btc", "many ticks.btc", "many ticks.btc.usd", "orders orders.new"}));
  bot->unsubscribe("ticks.*");
  heard.clear();
  incoming again{++n, "x"};
  again.to = "topic:ticks.btc";
  runtime().send(again);
  step();
  BOOST_TEST(heard == strings{"many ticks.btc"});
}

BOOST_AUTO_TEST_CASE(a_refused_subscription_is_told) {
  bot->on_outcome([this](const bot::outcome& each) {
    heard.push_back(to_string(each.code) + " " + std::to_string(each.sequence) + " " + each.text);
  });
  bot->subscribe("other.>", [](const bot::message&) {});
  link();
  runtime().send(frame_type::result,
                 {{"id", 1}, {"error", {{"code", "not_permitted"}, {"text", "may_subscribe"}}}});
  step();
  BOOST_TEST(heard == strings{"not_permitted 0 other.>: may_subscribe"});
}

BOOST_AUTO_TEST_CASE(actors_are_reached_by_name) {
  hear();
  bot->host("pricer", [this](const bot::message& m) {
    heard.push_back(std::string{m.actor()} + " " + std::string{m.payload()});
    bot->reply(m, "41");
  });
  link();
  incoming first{1, "x", wire::delivery::assured};
  first.to = "market/trader#2/pricer";
  first.request = 5;
  incoming second{2, "y", wire::delivery::assured};
  second.to = "market/trader#2/nobody";
  runtime().send(first);
  runtime().send(second);
  step();
  BOOST_TEST(heard == strings{"pricer x"});
  const auto frames = runtime().all();
  const auto reply = view(frames.at(0));
  BOOST_TEST(reply.from == "/pricer");
  BOOST_TEST(reply.request == 5u);
  std::vector<wire::done> told;
  BOOST_TEST((frames.at(1).type == frame_type::done));
  wire::decode(frames.at(1).body, told);
  BOOST_TEST(is(told.at(0), 1, result::done));
  BOOST_TEST(is(told.at(1), 2, result::no_such_actor));
}

BOOST_AUTO_TEST_CASE(what_a_request_handler_returns_or_throws_is_the_reply) {
  bot->on_error([](const std::string&) {});
  bot->on_request([](const bot::message& m) -> std::string {
    if (m.payload() == "bad")
      throw std::runtime_error{"no such price"};
    return "re: " + std::string{m.payload()};
  });
  link();
  incoming good{1, "good", wire::delivery::fire, wire::lane::high};
  good.request = 7;
  incoming bad{2, "bad", wire::delivery::assured};
  bad.request = 8;
  runtime().send(good);
  runtime().send(bad);
  step();
  step();
  std::vector<frame> replies;
  std::vector<wire::done> told;
  for (auto& each : runtime().all()) {
    if (each.type == frame_type::message)
      replies.push_back(std::move(each));
    else if (each.type == frame_type::done)
      wire::decode(each.body, told);
  }
  BOOST_TEST_REQUIRE(replies.size() == 2u);
  const auto first = view(replies[0]);
  BOOST_TEST(first.to == "market/feed#0");
  BOOST_TEST(first.request == 7u);
  BOOST_TEST(first.flags == wire::reply);
  BOOST_TEST((first.in == wire::lane::high));
  BOOST_TEST((first.how == wire::delivery::fire));
  BOOST_TEST(first.payload == "re: good");
  const auto second = view(replies[1]);
  BOOST_TEST(second.flags == (wire::reply | wire::failed));
  BOOST_TEST((second.how == wire::delivery::assured));
  BOOST_TEST(second.payload == "no such price");
  BOOST_TEST_REQUIRE(told.size() == 1u);
  BOOST_TEST(is(told[0], 2, result::done)); // whoever asked knows
}

BOOST_AUTO_TEST_CASE(a_reply_may_come_later_and_only_once) {
  std::optional<bot::message> kept;
  bot->on_message([&](const bot::message& m) { kept = m; });
  link();
  incoming asked{1, "?"};
  asked.request = 3;
  runtime().send(asked);
  step();
  BOOST_TEST(sent().empty());
  BOOST_TEST(!!bot->reply(*kept, "later"));
  BOOST_TEST(!bot->reply(*kept, "twice"));
  BOOST_TEST(sent() == strings{"later"});
}

BOOST_AUTO_TEST_CASE(a_request_that_was_answered_is_done_though_its_handler_fails) {
  std::optional<bot::message> kept;
  bot->on_error([](const std::string&) {});
  bot->on_message([&](const bot::message& m) {
    bot->reply(m, "here you are");
    if (m.payload() == "bad")
      throw std::runtime_error{"too late"};
    bot->defer(m);
    kept = m;
  });
  link();
  incoming bad{1, "bad", wire::delivery::assured};
  incoming later{2, "later", wire::delivery::assured};
  bad.request = 3;
  later.request = 4;
  runtime().send(bad);
  runtime().send(later);
  step();
  step();
  BOOST_TEST_REQUIRE(kept.has_value());
  bot->failed(*kept, "too late");
  std::vector<wire::done> told;
  std::size_t replies = 0;
  for (auto& each : runtime().all()) {
    replies += each.type == frame_type::message ? 1 : 0;
    std::vector<wire::done> some;
    if (each.type == frame_type::done && !wire::decode(each.body, some))
      told.insert(told.end(), some.begin(), some.end());
  }
  BOOST_TEST(replies == 2u);
  BOOST_TEST_REQUIRE(told.size() == 2u);
  BOOST_TEST(is(told[0], 1, result::done));
  BOOST_TEST(is(told[1], 2, result::done));
}

BOOST_AUTO_TEST_CASE(what_nobody_handles_is_no_silent_loss) {
  link();
  incoming asked{1, "?"};
  asked.request = 3;
  runtime().send(asked);
  runtime().send(incoming{2, "x", wire::delivery::assured});
  step();
  const auto frames = runtime().all();
  BOOST_TEST(view(frames.at(0)).flags == (wire::reply | wire::failed));
  std::vector<wire::done> told;
  wire::decode(frames.at(1).body, told);
  BOOST_TEST(is(told.at(0), 2, result::failed));
}

BOOST_AUTO_TEST_CASE(what_handlers_throw_is_told_and_ends_nothing) {
  bot->on_error([this](const std::string& problem) { heard.push_back(problem); });
  bot->on_message([](const bot::message&) { throw std::runtime_error{"boom"}; });
  bot->on_config([](const bot::settings&) { throw 7; });
  link();
  runtime().send(incoming{1, "x"});
  runtime().send(incoming{2, "y", wire::delivery::assured});
  runtime().send(frame_type::order, {{"op", "config"}, {"version", 8}});
  for (int i = 0; i < 3; ++i)
    step();
  BOOST_TEST(heard
             == (strings{"the handler of the config failed: an exception that is no std::exception",
                         "the handler of a message to market/trader#2 failed: boom",
                         "the handler of a message to market/trader#2 failed: boom"}));
  const auto told = dones();
  BOOST_TEST_REQUIRE(told.size() == 1u);
  BOOST_TEST(is(told[0], 2, result::failed));
  BOOST_TEST(bot->linked());
}

// -- handling that outlives its handler -----------------------------------------------------

BOOST_AUTO_TEST_CASE(what_is_deferred_is_done_when_it_is_said) {
  std::vector<bot::message> kept;
  bot->on_message([&](const bot::message& m) {
    BOOST_TEST(bot->defer(m));
    BOOST_TEST(!bot->defer(m));
    kept.push_back(m);
  });
  link();
  for (std::uint64_t i = 1; i <= 3; ++i)
    runtime().send(incoming{i, "x", wire::delivery::assured});
  incoming asked{4, "?"};
  asked.request = 6;
  runtime().send(asked);
  step();
  BOOST_TEST(runtime().all().empty()); // neither DONE nor CREDIT
  bot->done(kept.at(1));
  bot->done(kept.at(1));
  auto told = dones();
  BOOST_TEST_REQUIRE(told.size() == 1u);
  BOOST_TEST(is(told[0], 2, result::done));
  bot->failed(kept.at(0), "no");
  told = dones();
  BOOST_TEST(is(told.at(0), 1, result::failed));
  bot->failed(kept.at(3), "no idea");
  const auto frames = runtime().all();
  BOOST_TEST(view(frames.at(0)).payload == "no idea");
  BOOST_TEST(view(frames.at(0)).flags == (wire::reply | wire::failed));
  BOOST_TEST(!bot->defer(kept.at(0))); // not in its handler
}

BOOST_AUTO_TEST_CASE(what_is_deferred_may_be_done_before_its_handler_has_returned) {
  bot->on_message([&](const bot::message& m) {
    bot->defer(m);
    bot->done(m); // as a quick thread would
  });
  link();
  runtime().send(incoming{1, "x", wire::delivery::assured});
  step();
  const auto frames = runtime().all();
  std::vector<wire::done> told;
  BOOST_TEST_REQUIRE(frames.size() == 2u); // DONE and CREDIT, once
  BOOST_TEST(!wire::decode(frames[0].body, told));
  BOOST_TEST_REQUIRE(told.size() == 1u);
  BOOST_TEST(is(told[0], 1, result::done));
  wire::credits given;
  BOOST_TEST(!wire::decode(frames[1].body, given));
  BOOST_TEST(given[2].messages == 1u);
}

BOOST_AUTO_TEST_CASE(a_reply_that_found_no_room_may_be_tried_again) {
  std::optional<bot::message> kept;
  bot->on_message([&](const bot::message& m) { kept = m; });
  link({{"window", {{"messages", 1}, {"bytes", 100000}}}});
  incoming asked{1, "?"};
  asked.request = 3;
  runtime().send(asked);
  step();
  bot->send("market/feed", "x");
  BOOST_TEST(!bot->reply(*kept, "no room", {.timeout = 0ms}));
  runtime().send_list(wire::receipts{0, 0, 1, 0});
  step();
  BOOST_TEST(!!bot->reply(*kept, "room", {.timeout = 0ms}));
}

// -- credit --------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(credit_comes_at_a_quarter_of_a_window_and_when_all_is_handled) {
  bot::options small = who();
  small.window_messages = 8;
  fixture each{small};
  each.bot->on_message([&](const bot::message&) { each.machine->time += 1ms; }); // one a step
  each.link();
  std::size_t bytes = 0;
  for (std::uint64_t i = 1; i <= 6; ++i) {
    incoming m{i, "x"};
    std::string body;
    wire::append_body(body, m);
    bytes += body.size();
    each.runtime().send(m);
  }
  std::vector<std::uint64_t> credits;
  wire::credits read{};
  for (int i = 0; i < 8; ++i) {
    each.step();
    while (const auto got = each.runtime().next(frame_type::credit)) {
      BOOST_TEST(!wire::decode(got->body, read));
      credits.push_back(read[2].messages);
    }
  }
  BOOST_TEST(credits == (std::vector<std::uint64_t>{2, 4, 6}));
  BOOST_TEST(read[2].bytes == bytes);
  BOOST_TEST(read[0].messages == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_in_the_socket_waits_while_handlers_have_something_to_do) {
  std::size_t normal = 0, before_urgent = 0;
  bot->on_message([&](const bot::message& m) {
    machine->time += 1ms; // one a step
    if (m.lane() == bot::lane::urgent)
      before_urgent = normal;
    else
      ++normal;
  });
  link();
  constexpr std::size_t flood = 150;
  std::string out;
  for (std::uint64_t i = 1; i <= flood; ++i)
    wire::append_frame(out, incoming{i, std::string(1000, 'x')});
  wire::append_frame(out, incoming{1, "now", wire::delivery::fire, wire::lane::urgent});
  runtime().send(out);
  step();
  BOOST_TEST(normal == 1u);
  int unread = 0;
  BOOST_TEST_REQUIRE(::ioctl(runtime().fd(), SIOCOUTQ, &unread) == 0);
  BOOST_TEST(unread > 0);
  for (std::size_t i = 0; i < flood; ++i)
    step();
  BOOST_TEST(normal == flood);
  BOOST_TEST(before_urgent > 0u);
  BOOST_TEST(before_urgent < 10u); // a few reads, and not a flood of handlers
}

BOOST_AUTO_TEST_CASE(a_runtime_that_passes_the_window_is_refused) {
  bot::options small = who();
  small.window_messages = 4;
  fixture each{small};
  each.bot->on_message([](const bot::message&) {});
  each.link();
  for (std::uint64_t i = 1; i <= 5; ++i)
    each.runtime().send(incoming{i, "x"});
  each.step();
  const auto bye = each.runtime().next(frame_type::bye);
  BOOST_TEST_REQUIRE(bye.has_value());
  BOOST_TEST(bye->object()["reason"] == "bad_order");
}

BOOST_AUTO_TEST_CASE(one_that_is_larger_than_the_window_may_come_alone) {
  bot::options small = who();
  small.window_bytes = 4096;
  fixture each{small};
  each.hear();
  each.link();
  each.runtime().send(incoming{1, std::string(9000, 'x')});
  each.step();
  BOOST_TEST(each.heard.size() == 1u);
  each.runtime().send(incoming{2, std::string(9000, 'x')});
  each.step();
  BOOST_TEST(each.heard.size() == 2u);
  each.runtime().send(incoming{3, std::string(3000, 'x')});
  each.runtime().send(incoming{4, std::string(3000, 'x')});
  each.step();
  BOOST_TEST(each.runtime().next(frame_type::bye).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
