// What goes out, and what becomes of it.

#include "fixture.hpp"

using namespace troupe;
using namespace troupe::test;

using strings = std::vector<std::string>;
using bot::code;

namespace {

const bot::send_options at_once{.timeout = 0ms};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sending, fixture)

BOOST_AUTO_TEST_CASE(every_field_is_where_it_belongs) {
  link();
  const auto said = bot->send("market/feed", "hello",
                              {.lane = bot::lane::high,
                               .delivery = bot::delivery::durable,
                               .content = bot::content::text,
                               .ttl = 1500ms,
                               .key = "BTC",
                               .actor = "pricer"});
  BOOST_TEST(!!said);
  BOOST_TEST(said.sequence == 1u);
  const auto got = runtime().next(frame_type::message);
  const auto m = view(*got);
  BOOST_TEST((m.in == wire::lane::high));
  BOOST_TEST((m.how == wire::delivery::durable));
  BOOST_TEST((m.kind == wire::content::text));
  BOOST_TEST(m.ttl == 1500u);
  BOOST_TEST(m.sequence == 1u);
  BOOST_TEST(m.incarnation == 118u);
  BOOST_TEST(m.tag == 0u);
  BOOST_TEST(m.to == "market/feed");
  BOOST_TEST(m.from == "/pricer");
  BOOST_TEST(m.key == "BTC");
  BOOST_TEST(m.payload == "hello");
}

BOOST_AUTO_TEST_CASE(each_lane_counts_for_itself) {
  link();
  const auto in = [this](bot::lane which) {
    return bot->send("market/feed", "x", {.lane = which}).sequence;
  };
  BOOST_TEST(in(bot::lane::normal) == 1u);
  BOOST_TEST(in(bot::lane::normal) == 2u);
  BOOST_TEST(in(bot::lane::urgent) == 1u);
  BOOST_TEST(in(bot::lane::low) == 1u);
  BOOST_TEST(in(bot::lane::normal) == 3u);
}

BOOST_AUTO_TEST_CASE(bounds_are_said_at_once) {
  link();
  const std::string largest(wire::max_payload, 'x');
  BOOST_TEST((bot->send("market/feed", largest + "x").code == code::too_large));
  BOOST_TEST((bot->send(std::string(256, 'a'), "x").code == code::too_large));
  BOOST_TEST((bot->send("market/feed", "x", {.key = largest}).code == code::too_large));
  BOOST_TEST((bot->send("", "x").code == code::bad_address));
  BOOST_TEST((bot->publish("ticks", "x", assured).code == code::bad_address));
  BOOST_TEST((bot->request("topic:ticks", "x", 1s).code == code::bad_address));
  BOOST_TEST(sent().empty());
}

BOOST_AUTO_TEST_CASE(large_payloads_are_compressed_when_the_runtime_reads_that) {
  const std::string large(5000, 'x');
  link();
  bot->send("market/feed", large);
  auto got = *runtime().next(frame_type::message);
  auto m = view(got);
  BOOST_TEST(m.is(wire::compressed));
  BOOST_TEST(m.length == 5000u);
  BOOST_TEST(*wire::decompress(m.payload, m.length) == large);
  bot->send("market/feed", large.substr(0, 1023));
  got = *runtime().next(frame_type::message);
  BOOST_TEST(!view(got).is(wire::compressed));

  fixture plain;
  plain.link({{"features", json::array()}});
  plain.bot->send("market/feed", large);
  got = *plain.runtime().next(frame_type::message);
  BOOST_TEST(view(got).payload == large);
}

// -- windows -------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(no_more_is_sent_than_the_window_allows) {
  link({{"window", {{"messages", 3}, {"bytes", 100000}}}});
  for (int i = 0; i < 3; ++i)
    BOOST_TEST(!!bot->send("market/feed", "x", at_once));
  BOOST_TEST((bot->send("market/feed", "x", at_once).code == code::timed_out));
  BOOST_TEST(sent().size() == 3u);
  runtime().send_list(wire::receipts{0, 0, 1, 0});
  step();
  BOOST_TEST(!!bot->send("market/feed", "x", at_once));
  BOOST_TEST((bot->send("market/feed", "x", at_once).code == code::timed_out));
}

BOOST_AUTO_TEST_CASE(bytes_are_a_window_too_and_one_may_be_larger) {
  link({{"features", json::array()}, {"window", {{"messages", 100}, {"bytes", 1000}}}});
  BOOST_TEST(!!bot->send("market/feed", std::string(5000, 'x'), at_once));
  BOOST_TEST((bot->send("market/feed", "x", at_once).code == code::timed_out));
  runtime().send_list(wire::receipts{0, 0, 1, 0});
  step();
  BOOST_TEST(!!bot->send("market/feed", std::string(500, 'x'), at_once));
  BOOST_TEST(!!bot->send("market/feed", "x", at_once));
  BOOST_TEST((bot->send("market/feed", std::string(500, 'x'), at_once).code == code::timed_out));
}

