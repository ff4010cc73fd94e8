// Nothing assured is lost or handled twice when a link is.

#include "fixture.hpp"

using namespace troupe;
using namespace troupe::test;

using strings = std::vector<std::string>;
using result = wire::done::result;

namespace {

std::vector<wire::known_message> known_of(const std::vector<frame>& frames) {
  std::vector<wire::known_message> all;
  for (const auto& each : frames) {
    std::vector<wire::known_message> part;
    if (each.type == frame_type::known && !wire::decode(each.body, part))
      all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(resuming, fixture)

BOOST_AUTO_TEST_CASE(unresolved_messages_go_again_in_order_before_what_is_new) {
  link();
  bot->send("market/feed", "1", assured);
  bot->send("market/feed", "fire");
  bot->send("market/feed", "3", {.lane = bot::lane::urgent, .delivery = bot::delivery::assured});
  bot->send("market/feed", "4", {.delivery = bot::delivery::durable});
  bot->send("market/feed", "5", assured);
  runtime().outcome(wire::lane::normal, 3, wire::outcome_code::accepted);
  step();
  relink();
  bot->send("market/feed", "new fire");
  bot->send("market/feed", "new", assured);
  bot->send("market/feed", "new urgent", {.lane = bot::lane::urgent});
  const auto hello = runtime().next(frame_type::hello)->object();
  BOOST_TEST(hello["next"] == json::array({2, 1, 5, 1}));
  runtime().welcome();
  step();
  strings order;
  for (const auto& each : runtime().all()) {
    const auto m = view(each);
    order.push_back(std::string{m.payload} + (m.is(wire::again) ? " again " : " ")
                    + std::to_string(m.sequence));
  }
  BOOST_TEST(
      order
      == (strings{"1 again 1", "3 again 1", "5 again 4", "new fire 5", "new 6", "new urgent 2"}));
}

BOOST_AUTO_TEST_CASE(they_go_again_on_every_new_link_until_their_outcome) {
  link();
  bot->send("market/feed", "1", assured);
  for (int i = 0; i < 3; ++i) {
    relink();
    runtime().welcome();
    step();
    BOOST_TEST(sent() == strings{"1"});
    pass(2s);
  }
  runtime().outcome(wire::lane::normal, 1, wire::outcome_code::done);
  step();
  relink();
  runtime().welcome();
  step();
  BOOST_TEST(sent().empty());
}

BOOST_AUTO_TEST_CASE(many_unresolved_messages_are_fed_as_the_socket_takes_them) {
  link();
  for (int i = 0; i < 1000; ++i) {
    bot->send("market/feed", std::to_string(i) + std::string(1000, 'x'), assured);
    sent();
  }
  relink();
  runtime().welcome();
  std::uint64_t expected = 1;
  for (int i = 0; i < 200 && expected <= 1000; ++i) {
    step();
    for (const auto& each : runtime().all())
      if (each.type == frame_type::message) {
        BOOST_TEST_REQUIRE(view(each).sequence == expected++);
        BOOST_TEST_REQUIRE(view(each).is(wire::again));
      }
  }
  BOOST_TEST(expected == 1001u);
}

BOOST_AUTO_TEST_CASE(an_outcome_between_two_links_ends_it) {
  link();
  const auto said = bot->send("market/feed", "1", assured);
  relink();
  runtime().welcome();
  runtime().outcome(wire::lane::normal, said.sequence, wire::outcome_code::done);
  step();
  BOOST_TEST((bot->wait(said, 0ms) == bot::code::done));
}

BOOST_AUTO_TEST_CASE(a_runtime_that_reads_no_zstd_gets_plain_payloads_again) {
  const std::string large(5000, 'x');
  link();
  bot->send("market/feed", large, assured);
  BOOST_TEST(view(*runtime().next(frame_type::message)).is(wire::compressed));
  relink();
  runtime().welcome({{"features", json::array()}});
  step();
  const auto got = runtime().next(frame_type::message);
  const auto m = view(*got);
  BOOST_TEST(!m.is(wire::compressed));
  BOOST_TEST(m.is(wire::again));
  BOOST_TEST(m.payload == large);
}

BOOST_AUTO_TEST_CASE(the_window_is_new_on_a_new_link) {
  link({{"window", {{"messages", 2}, {"bytes", 100000}}}});
  const bot::send_options now{.timeout = 0ms};
  bot->send("market/feed", "1", now);
  bot->send("market/feed", "2", now);
  BOOST_TEST(!bot->send("market/feed", "3", now));
  relink();
  runtime().welcome({{"window", {{"messages", 2}, {"bytes", 100000}}}});
  step();
  BOOST_TEST(!!bot->send("market/feed", "3", now));
  BOOST_TEST(!!bot->send("market/feed", "4", now));
  runtime().send_list(wire::receipts{0, 0, 3, 0});
  step();
  BOOST_TEST(!!bot->send("market/feed", "5", now));
  BOOST_TEST(!bot->send("market/feed", "6", now));
}

// -- the receiving side ----------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(what_came_before_is_answered_without_a_handler) {
  hear();
  link();
  runtime().send(incoming{1, "x", wire::delivery::assured});
  step();
  BOOST_TEST(dones().size() == 1u);
  incoming again{1, "x", wire::delivery::assured};
  again.tag = 77;
  again.flags = wire::again;
  runtime().send(again);
  step();
  const auto told = dones();
  BOOST_TEST_REQUIRE(told.size() == 1u);
  BOOST_TEST(told[0].tag == 77u);
  BOOST_TEST((told[0].how == result::done));
  BOOST_TEST(heard.size() == 1u);
}

BOOST_AUTO_TEST_CASE(another_lane_incarnation_or_sender_is_another_message) {
  hear();
  link();
  incoming first{1, "first", wire::delivery::assured};
  incoming second{1, "lane", wire::delivery::assured, wire::lane::high};
  incoming third{1, "incarnation", wire::delivery::assured};
  third.incarnation = 10;
  incoming fourth{1, "sender", wire::delivery::assured};
  fourth.from = "market/feed#1";
  for (const auto* each : {&first, &second, &third, &fourth})
    runtime().send(*each);
  step();
  BOOST_TEST(heard.size() == 4u);
}

BOOST_AUTO_TEST_CASE(fire_messages_are_not_remembered) {
  hear();
  link();
  runtime().send(incoming{1, "x"});
  runtime().send(incoming{1, "x"});
  step();
  BOOST_TEST(heard.size() == 2u);
}

BOOST_AUTO_TEST_CASE(what_has_failed_may_be_tried_again) {
  bot->on_error([](const std::string&) {});
  bot->on_message([this](const bot::message& m) {
    heard.push_back(m.redelivered() ? "again" : "first");
    if (!m.redelivered())
      throw std::runtime_error{"not now"};
  });
  link();
  incoming each{1, "x", wire::delivery::assured};
  runtime().send(each);
  step();
  auto told = dones();
  BOOST_TEST((told.at(0).how == result::failed));
  each.flags = wire::again;
  each.tag = 2;
  runtime().send(each);
  step();
  told = dones();
  BOOST_TEST((told.at(0).how == result::done));
  BOOST_TEST(heard == (strings{"first", "again"}));
}

BOOST_AUTO_TEST_CASE(a_new_link_begins_with_what_is_known) {
  std::optional<bot::message> kept;
  bot->on_message([&](const bot::message& m) {
    if (m.payload() == "long" && bot->defer(m))
      kept = m;
  });
  link();
  runtime().send(incoming{1, "old", wire::delivery::assured});
  step();
  pass(61s); // long ago
  runtime().send(incoming{2, "done", wire::delivery::assured});
  runtime().send(incoming{3, "fire"});
  runtime().send(incoming{4, "long", wire::delivery::durable, wire::lane::low});
  step();
  relink();
  auto frames = runtime().all();
  BOOST_TEST_REQUIRE(!frames.empty());
  BOOST_TEST(frames[0].object()["known"] == 2);
  auto known = known_of(frames);
  BOOST_TEST_REQUIRE(known.size() == 2u);
  BOOST_TEST(known[0].sequence == 2u);
  BOOST_TEST(known[0].handled);
  BOOST_TEST(known[0].from == "market/feed#0");
  BOOST_TEST(known[0].incarnation == 9u);
  BOOST_TEST(known[1].sequence == 4u);
  BOOST_TEST(!known[1].handled);
  BOOST_TEST((known[1].in == wire::lane::low));
  runtime().welcome();
  step();
  runtime().all();
  bot->done(*kept);
  frames = runtime().all();
  known = known_of(frames);
  BOOST_TEST_REQUIRE(known.size() == 1u);
  BOOST_TEST(known[0].sequence == 4u);
  BOOST_TEST(known[0].handled);
}

BOOST_AUTO_TEST_CASE(what_is_still_handled_is_known_however_old_it_is) {
  std::optional<bot::message> kept;
  bot->on_message([&](const bot::message& m) {
    if (m.payload() == "long" && bot->defer(m))
      kept = m;
  });
  link({{"window", {{"messages", 65'536}, {"bytes", 16 << 20}}}});
  runtime().send(incoming{1, "long", wire::delivery::assured});
  step();
  pass(61s);
  // Many later ones do not push it out either.
  for (std::uint64_t i = 2; i <= 5000; ++i) {
    incoming other{i, "x", wire::delivery::assured};
    other.from = "market/feed#1";
    runtime().send(other);
    if (i % 50 == 0)
      step();
  }
  for (int i = 0; i < 100; ++i)
    step();
  runtime().all();
  relink();
  const auto known = known_of(runtime().all());
  BOOST_TEST(known.size() == 4096u);
  BOOST_TEST(std::count_if(known.begin(), known.end(),
                           [](const auto& each) { return each.sequence == 1 && !each.handled; })
             == 1);
}

BOOST_AUTO_TEST_CASE(the_minute_of_what_is_known_ends_with_the_link) {
  hear();
  link();
  runtime().send(incoming{1, "x", wire::delivery::assured});
  step();
  machine->refuse = ECONNREFUSED;
  runtime().close();
  step();
  pass(600s);
  machine->refuse = 0;
  pass(2s);
  BOOST_TEST(known_of(runtime().all()).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_failure_on_a_lost_link_is_told_on_the_next) {
  std::optional<bot::message> kept;
  bot->on_message([&](const bot::message& m) {
    if (bot->defer(m))
      kept = m;
  });
  link();
  runtime().send(incoming{1, "x", wire::delivery::assured});
  step();
  relink();
  runtime().welcome();
  step();
  runtime().all();
  bot->failed(*kept, "no");
  const auto known = known_of(runtime().all());
  BOOST_TEST_REQUIRE(known.size() == 1u);
  BOOST_TEST(known[0].failed);
  // And one that fails while there is no link is not known at all.
  runtime().send(incoming{2, "y", wire::delivery::assured});
  step();
  machine->refuse = ECONNREFUSED;
  runtime().close();
  step();
  bot->failed(*kept, "no");
  machine->refuse = 0;
  pass(2s);
  BOOST_TEST(runtime().next(frame_type::hello)->object()["known"] == 0);
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_handler_when_the_link_breaks_is_handled_once) {
  bot->on_message([this](const bot::message& m) {
    heard.emplace_back(m.payload());
    machine->time += 1ms;
  });
  link();
  for (std::uint64_t i = 1; i <= 3; ++i)
    runtime().send(incoming{i, std::to_string(i), wire::delivery::assured});
  step();
  BOOST_TEST(heard.size() == 1u);
  runtime().close();
  while (heard.size() < 3)
    step();
  if (peers.size() < 2u)
    pass(2s);
  step();
  runtime().welcome();
  step();
  // It should not, but were it to send one again, it would get an answer and nothing else.
  incoming again{2, "2", wire::delivery::assured};
  again.tag = 1;
  again.flags = wire::again;
  runtime().send(again);
  step();
  BOOST_TEST(heard == (strings{"1", "2", "3"}));
  BOOST_TEST(dones().size() == 1u);
}

BOOST_AUTO_TEST_CASE(one_that_comes_again_while_it_is_handled_is_answered_by_the_new_tag) {
  std::optional<bot::message> kept;
  bot->on_message([&](const bot::message& m) {
    heard.emplace_back(m.payload());
    if (bot->defer(m))
      kept = m;
  });
  link();
  runtime().send(incoming{1, "x", wire::delivery::assured});
  step();
  relink();
  runtime().welcome();
  incoming again{1, "x", wire::delivery::assured};
  again.tag = 50;
  runtime().send(again);
  step();
  BOOST_TEST(dones().empty());
  bot->done(*kept);
  const auto told = dones();
  BOOST_TEST_REQUIRE(told.size() == 1u);
  BOOST_TEST(told[0].tag == 50u);
  BOOST_TEST(heard.size() == 1u);
}

BOOST_AUTO_TEST_CASE(no_more_than_4096_are_told_and_in_small_frames) {
  hear();
  link();
  const std::string name(200, 'a');
  for (std::uint64_t i = 1; i <= 5000; ++i) {
    incoming each{i, "x", wire::delivery::assured};
    each.from = name;
    runtime().send(each);
    step();
    runtime().all();
  }
  relink();
  const auto frames = [&] {
    auto all = runtime().all();
    for (int i = 0; i < 50; ++i) {
      step();
      for (auto& each : runtime().all())
        all.push_back(std::move(each));
    }
    return all;
  }();
  BOOST_TEST(frames.at(0).object()["known"] == 4096);
  for (const auto& each : frames)
    BOOST_TEST_REQUIRE(each.body.size() + 5 <= wire::max_early_frame);
  const auto known = known_of(frames);
  BOOST_TEST_REQUIRE(known.size() == 4096u);
  BOOST_TEST(known.front().sequence == 905u);
  BOOST_TEST(known.back().sequence == 5000u);
}

BOOST_AUTO_TEST_SUITE_END()
