// Messages on their way: lanes, credit, bounds, and what their senders learn.

#include "hub_fixture.hpp"

using namespace hub_tests;

namespace {

struct pair_of_bots : hub_fixture {
  bot a{*this, "m/a#0"}, b{*this, "m/b#0"};

  pair_of_bots() {
    instance("m/a", 0);
    instance("m/b", 0);
    apply();
    restore();
  }
  /// `b` with windows of so many messages.
  void link_both(std::uint32_t messages = 256, std::uint32_t bytes = 256 << 10) {
    a.link();
    auto h = b.hello();
    h.window_messages = messages;
    h.window_bytes = bytes;
    b.link(h);
  }
  void mailbox(std::uint32_t messages, std::uint64_t bytes, config::overflow when,
               std::uint64_t disk = 1 << 20) {
    config::bot_spec s;
    s.mailbox = {messages, bytes, when, disk};
    spec("m/b", s);
    apply();
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(hub_delivery, pair_of_bots)

BOOST_AUTO_TEST_CASE(a_message_goes_through_at_once_with_its_sender) {
  link_both();
  a.send("m/b#0", "hello", {.request = 0, .key = "k"});
  b.read();
  BOOST_REQUIRE_EQUAL(b.inbox.size(), 1u);
  const auto& m = b.inbox[0];
  BOOST_TEST(m.from == "m/a#0");
  BOOST_TEST(m.to == "m/b#0");
  BOOST_TEST(m.key == "k");
  BOOST_TEST(m.payload == "hello");
  BOOST_TEST(m.head.incarnation == 1u);
  BOOST_TEST(m.head.sequence == 1u);
  BOOST_TEST(m.head.tag == 0u);
  a.send("m/b#0/pricer", "to an actor", {.from = "/desk"});
  b.read();
  BOOST_TEST(b.inbox[1].from == "m/a#0/desk");
  BOOST_TEST(b.inbox[1].to == "m/b#0/pricer");
  a.read();
  BOOST_TEST(a.outcomes.empty());
}

BOOST_AUTO_TEST_CASE(many_messages_of_one_read_are_one_write) {
  link_both();
  std::string bytes;
  for (int i = 0; i < 200; ++i)
    bytes += a.encode("m/b#0", std::to_string(i), {});
  const auto before = port.writes;
  a.write(bytes);
  BOOST_TEST(port.writes - before == 1u);
  b.read();
  BOOST_TEST(b.inbox.size() == 200u);
}

BOOST_AUTO_TEST_CASE(receipts_come_after_256_or_10_ms_or_with_something_else) {
  link_both();
  a.send("m/b#0", "1");
  a.read();
  BOOST_TEST(a.receipts == 0u);
  pass(10ms);
  a.read();
  BOOST_TEST(a.receipts == 1u);
  BOOST_TEST(a.receipt[2] == 1u);
  for (int i = 0; i < 256; ++i)
    a.send("m/b#0", "x", {.in = wire::lane::low});
  a.read();
  BOOST_TEST(a.receipts == 2u);
  BOOST_TEST(a.receipt[3] == 256u);
  a.send("m/nobody#0", "x");
  a.read();
  BOOST_TEST(a.receipts == 3u);
  BOOST_TEST(a.receipt[2] == 2u);
  const auto count = a.receipts;
  pass(1s);
  a.read();
  BOOST_TEST(a.receipts == count);
}

BOOST_AUTO_TEST_CASE(rejections_name_their_reason) {
  instance("m/down", 0, state::stopped).wanted = false;
  instance("m/back", 0, state::backoff);
  config::bot_spec closed;
  closed.may_send = std::vector<std::string>{"m/b"};
  spec("m/a", closed);
  instance("other/x", 0);
  apply();
  link_both();
  struct {
    const char* to;
    code what;
  } const cases[] = {
      {"m/nobody#0", code::not_permitted}, {"m/b#7", code::no_such_address},
      {"other/x#0", code::not_permitted},  {"no address at all", code::no_such_address},
      {"", code::no_such_address},         {"m/*", code::not_permitted}};
  for (const auto& each : cases)
    BOOST_TEST_CONTEXT(each.to) {
      const auto fire = a.send(each.to, "x");
      const auto kept = a.assured(each.to, "x");
      a.read();
      BOOST_TEST((a.outcome(fire) == each.what));
      BOOST_TEST((a.outcome(kept) == each.what));
    }
  spec("m/a", {});
  apply();
  auto down = a.send("m/down#0", "x");
  auto request = a.send("m/back#0", "x", {.how = wire::delivery::assured, .request = 1});
  auto back = a.send("m/back#0", "x");
  auto waits = a.assured("m/back#0", "waits");
  a.read();
  BOOST_TEST((a.outcome(down) == code::not_running));
  BOOST_TEST((a.outcome(request) == code::not_running));
  BOOST_TEST((a.outcome(back) == code::not_running));
  BOOST_TEST(!a.outcome(waits));
  set("m/back#0", state::running, 2);
  bot back_again{*this, "m/back#0", 2};
  back_again.link();
  back_again.read();
  BOOST_TEST(back_again.payloads() == std::vector<std::string>{"waits"},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_process_without_a_link_is_waited_for_30_s) {
  a.link();
  const auto first = a.send("m/b#0", "first");
  const auto second = a.assured("m/b#0", "second");
  pass(29s);
  a.read();
  BOOST_TEST(!a.outcome(first));
  pass(2s);
  a.read();
  BOOST_TEST((a.outcome(first) == code::not_linked));
  BOOST_TEST((a.outcome(second) == code::not_linked));
  const auto third = a.send("m/b#0", "third");
  a.read();
  BOOST_TEST((a.outcome(third) == code::not_linked));
  b.link();
  a.send("m/b#0", "fourth");
  b.read();
  BOOST_TEST(b.payloads() == std::vector<std::string>{"fourth"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(each_lane_has_a_window_and_urgent_passes_the_rest) {
  link_both(2);
  for (int i = 0; i < 5; ++i)
    a.send("m/b#0", "n" + std::to_string(i));
  a.send("m/b#0", "u", {.in = wire::lane::urgent});
  b.read();
  BOOST_TEST(b.payloads() == (std::vector<std::string>{"n0", "n1", "u"}),
             boost::test_tools::per_element());
  BOOST_TEST(count("mailbox_messages") == 3);
  b.credit(b.inbox[0]);
  b.read();
  BOOST_TEST(b.payloads().back() == "n2");
  b.credit(b.inbox[1]);
  b.credit(b.inbox[3]);
  b.read();
  BOOST_TEST(b.inbox.size() == 6u);
  BOOST_TEST(count("mailbox_bytes") == 0);
}

BOOST_AUTO_TEST_CASE(one_message_larger_than_the_window_goes_alone) {
  link_both(100, 4096);
  a.send("m/b#0", "small");
  a.send("m/b#0", std::string(9000, 'x'));
  b.read();
  BOOST_TEST(b.inbox.size() == 1u);
  b.credit(b.inbox[0]);
  b.read();
  BOOST_TEST(b.inbox.size() == 2u);
}

BOOST_AUTO_TEST_CASE(lanes_take_turns_so_that_low_moves) {
  link_both(1);
  for (const auto lane :
       {wire::lane::urgent, wire::lane::high, wire::lane::normal, wire::lane::low})
    for (int i = 0; i < 200; ++i)
      a.send("m/b#0", std::string{to_string(lane)}, {.in = lane});
  b.read(); // one of each is under way
  port.stuck.insert(b.id);
  port.waiting[b.id] = 1 << 20;
  b.close();
  auto h = b.hello();
  h.window_messages = 65'536;
  h.window_bytes = 16 << 20;
  b.link(h);
  std::map<std::string, int> first;
  b.read();
  BOOST_REQUIRE_GE(b.inbox.size(), 400u);
  for (std::size_t i = 0; i < 85 * 2; ++i)
    ++first[b.inbox[i].payload];
  BOOST_TEST(first["urgent"] == 128);
  BOOST_TEST(first["high"] == 32);
  BOOST_TEST(first["normal"] == 8);
  BOOST_TEST(first["low"] == 2);
  BOOST_TEST(b.inbox[0].payload == "urgent");
}

BOOST_AUTO_TEST_CASE(who_outruns_a_receiver_is_left_alone_for_a_moment) {
  link_both(1024);
  for (int i = 0; i < 3000; ++i)
    a.send("m/b#0", "x");
  BOOST_TEST(!port.held.contains(a.id));
  for (int i = 0; i < 100; ++i)
    a.send("m/b#0", "x");
  BOOST_TEST(port.held.contains(a.id));
  pass(1ms);
  BOOST_TEST(!port.held.contains(a.id));
  a.send("m/b#0", "x");
  BOOST_TEST(port.held.contains(a.id));
  b.read();
  b.credit_all(); // the half of what waited goes
  b.read();
  b.credit_all();
  BOOST_TEST(!port.held.contains(a.id));
}

BOOST_AUTO_TEST_CASE(unsent_bytes_of_a_link_are_bounded) {
  link_both(65'536, 16 << 20);
  port.stuck.insert(b.id);
  for (int i = 0; i < 1000; ++i)
    a.send("m/b#0", std::string(900, 'x'));
  BOOST_TEST(port.waiting[b.id] <= options.unsent + 1100);
  BOOST_TEST(port.waiting[b.id] > options.unsent - 1100);
  BOOST_TEST(count("mailbox_messages") > 900);
  // Urgent is next, whatever waits.
  a.send("m/b#0", "now", {.in = wire::lane::urgent});
  b.read();
  const auto had = b.inbox.size();
  take(b.id);
  b.read();
  BOOST_TEST(b.inbox[had].payload == "now");
  port.stuck.clear();
  for (int i = 0; i < 50; ++i)
    take(b.id);
  b.read();
  BOOST_TEST(b.inbox.size() == 1001u);
  BOOST_TEST(count("mailbox_bytes") == 0);
}

BOOST_AUTO_TEST_CASE(a_full_mailbox_rejects) {
  mailbox(10, 1 << 20, config::overflow::reject);
  link_both(1);
  for (int i = 0; i < 11; ++i)
    a.send("m/b#0", "x");
  a.read();
  BOOST_TEST(a.outcomes.empty());
  const auto last = a.send("m/b#0", "x");
  const auto kept = a.durable("m/b#0", "x");
  a.read();
  BOOST_TEST((a.outcome(last) == code::mailbox_full));
  BOOST_TEST((a.outcome(kept) == code::mailbox_full));
}

BOOST_AUTO_TEST_CASE(other_bounds_hold_for_a_mailbox_that_has_messages) {
  mailbox(2, 1 << 20, config::overflow::reject);
  a.link();
  a.send("m/b#0", "1");
  a.send("m/b#0", "2");
  const auto over = a.send("m/b#0", "3");
  a.read();
  BOOST_TEST((a.outcome(over) == code::mailbox_full));
  mailbox(3, 1 << 20, config::overflow::reject);
  apply();
  a.send("m/b#0", "4");
  mailbox(1, 1 << 20, config::overflow::reject); // what is in there stays
  apply();
  const auto last = a.send("m/b#0", "5");
  a.read();
  BOOST_TEST((a.outcome(last) == code::mailbox_full));
  b.link();
  BOOST_TEST(b.payloads() == (std::vector<std::string>{"1", "2", "4"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(permissions_to_send_change_under_a_link) {
  link_both();
  const auto before = a.send("m/b#0", "x");
  config::bot_spec closed;
  closed.may_send = std::vector<std::string>{"other/"};
  spec("m/a", closed);
  apply();
  const auto after = a.send("m/b#0", "x");
  a.read();
  BOOST_TEST(!a.outcome(before).has_value());
  BOOST_TEST((a.outcome(after) == code::not_permitted));
}

BOOST_AUTO_TEST_CASE(a_full_mailbox_drops_the_oldest_of_the_weakest_lane) {
  mailbox(3, 1 << 20, config::overflow::drop_oldest);
  a.link();
  const auto low = a.send("m/b#0", "low", {.in = wire::lane::low});
  const auto one = a.assured("m/b#0", "1");
  a.send("m/b#0", "2");
  a.send("m/b#0", "3");
  a.send("m/b#0", "4");
  a.read();
  BOOST_TEST((a.outcome(low, wire::lane::low) == code::dropped));
  BOOST_TEST((a.outcome(one) == code::dropped));
  // Nothing stronger makes room for something weaker.
  const auto weak = a.send("m/b#0", "weak", {.in = wire::lane::low});
  a.read();
  BOOST_TEST((a.outcome(weak, wire::lane::low) == code::mailbox_full));
  b.link();
  BOOST_TEST(b.payloads() == (std::vector<std::string>{"2", "3", "4"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_full_mailbox_drops_the_newest_and_counts_it) {
  mailbox(1, 1 << 20, config::overflow::drop_newest);
  a.link();
  a.send("m/b#0", "1");
  const auto second = a.send("m/b#0", "2");
  a.read();
  BOOST_TEST((a.outcome(second) == code::mailbox_full));
  BOOST_TEST(count("dropped") == 1);
}

BOOST_AUTO_TEST_CASE(a_full_mailbox_spills_and_keeps_the_order_of_each_lane) {
  mailbox(4, 1 << 20, config::overflow::spill);
  link_both(1);
  std::vector<std::string> sent;
  for (int i = 0; i < 600; ++i) {
    sent.push_back(std::to_string(i));
    a.send("m/b#0", sent.back(),
           {.how = i % 3 == 1 ? wire::delivery::assured : wire::delivery::fire});
    if (i % 50 == 0)
      run();
  }
  run();
  BOOST_TEST(count("spilled") > 500);
  a.send("m/b#0", "urgent", {.in = wire::lane::urgent}); // of a lane that has not spilled
  b.read();
  std::size_t seen = 0, handled = 0;
  std::vector<std::string> normal;
  while (handled < 601) {
    b.read();
    BOOST_REQUIRE_LT(handled, b.inbox.size());
    for (; seen < b.inbox.size(); ++seen)
      if (b.inbox[seen].payload != "urgent")
        normal.push_back(b.inbox[seen].payload);
    const auto m = b.inbox[handled++];
    if (m.head.tag != 0)
      b.done(m);
    b.credit(m);
    run();
    b.read();
  }
  BOOST_TEST(normal == sent, boost::test_tools::per_element());
  a.read();
  BOOST_TEST(a.outcomes.size() == 200u);
  BOOST_TEST(port.spill_file.empty());
  BOOST_TEST(count("mailbox_bytes") == 0);
  BOOST_TEST(count("spill_lost") == 0);
}

BOOST_AUTO_TEST_CASE(the_disk_of_a_mailbox_is_bounded_and_may_fail) {
  mailbox(1, 1 << 20, config::overflow::spill, 300);
  a.link();
  a.send("m/b#0", "memory");
  a.send("m/b#0", std::string(100, 'd'));
  const auto third = a.send("m/b#0", std::string(200, 'x'));
  a.read();
  BOOST_TEST((a.outcome(third) == code::mailbox_full));
  run();
  port.disk_works = false;
  const auto fourth = a.send("m/b#0", "d");
  run();
  a.read();
  BOOST_TEST((a.outcome(fourth) == code::store_unavailable));
  port.disk_works = true;
  b.link();
  run();
  b.read();
  BOOST_TEST(b.inbox.size() == 2u);
  BOOST_TEST(count("mailbox_bytes") == 0);
}

BOOST_AUTO_TEST_CASE(what_finds_no_room_on_disk_is_refused_before_it_is_accepted) {
  mailbox(1, 1 << 20, config::overflow::spill, 600);
  a.link();
  a.send("m/b#0", "memory");
  // Together they are too large, and neither is on disk when the other comes.
  std::string both;
  for (int i = 0; i < 2; ++i)
    both += a.encode("m/b#0", std::string(300, 'd'), {.how = wire::delivery::durable});
  a.write(both);
  run();
  a.read();
  BOOST_TEST((a.outcome(2) == code::accepted));
  BOOST_TEST((a.outcome(3) == code::mailbox_full));
  const auto last = a.durable("m/b#0", std::string(300, 'e'));
  run();
  a.read();
  BOOST_TEST((a.outcome(last) == code::mailbox_full));
  BOOST_TEST(port.messages.size() == 1u);
  b.link();
  run();
  b.read();
  BOOST_TEST(b.inbox.size() == 2u);
}

BOOST_AUTO_TEST_CASE(what_was_accepted_waits_in_memory_when_it_cannot_be_spilled) {
  mailbox(1, 1 << 20, config::overflow::spill);
  a.link();
  a.send("m/b#0", "memory");
  const auto n = a.durable("m/b#0", "durable");
  BOOST_REQUIRE_EQUAL(port.jobs.size(), 1u);
  const auto commit = port.jobs.front();
  port.jobs.pop_front();
  commit();
  port.disk_works = false;
  run();
  a.read();
  BOOST_TEST((a.outcome(n) == code::accepted));
  port.disk_works = true;
  b.link();
  run();
  b.read();
  BOOST_TEST(b.payloads() == (std::vector<std::string>{"memory", "durable"}),
             boost::test_tools::per_element());
  BOOST_TEST(port.dead.empty());
}

BOOST_AUTO_TEST_CASE(what_an_earlier_hub_has_spilled_is_not_taken_for_its_own) {
  mailbox(1, 1 << 20, config::overflow::spill);
  a.link();
  for (const auto* each : {"memory", "old 1", "old 2"})
    a.send("m/b#0", each);
  run();
  BOOST_TEST(port.spill_file.size() == 2u);
  pass(1s);
  core.emplace(port, options); // in the same runtime: the file stays
  restore();
  apply();
  a.link();
  for (const auto* each : {"memory", "new 1", "new 2"})
    a.send("m/b#0", each);
  run();
  b.link();
  run();
  b.read();
  BOOST_TEST(b.payloads() == (std::vector<std::string>{"memory", "new 1", "new 2"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_was_accepted_outlives_a_runtime_with_less_memory) {
  mailbox(1000, 1 << 20, config::overflow::spill);
  a.link();
  for (int i = 0; i < 50; ++i)
    a.durable("m/b#0", std::to_string(i) + std::string(1000, 'x'));
  run();
  BOOST_REQUIRE_EQUAL(port.messages.size(), 50u);
  options.memory = 20'000;
  restart();
  run();
  BOOST_TEST(port.dead.empty());
  BOOST_TEST(port.messages.size() == 50u);
  b.link();
  run();
  b.read();
  BOOST_TEST(b.inbox.size() == 50u);
}

BOOST_AUTO_TEST_CASE(all_mailboxes_together_are_bounded) {
  options.memory = 64 << 10;
  restart();
  a.link();
  code last = code::accepted;
  for (int i = 0; i < 200 && last == code::accepted; ++i) {
    const auto n = a.send("m/b#0", std::string(1000, 'x'));
    a.read();
    last = a.outcome(n).value_or(code::accepted);
  }
  BOOST_TEST((last == code::mailbox_full));
  BOOST_TEST(count("mailbox_bytes") <= 64 << 10);
}

BOOST_AUTO_TEST_CASE(senders_are_asked_to_wait_at_half_and_let_go_below_a_quarter) {
  mailbox(100, 1 << 20, config::overflow::reject);
  link_both(1);
  for (int i = 0; i < 50; ++i)
    a.send("m/b#0", "x");
  a.read();
  BOOST_TEST(a.orders.empty());
  a.send("m/b#0", "x");
  a.send("m/b#0", "x");
  a.read();
  BOOST_REQUIRE_EQUAL(a.orders.size(), 1u);
  BOOST_TEST(a.orders[0] == json({{"op", "pressure"}, {"to", "m/b#0"}, {"on", true}}));
  b.read();
  for (std::size_t i = 0; i < 26; ++i) {
    b.credit(b.inbox.at(i));
    b.read();
  }
  a.read();
  BOOST_TEST(a.orders.size() == 1u);
  b.credit(b.inbox.at(26));
  a.read();
  BOOST_REQUIRE_EQUAL(a.orders.size(), 2u);
  BOOST_TEST(a.orders[1].at("on") == false);
}

BOOST_AUTO_TEST_CASE(what_has_expired_is_not_delivered) {
  a.link();
  const auto fire = a.send("m/b#0", "1", {.ttl = 100});
  const auto kept = a.send("m/b#0", "2", {.how = wire::delivery::assured, .ttl = 5000});
  pass(200ms);
  a.read();
  BOOST_TEST((a.outcome(fire) == code::expired));
  BOOST_TEST(!a.outcome(kept));
  BOOST_TEST(count("expired") == 1);
  pass(1s);
  b.link();
  b.read();
  BOOST_REQUIRE_EQUAL(b.inbox.size(), 1u);
  BOOST_TEST(b.inbox[0].head.ttl == 3800u); // what is left of it
}

BOOST_AUTO_TEST_CASE(a_bot_that_does_not_read_its_receipts_is_cut_off) {
  link_both(65'536, 16 << 20);
  port.stuck.insert(a.id);
  port.waiting[a.id] = 1 << 20;
  for (int i = 0; i < 8192; ++i)
    a.send("m/x#0", "");
  BOOST_TEST(!a.gone());
  a.send("m/x#0", "");
  BOOST_TEST(a.gone());
}

BOOST_AUTO_TEST_CASE(a_thousand_unresolved_are_the_bound) {
  link_both(65'536, 16 << 20);
  for (int i = 0; i < 1024; ++i)
    a.assured("m/b#0", "");
  BOOST_TEST(!a.gone());
  b.read();
  b.done(b.inbox[0]);
  a.read();
  BOOST_TEST((a.outcome(1) == code::done));
  BOOST_TEST(a.outcomes.back().text == "m/b#0");
  a.assured("m/b#0", "");
  BOOST_TEST(!a.gone());
  a.assured("m/b#0", "");
  a.read();
  BOOST_TEST(a.bye.at("reason") == "bad_order");
}

BOOST_AUTO_TEST_CASE(groups_and_topics_reach_everyone_who_is_meant) {
  config::bot_spec hears;
  hears.may_subscribe = std::vector<std::string>{"m.>"};
  spec("m/sub/c", hears);
  instance("m/sub/c", 0);
  instance("x/d", 0);
  apply();
  bot c{*this, "m/sub/c#0"}, d{*this, "x/d#0"};
  link_both();
  c.link();
  d.link();
  const auto all = a.assured("m/*", "all");
  b.read();
  c.read();
  d.read();
  a.read();
  BOOST_TEST(a.inbox.empty());
  BOOST_TEST(d.inbox.empty());
  BOOST_REQUIRE_EQUAL(b.inbox.size(), 1u);
  BOOST_REQUIRE_EQUAL(c.inbox.size(), 1u);
  b.done(b.inbox[0]);
  a.read();
  BOOST_TEST(!a.outcome(all));
  c.done(c.inbox[0]);
  a.read();
  BOOST_TEST((a.outcome(all) == code::done));

  c.control(wire::frame_type::call, {{"id", 1}, {"op", "subscribe"}, {"pattern", "m.*"}});
  d.control(wire::frame_type::call, {{"id", 1}, {"op", "subscribe"}, {"pattern", "m.*"}});
  d.control(wire::frame_type::call, {{"id", 2}, {"op", "subscribe"}, {"pattern", "no..pe"}});
  c.read();
  d.read();
  BOOST_TEST(c.results.at(0).at("ok") == true);
  BOOST_TEST(d.results.at(0).at("error").at("code") == "not_permitted");
  BOOST_TEST(d.results.at(1).at("error").at("code") == "bad_message");
  a.send("topic:m.ticks", "tick");
  const auto nobody = a.send("topic:m.other.thing", "nobody");
  const auto wrong = a.assured("topic:m.ticks", "not so");
  c.read();
  a.read();
  BOOST_TEST(c.payloads().back() == "tick");
  BOOST_TEST(!a.outcome(nobody));
  BOOST_TEST((a.outcome(wrong) == code::bad_message));
  c.control(wire::frame_type::call, {{"id", 2}, {"op", "unsubscribe"}, {"pattern", "m.*"}});
  a.send("topic:m.ticks", "late");
  c.read();
  BOOST_TEST(c.payloads().back() == "tick");
}

BOOST_AUTO_TEST_CASE(what_a_bot_cannot_read_is_unpacked_for_it) {
  a.link();
  auto h = b.hello();
  h.zstd = false;
  b.link(h);
  const std::string plain(5000, 'z');
  std::string packed = "\x28\xb5\x2f\xfd"; // not a whole frame
  auto bad = a.encode("m/b#0", packed, {.flags = wire::compressed});
  a.write(bad);
  a.read();
  BOOST_TEST((a.outcome(1) == code::bad_message));
}

BOOST_AUTO_TEST_SUITE_END()