BOOST_AUTO_TEST_CASE(send_waits_for_a_receipt_and_no_longer_than_it_may) {
  link({{"window", {{"messages", 1}, {"bytes", 100000}}}});
  bot->send("market/feed", "1");
  const auto before = machine->time;
  BOOST_TEST((bot->send("market/feed", "2", {.timeout = 3s}).code == code::timed_out));
  BOOST_TEST((machine->time - before == instant{3s}));
  machine->idle = [this] { runtime().send_list(wire::receipts{0, 0, 1, 0}); };
  BOOST_TEST(!!bot->send("market/feed", "3", {.timeout = 3s}));
  BOOST_TEST((machine->time - before == instant{3s}));
  BOOST_TEST(sent() == (strings{"1", "3"}));
}

BOOST_AUTO_TEST_CASE(no_more_is_unresolved_than_the_runtime_wants) {
  link({{"unresolved", 2}});
  BOOST_TEST(!!bot->send("market/feed", "1", assured));
  BOOST_TEST(!!bot->send("market/feed", "2", assured));
  const bot::send_options now{.delivery = bot::delivery::assured, .timeout = 0ms};
  BOOST_TEST((bot->send("market/feed", "3", now).code == code::timed_out));
  BOOST_TEST(!!bot->send("market/feed", "of another kind", at_once));
  runtime().outcome(wire::lane::normal, 2, wire::outcome_code::done);
  step();
  BOOST_TEST(!!bot->send("market/feed", "3", now));
}

BOOST_AUTO_TEST_CASE(pressure_holds_back_one_address) {
  link();
  runtime().send(frame_type::order, {{"op", "pressure"}, {"to", "market/feed"}, {"on", true}});
  step();
  BOOST_TEST((bot->send("market/feed", "x", at_once).code == code::timed_out));
  BOOST_TEST(!!bot->send("market/feed#0", "x", at_once));
  runtime().send(frame_type::order, {{"op", "pressure"}, {"to", "market/feed"}, {"on", false}});
  step();
  BOOST_TEST(!!bot->send("market/feed", "x", at_once));
}

BOOST_AUTO_TEST_CASE(what_is_sent_without_a_link_waits_for_it_within_bounds) {
  machine->refuse = ENOENT;
  for (std::size_t i = 0; i < 1024; ++i)
    BOOST_TEST_REQUIRE(!!bot->send("market/feed", std::to_string(i), at_once));
  BOOST_TEST((bot->send("market/feed", "x", at_once).code == code::timed_out));
  machine->refuse = 0;
  pass(1s);
  BOOST_TEST(runtime().next(frame_type::hello)->object()["next"] == json::array({1, 1, 1, 1}));
  runtime().welcome({{"window", {{"messages", 1000}, {"bytes", 8388608}}}});
  step();
  BOOST_TEST(sent().size() == 1000u);
  BOOST_TEST(!!bot->send("market/feed", "1024", at_once));
  runtime().send_list(wire::receipts{0, 0, 1000, 0});
  step();
  const auto rest = sent();
  BOOST_TEST(rest.size() == 25u);
  BOOST_TEST(rest.back() == "1024");
}

// -- the wire ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(an_urgent_message_overtakes_what_the_socket_has_not_taken) {
  link({{"features", json::array()}});
  const std::string large(60'000, 'x');
  int sent_before = 0; // until neither the socket nor the client takes more
  while (bot->send("market/feed", large, at_once))
    ++sent_before;
  BOOST_TEST(sent_before > 4);
  BOOST_TEST(!!bot->send("market/feed", "urgent", {.lane = bot::lane::urgent, .timeout = 0ms}));
  strings order;
  for (int i = 0; i < 100; ++i) {
    for (const auto& each : sent())
      order.push_back(each);
    step();
  }
  BOOST_TEST(order.size() == static_cast<std::size_t>(sent_before) + 1);
  const auto urgent_at = std::ranges::find(order, "urgent") - order.begin();
  BOOST_TEST(urgent_at > 0);
  BOOST_TEST(urgent_at < sent_before - 2);
}

BOOST_AUTO_TEST_CASE(what_a_handler_sends_goes_out_when_it_has_returned) {
  bot->on_message([this](const bot::message&) {
    for (int i = 0; i < 100; ++i)
      bot->send("market/feed", "x");
    heard.push_back(std::to_string(sent().size()));
  });
  link();
  runtime().send(incoming{1, "go"}); // the first handler counts as a slow one
  runtime().send(incoming{2, "go"});
  step();
  BOOST_TEST(heard == (strings{"100", "0"}));
  BOOST_TEST(sent().size() == 100u);
}

BOOST_AUTO_TEST_CASE(a_cork_gathers_up_to_64_kib) {
  link();
  bot->cork();
  bot->send("market/feed", "x");
  BOOST_TEST(sent().empty());
  for (int i = 0; i < 1000; ++i)
    bot->send("market/feed", "x");
  BOOST_TEST(sent().size() > 500u);
  bot->uncork();
  bot->send("market/feed", "x");
  sent();
}

// -- outcomes ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(outcomes_are_told) {
  bot->on_outcome([this](const bot::outcome& each) {
    heard.push_back(std::string{to_string(each.lane)} + " " + std::to_string(each.sequence) + " "
                    + to_string(each.code) + " " + each.text);
  });
  link();
  bot->send("market/feed", "1", assured);
  bot->send("market/feed", "2", {.delivery = bot::delivery::durable});
  bot->send("market/feed", "3");
  runtime().send_list(std::vector<wire::outcome>{
      {wire::lane::normal, wire::outcome_code::done, 1, "market/feed#0"},
      {wire::lane::normal, wire::outcome_code::accepted, 2, ""},
      {wire::lane::normal, wire::outcome_code::mailbox_full, 3, "full"},
      {wire::lane::normal, wire::outcome_code::done, 1, "market/feed#0"}});
  step();
  step();
  BOOST_TEST(heard
             == (strings{"normal 1 done market/feed#0", "normal 2 accepted ",
                         "normal 3 mailbox_full full"}));
}

BOOST_AUTO_TEST_CASE(one_can_wait_for_an_outcome) {
  link();
  const auto first = bot->send("market/feed", "1", assured);
  const auto second = bot->send("market/feed", "2", assured);
  BOOST_TEST((bot->wait(first, 1s) == code::timed_out));
  machine->idle = [this] {
    runtime().outcome(wire::lane::normal, 2, wire::outcome_code::refused);
    machine->idle = nullptr;
  };
  BOOST_TEST((bot->wait(second, 1s) == code::refused));
  runtime().outcome(wire::lane::normal, 1, wire::outcome_code::done);
  BOOST_TEST((bot->wait(first, 0ms) == code::done));
  BOOST_TEST((bot->wait(bot->send("market/feed", "3"), 1s) == code::accepted));
}

BOOST_AUTO_TEST_CASE(flush_waits_until_everything_is_settled) {
  link();
  bot->send("market/feed", "1", assured);
  bot->send("market/feed", "2");
  BOOST_TEST(!bot->flush(1s));
  runtime().send_list(wire::receipts{0, 0, 2, 0});
  BOOST_TEST(!bot->flush(1s));
  runtime().outcome(wire::lane::normal, 1, wire::outcome_code::done);
  BOOST_TEST(bot->flush(1s));
}

BOOST_AUTO_TEST_CASE(a_link_that_closes_for_good_gives_everything_an_end) {
  bot->on_outcome([this](const bot::outcome& each) {
    heard.push_back(std::to_string(each.sequence) + " " + to_string(each.code));
  });
  link();
  bot->send("market/feed", "1", assured);
  bot->send("market/feed", "2", assured);
  std::optional<bot::answer> said;
  bot->request("market/feed", "3", 1min, [&](const bot::answer& a) { said = a; });
  runtime().bye("stopping");
  while (step()) {
  }
  BOOST_TEST(heard == (strings{"1 closed", "2 closed"}));
  BOOST_TEST_REQUIRE(said.has_value());
  BOOST_TEST((said->code == code::closed));
}

// -- requests ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_request_gets_its_reply) {
  link();
  std::vector<bot::answer> said;
  const auto hear_answer = [&](const bot::answer& each) { said.push_back(each); };
  BOOST_TEST(!!bot->request("market/feed", "price?", 2s, hear_answer));
  const auto got = runtime().next(frame_type::message);
  const auto asked = view(*got);
  BOOST_TEST(asked.ttl == 2000u);
  BOOST_TEST(asked.request != 0u);
  incoming reply{1, "41.5"};
  reply.request = asked.request;
  reply.flags = wire::reply;
  runtime().send(reply);
  runtime().send(reply); // the runtime sends no second one; it would not matter
  step();
  step();
  BOOST_TEST_REQUIRE(said.size() == 1u);
  BOOST_TEST(!!said[0]);
  BOOST_TEST(said[0].payload == "41.5");
  BOOST_TEST(said[0].from == "market/feed#0");
  pass(1min);
  BOOST_TEST(said.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_request_ends_with_a_failure_a_rejection_or_its_time) {
  link();
  strings said;
  const auto hear_answer = [&](const bot::answer& each) {
    said.push_back(to_string(each.code) + " " + each.payload);
  };
  bot->request("market/feed", "1", 2s, hear_answer);
  bot->request("market/feed", "2", 2s, hear_answer);
  bot->request("market/feed", "3", 2s, hear_answer);
  const auto got = runtime().next(frame_type::message);
  incoming reply{1, "no idea"};
  reply.request = view(*got).request;
  reply.flags = wire::reply | wire::failed;
  runtime().send(reply);
  runtime().outcome(wire::lane::normal, 2, wire::outcome_code::receiver_died, "market/feed#0");
  step();
  pass(2s);
  std::ranges::sort(said);
  BOOST_TEST(said == (strings{"failed no idea", "receiver_died market/feed#0", "timed_out "}));
}

BOOST_AUTO_TEST_CASE(one_can_wait_for_a_reply) {
  link();
  machine->idle = [this] {
    machine->idle = nullptr;
    const auto got = runtime().next(frame_type::message);
    incoming reply{1, std::string(3000, 'p')};
    const auto packed = wire::compress(reply.payload_text);
    reply.payload = *packed;
    reply.request = view(*got).request;
    reply.flags = wire::reply | wire::compressed;
    runtime().send(reply);
  };
  const auto said = bot->request("market/feed", "price?", 2s);
  BOOST_TEST(!!said);
  BOOST_TEST(said.payload == std::string(3000, 'p'));
  const auto before = machine->time;
  BOOST_TEST((bot->request("market/feed", "price?", 2s).code == code::timed_out));
  BOOST_TEST((machine->time - before == instant{2s}));
}

BOOST_AUTO_TEST_CASE(a_handler_may_wait_for_a_reply_and_no_other_runs_meanwhile) {
  bot->on_message([this](const bot::message& m) {
    heard.push_back("begin " + std::string{m.payload()});
    if (m.payload() == "1") {
      machine->idle = [this] {
        machine->idle = nullptr;
        const auto got = runtime().next(frame_type::message);
        incoming reply{3, "yes"};
        reply.request = view(*got).request;
        reply.flags = wire::reply;
        runtime().send(incoming{2, "2"});
        runtime().send(reply);
      };
      heard.push_back(bot->request("market/feed", "?", 1s).payload);
    }
    heard.push_back("end " + std::string{m.payload()});
  });
  link();
  runtime().send(incoming{1, "1"});
  step();
  step();
  BOOST_TEST(heard == (strings{"begin 1", "yes", "end 1", "begin 2", "end 2"}));
}

BOOST_AUTO_TEST_CASE(no_more_than_4096_requests_are_open) {
  link({{"window", {{"messages", 65536}, {"bytes", 8388608}}}});
  std::size_t ends = 0;
  const auto count = [&](const bot::answer&) { ++ends; };
  for (int i = 0; i < 4096; ++i) {
    BOOST_TEST_REQUIRE(!!bot->request("market/feed", "x", 2s, count));
    if (i % 100 == 0)
      sent();
  }
  BOOST_TEST((bot->request("market/feed", "x", 2s, count).code == code::too_many));
  machine->time += 2s;
  while (ends < 4096)
    step();
  BOOST_TEST(!!bot->request("market/feed", "x", 2s, count));
}

// -- traces --------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_handler_continues_the_trace_of_its_message) {
  bot->on_message([this](const bot::message& m) {
    bot->send("market/feed", "follows");
    heard.push_back(m.trace().traceparent());
    heard.push_back(bot->trace().traceparent());
  });
  link();
  incoming traced{1, "x"};
  traced.trace.fill(0xab);
  traced.span.fill(0xcd);
  traced.flags = wire::sampled;
  runtime().send(traced);
  step();
  const std::string expected = "00-abababababababababababababababab-cdcdcdcdcdcdcdcd-01";
  BOOST_TEST(heard == (strings{expected, expected}));
  const auto got = runtime().next(frame_type::message);
  const auto m = view(*got);
  BOOST_TEST((m.trace == traced.trace));
  BOOST_TEST((m.span != traced.span));
  BOOST_TEST(m.is(wire::sampled));
  bot->send("market/feed", "alone");
  const auto other = runtime().next(frame_type::message);
  BOOST_TEST((view(*other).trace == std::array<std::uint8_t, 16>{}));
}

BOOST_AUTO_TEST_CASE(a_sampled_message_begins_a_trace) {
  link();
  bot->send("market/feed", "x", {.sampled = true});
  const auto got = runtime().next(frame_type::message);
  BOOST_TEST((view(*got).trace != std::array<std::uint8_t, 16>{}));
  BOOST_TEST(view(*got).is(wire::sampled));
}

BOOST_AUTO_TEST_SUITE_END()
