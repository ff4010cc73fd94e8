// What becomes of messages when links, processes and runtimes end in the middle.

#include "hub_fixture.hpp"

using namespace hub_tests;

namespace {

struct fleet : hub_fixture {
  bot a{*this, "m/a#0"}, b{*this, "m/b#0"}, c{*this, "m/b#1"};

  fleet() {
    instance("m/a", 0);
    instance("m/b", 0);
    instance("m/b", 1);
    apply();
    restore();
    a.link();
    b.link();
  }
  static wire::known_message entry(const got_message& of, bool handled) {
    return {of.head.in, handled, of.head.incarnation, of.head.sequence, of.from, false};
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(hub_resume, fleet)

BOOST_AUTO_TEST_CASE(what_a_receiver_knows_is_not_sent_again) {
  for (int i = 0; i < 4; ++i)
    a.assured("m/b#0", std::to_string(i));
  b.read();
  const auto before = b.inbox;
  BOOST_REQUIRE_EQUAL(before.size(), 4u);
  b.close();
  a.assured("m/b#0", "4");
  auto h = b.hello();
  h.known = 2;
  b.link(h);
  // Until it has said what it knows, nothing comes.
  BOOST_TEST(b.inbox.empty());
  b.known({entry(before[0], true), entry(before[1], false)});
  b.read();
  BOOST_TEST(b.payloads() == (std::vector<std::string>{"2", "3", "4"}),
             boost::test_tools::per_element());
  BOOST_TEST(b.inbox[0].again());
  BOOST_TEST(!b.inbox[2].again());
  a.read();
  BOOST_TEST((a.outcome(1) == code::done));
  BOOST_TEST(!a.outcome(2));
  b.known({entry(before[1], true)});
  a.read();
  BOOST_TEST((a.outcome(2) == code::done));
  for (const auto& each : std::vector{b.inbox})
    b.done(each);
  a.read();
  BOOST_TEST(a.outcomes.size() == 5u);
  BOOST_TEST(count("mailbox_bytes") == 0);
}

BOOST_AUTO_TEST_CASE(a_late_failure_is_tried_again) {
  a.assured("m/b#0", "x");
  b.read();
  const auto m = b.inbox.at(0);
  b.close();
  auto h = b.hello();
  h.known = 1;
  b.link(h);
  b.known({entry(m, false)});
  auto failed = entry(m, false);
  failed.failed = true;
  b.known({failed});
  b.read();
  BOOST_REQUIRE_EQUAL(b.inbox.size(), 1u);
  BOOST_TEST(b.inbox[0].again());
}

BOOST_AUTO_TEST_CASE(a_sender_that_sends_again_is_answered_or_waits) {
  const auto ended = a.assured("m/b#0", "ended");
  const auto held = a.assured("m/b#0", "held");
  b.read();
  b.done(b.inbox[0]);
  a.close();
  a.next[2] = 4; // one that was lost on the way
  a.link();
  a.send("m/b#0", "ended", {.how = wire::delivery::assured, .again = ended});
  a.send("m/b#0", "held", {.how = wire::delivery::assured, .again = held});
  a.send("m/b#0", "lost", {.how = wire::delivery::assured, .again = 3});
  a.send("m/b#0", "new");
  b.read();
  BOOST_TEST(b.payloads() == (std::vector<std::string>{"ended", "held", "lost", "new"}),
             boost::test_tools::per_element());
  a.read();
  BOOST_TEST((a.outcome(ended) == code::done));
  BOOST_TEST(!a.outcome(held));
  BOOST_TEST(!b.inbox[2].again()); // nobody had it
}

BOOST_AUTO_TEST_CASE(what_a_dead_process_had_goes_to_the_next_one_in_order) {
  for (int i = 0; i < 3; ++i)
    a.assured("m/b#0", std::to_string(i));
  a.send("m/b#0", "fire");
  b.read();
  b.done(b.inbox[1]);
  b.close();
  set("m/b#0", state::backoff);
  const auto late = a.assured("m/b#0", "3");
  a.read();
  BOOST_TEST(!a.outcome(late));
  bot next{*this, "m/b#0", 2};
  set("m/b#0", state::running, 2);
  next.link();
  next.read();
  BOOST_TEST(next.payloads() == (std::vector<std::string>{"0", "2", "3"}),
             boost::test_tools::per_element());
  BOOST_TEST(next.inbox[0].again());
  BOOST_TEST(!next.inbox[2].again());
}

BOOST_AUTO_TEST_CASE(a_grandchild_that_holds_the_link_keeps_nothing) {
  a.assured("m/b#0", "x");
  b.read();
  set("m/b#0", state::backoff);
  BOOST_TEST(!b.gone());
  pass(101ms);
  BOOST_TEST(b.gone());
  set("m/b#0", state::running, 2);
  bot next{*this, "m/b#0", 2};
  next.link();
  BOOST_TEST(next.inbox.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_process_that_closes_its_link_and_lives_is_waited_for_30_s) {
  auto h = b.hello();
  b.close();
  h.window_messages = 1;
  b.link(h);
  a.send("m/b#0", "under way");
  const auto waits = a.send("m/b#0", "waits");
  pass(60s);
  b.close();
  pass(29s);
  a.read();
  BOOST_TEST(!a.outcome(waits));
  pass(2s);
  a.read();
  BOOST_TEST((a.outcome(waits) == code::not_linked));
}

BOOST_AUTO_TEST_CASE(a_new_process_that_never_links_is_waited_for_30_s) {
  b.close();
  set("m/b#0", state::backoff);
  const auto waits = a.assured("m/b#0", "x");
  pass(60s);
  a.read();
  BOOST_TEST(!a.outcome(waits));
  set("m/b#0", state::running, 2);
  pass(29s);
  a.read();
  BOOST_TEST(!a.outcome(waits));
  pass(2s);
  a.read();
  BOOST_TEST((a.outcome(waits) == code::not_linked));
}

BOOST_AUTO_TEST_CASE(what_a_removed_instance_had_ends_with_it) {
  for (const bool held : {true, false}) {
    instance("m/d", 0);
    apply();
    bot d{*this, "m/d#0"};
    d.link();
    const auto had = a.assured("m/d#0", "x");
    const auto asked = a.send("m/d#0", "?", {.ttl = 60'000, .request = had});
    d.read();
    BOOST_REQUIRE_EQUAL(d.inbox.size(), 2u);
    routes.erase("m/d#0");
    apply();
    if (!held) // else a grandchild holds it
      d.close();
    pass(1s);
    a.read();
    BOOST_TEST((a.outcome(had) == code::no_such_address));
    BOOST_TEST((a.outcome(asked) == code::receiver_died));
    BOOST_TEST(count("mailbox_bytes") == 0);
  }
}

BOOST_AUTO_TEST_CASE(a_pool_gives_it_to_another_member) {
  c.link();
  const auto n = a.assured("m/b", "x");
  b.read();
  c.read();
  auto& first = b.inbox.empty() ? c : b;
  auto& second = b.inbox.empty() ? b : c;
  first.close();
  set(first.name, state::backoff);
  second.read();
  BOOST_REQUIRE_EQUAL(second.inbox.size(), 1u);
  BOOST_TEST(second.inbox[0].again());
  second.done(second.inbox[0]);
  a.read();
  BOOST_TEST((a.outcome(n) == code::done));
  BOOST_TEST(a.outcomes.back().text == second.name);
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_member_that_dies_or_drains_goes_to_another) {
  set("m/b#1", state::stopped);
  auto h = b.hello();
  b.close();
  h.window_messages = 1;
  b.link(h);
  a.assured("m/b", "1");
  a.assured("m/b", "2");
  a.send("m/b", "3");
  a.durable("m/b", "4");
  run();
  b.read();
  BOOST_TEST(b.inbox.size() == 1u);
  c.incarnation = 2;
  set("m/b#1", state::running, 2);
  c.link();
  core->order("m/b#0", 1, link_order::drain, 5s);
  c.read();
  BOOST_TEST(c.payloads() == (std::vector<std::string>{"2", "3", "4"}),
             boost::test_tools::per_element());
  b.close();
  set("m/b#0", state::backoff);
  c.read();
  BOOST_TEST(c.payloads().back() == "1");
  BOOST_TEST(c.inbox.back().again());
  BOOST_TEST(!c.inbox[0].again());
}

BOOST_AUTO_TEST_CASE(after_max_deliveries_it_is_a_dead_letter) {
  const auto n = a.assured("m/b#0", "poison");
  for (std::uint64_t process = 1; process <= 5; ++process) {
    bot victim{*this, "m/b#0", process};
    if (process > 1) {
      set("m/b#0", state::running, process);
      victim.link();
      BOOST_TEST(victim.inbox.size() == 1u);
      victim.close();
    } else {
      b.close();
    }
    set("m/b#0", state::backoff);
  }
  a.read();
  BOOST_TEST((a.outcome(n) == code::too_many_deliveries));
  run();
  BOOST_REQUIRE_EQUAL(port.dead.size(), 1u);
  BOOST_TEST(port.dead[0].reason == "too_many_deliveries");
  BOOST_TEST(port.dead[0].deliveries == 5u);
  BOOST_TEST(count("mailbox_bytes") == 0);
}

BOOST_AUTO_TEST_CASE(a_handler_that_fails_is_tried_again_and_then_refused) {
  const auto n = a.assured("m/b#0", "x");
  for (int i = 0; i < 5; ++i) {
    b.read();
    BOOST_REQUIRE_EQUAL(b.inbox.size(), i + 1u);
    b.done(b.inbox.back(), wire::done::result::failed);
    b.credit_all();
  }
  a.read();
  BOOST_TEST((a.outcome(n) == code::refused));
  const auto m = a.assured("m/b#0/nobody", "x");
  b.read();
  b.done(b.inbox.back(), wire::done::result::no_such_actor);
  a.read();
  BOOST_TEST((a.outcome(m) == code::no_such_address));
}

BOOST_AUTO_TEST_CASE(one_that_is_handled_for_long_holds_up_nothing) {
  const auto slow = a.assured("m/b#0", "slow");
  b.read();
  const auto first = b.inbox.at(0);
  got_message last;
  for (int i = 0; i < 200; ++i) {
    const auto n = a.assured("m/b#0", "x");
    b.read();
    last = b.inbox.back();
    b.done(last);
    b.credit_all();
    a.read();
    BOOST_TEST_REQUIRE((a.outcome(n) == code::done));
  }
  BOOST_TEST(!a.outcome(slow));
  b.done(first);
  a.read();
  BOOST_TEST((a.outcome(slow) == code::done));
  b.done(last); // a second time
  b.read();
  BOOST_TEST(b.bye.at("reason") == "bad_order");
}

BOOST_AUTO_TEST_CASE(durable_is_accepted_after_the_commit) {
  const auto n = a.durable("m/b#0", "x");
  a.read();
  b.read();
  BOOST_TEST(!a.outcome(n));
  BOOST_TEST(b.inbox.empty());
  run();
  a.read();
  b.read();
  BOOST_TEST((a.outcome(n) == code::accepted));
  BOOST_REQUIRE_EQUAL(b.inbox.size(), 1u);
  BOOST_TEST(port.messages.size() == 1u);
  b.done(b.inbox[0]);
  run();
  BOOST_TEST(port.messages.empty());
  port.disk_works = false;
  const auto refused = a.durable("m/b#0", "x");
  run();
  a.read();
  BOOST_TEST((a.outcome(refused) == code::store_unavailable));
  BOOST_TEST(count("mailbox_bytes") == 0);
}

BOOST_AUTO_TEST_CASE(an_end_that_the_disk_did_not_take_is_told_again) {
  a.durable("m/b#0", "x");
  run();
  b.read();
  port.disk_works = false;
  b.done(b.inbox.at(0));
  run();
  port.disk_works = true;
  pass(2s);
  BOOST_TEST(port.messages.empty());
}

BOOST_AUTO_TEST_CASE(a_message_does_not_end_before_its_letter_is_written) {
  b.close();
  a.send("m/b#0", "x", {.how = wire::delivery::durable, .ttl = 1000});
  run();
  BOOST_TEST(port.messages.size() == 1u);
  port.disk_works = false;
  pass(5s);
  BOOST_TEST(port.messages.size() == 1u);
  BOOST_TEST(port.dead.empty());
  port.disk_works = true;
  pass(2s);
  BOOST_TEST(port.messages.empty());
  BOOST_REQUIRE_EQUAL(port.dead.size(), 1u);
  BOOST_TEST(port.dead[0].reason == "expired");
}

BOOST_AUTO_TEST_CASE(what_was_refused_because_the_disk_was_late_is_not_kept) {
  port.disk_is_late = true;
  const auto n = a.durable("m/b#0", "x");
  run();
  a.read();
  BOOST_TEST((a.outcome(n) == code::store_unavailable));
  BOOST_TEST(port.messages.size() == 1u);
  port.disk_is_late = false;
  pass(2s);
  BOOST_TEST(port.messages.empty());
}

BOOST_AUTO_TEST_CASE(a_subscription_that_the_disk_did_not_end_is_ended_later) {
  const auto call = [&](const char* op, const char* pattern) {
    b.control(wire::frame_type::call,
              {{"id", 1}, {"op", op}, {"pattern", pattern}, {"durable", true}});
  };
  call("subscribe", "m.x");
  call("subscribe", "m.y");
  run();
  port.disk_works = false;
  call("unsubscribe", "m.x");
  call("unsubscribe", "m.y");
  run();
  port.disk_works = true;
  call("subscribe", "m.y"); // which ends no more
  pass(2s);
  const auto left = port.contents().subscriptions;
  BOOST_REQUIRE_EQUAL(left.size(), 1u);
  BOOST_TEST(left[0].pattern == "m.y");
}

BOOST_AUTO_TEST_CASE(who_subscribes_anew_in_the_same_breath_stays) {
  const auto frame = [](const char* op) {
    std::string out;
    wire::append_frame(out, wire::frame_type::call,
                       json{{"id", 1}, {"op", op}, {"pattern", "m.x"}, {"durable", true}}.dump());
    return out;
  };
  b.write(frame("subscribe"));
  run();
  b.write(frame("unsubscribe") + frame("subscribe"));
  run();
  BOOST_TEST(port.contents().subscriptions.size() == 1u);
}

BOOST_AUTO_TEST_CASE(many_durable_messages_of_one_read_are_one_batch) {
  std::string bytes;
  for (int i = 0; i < 100; ++i)
    bytes += a.encode("m/b#0", "x", {.how = wire::delivery::durable});
  const auto before = port.stores;
  a.write(bytes);
  BOOST_TEST(port.stores - before == 1u);
}

BOOST_AUTO_TEST_CASE(durable_outlives_the_runtime_and_the_sender) {
  a.durable("m/b#0", "1");
  a.durable("m/b", "2");
  a.send("m/b#0", "3", {.how = wire::delivery::durable, .ttl = 1000});
  run();
  restart(false);
  b.link();
  pass(500ms);
  restore();
  b.read();
  // The pool's second member lives and has not told what it knows.
  BOOST_TEST(b.payloads() == (std::vector<std::string>{"1", "3"}),
             boost::test_tools::per_element());
  BOOST_TEST(b.inbox[0].again());
  BOOST_TEST(b.inbox[1].head.ttl <= 500u);
  pass(29s);
  b.read();
  BOOST_TEST(b.payloads().back() == "3");
  pass(1s);
  b.read();
  BOOST_TEST(b.payloads().back() == "2");
  // Its sender did not hear that it was accepted.
  a.link();
  a.send("m/b#0", "1", {.how = wire::delivery::durable, .again = 1});
  a.read();
  BOOST_TEST((a.outcome(1) == code::accepted));
  BOOST_TEST(b.inbox.size() == 3u);
}

BOOST_AUTO_TEST_CASE(durable_waits_until_the_queue_was_read) {
  restart(false);
  a.link();
  b.link();
  const auto n = a.durable("m/b#0", "x");
  run();
  a.read();
  BOOST_TEST(!a.outcome(n));
  restore();
  run();
  a.read();
  b.read();
  BOOST_TEST((a.outcome(n) == code::accepted));
  BOOST_TEST(b.inbox.size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_on_disk_is_not_taken_again_before_the_queue_was_read) {
  // Its sender does not hear that they were accepted.
  const auto n = a.durable("m/b#0", "x");
  const auto pooled = a.durable("m/b", "y");
  run();
  BOOST_TEST(port.messages.size() == 2u);
  restart(false);
  a.link();
  a.send("m/b#0", "x", {.how = wire::delivery::durable, .again = n});
  a.send("m/b", "y", {.how = wire::delivery::durable, .again = pooled});
  run();
  restore();
  pass(31s); // until those who may know it have had their time to say so
  BOOST_TEST(port.messages.size() == 2u);
  a.read();
  BOOST_TEST((a.outcome(n) == code::accepted));
  BOOST_TEST((a.outcome(pooled) == code::accepted));
}

BOOST_AUTO_TEST_CASE(after_a_new_runtime_a_pool_message_goes_to_the_one_who_knows_it) {
  c.link();
  const auto n = a.assured("m/b", "x");
  b.read();
  c.read();
  auto& had = b.inbox.empty() ? c : b;
  auto& other = b.inbox.empty() ? b : c;
  const auto m = had.inbox.at(0);
  restart();
  a.link();
  other.link();
  a.send("m/b", "x", {.how = wire::delivery::assured, .again = n});
  pass(25s); // its handler takes long, and it cannot link meanwhile
  other.read();
  BOOST_TEST(other.inbox.empty());
  auto h = had.hello();
  h.known = 1;
  had.link(h);
  had.known({entry(m, false)});
  had.read();
  a.read();
  BOOST_TEST(had.inbox.empty());
  BOOST_TEST(!a.outcome(n));
  had.known({entry(m, true)});
  a.read();
  BOOST_TEST((a.outcome(n) == code::done));
  pass(60s);
  other.read();
  BOOST_TEST(other.inbox.empty());
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_member_who_may_know_it_waits_no_longer_than_that_lives) {
  const auto n = a.assured("m/b", "x");
  b.read();
  BOOST_REQUIRE_EQUAL(b.inbox.size(), 1u);
  restart();
  a.link();
  c.link();
  a.send("m/b", "x", {.how = wire::delivery::assured, .again = n});
  c.read();
  BOOST_TEST(c.inbox.empty());
  set("m/b#0", state::backoff);
  c.read();
  BOOST_REQUIRE_EQUAL(c.inbox.size(), 1u);
  BOOST_TEST(c.inbox[0].again());
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_member_who_may_know_it_ends_with_its_time) {
  restart();
  a.next = {100, 100, 100, 100};
  a.link();
  a.send("m/b", "x", {.how = wire::delivery::assured, .ttl = 2000, .again = 1});
  pass(1s);
  a.read();
  BOOST_TEST(!a.outcome(1));
  pass(2s);
  a.read();
  BOOST_TEST((a.outcome(1) == code::expired));
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_member_who_may_know_it_outlives_that_member) {
  for (const auto now : {state::stopped, state::draining}) {
    a.durable("m/b", "x");
    run();
    restart();
    a.link();
    for (const auto* each : {"m/b#0", "m/b#1"}) {
      routes.at(each).wanted = false;
      set(each, now);
    }
    pass(60s);
    BOOST_TEST(port.messages.size() == 1u);
    BOOST_TEST(port.dead.empty());
    for (const auto* each : {"m/b#0", "m/b#1"})
      set(each, state::running, routes.at(each).incarnation + 1);
    bot next{*this, "m/b#0", routes.at("m/b#0").incarnation};
    bot other{*this, "m/b#1", routes.at("m/b#1").incarnation};
    next.link();
    other.link();
    next.read();
    other.read();
    BOOST_REQUIRE_EQUAL(next.inbox.size() + other.inbox.size(), 1u);
    auto& had = next.inbox.empty() ? other : next;
    had.done(had.inbox[0]);
    run();
    BOOST_TEST(port.messages.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_durable_subscription_collects_while_its_bot_is_down) {
  b.control(wire::frame_type::call,
            {{"id", 1}, {"op", "subscribe"}, {"pattern", "m.>"}, {"durable", true}});
  run();
  b.read();
  BOOST_TEST(b.results.at(0).at("ok") == true);
  b.close();
  set("m/b#0", state::backoff);
  a.send("topic:m.x", "fire is lost");
  a.durable("topic:m.x", "durable");
  run();
  restart();
  set("m/b#0", state::running, 2);
  bot next{*this, "m/b#0", 2};
  next.link();
  next.read();
  BOOST_TEST(next.payloads() == std::vector<std::string>{"durable"},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_durable_publish_waits_until_it_is_known_who_listens) {
  b.control(wire::frame_type::call,
            {{"id", 1}, {"op", "subscribe"}, {"pattern", "m.>"}, {"durable", true}});
  run();
  restart(false);
  a.link();
  const auto n = a.durable("topic:m.x", "x");
  run();
  a.read();
  BOOST_TEST(!a.outcome(n));
  restore();
  run();
  a.read();
  BOOST_TEST((a.outcome(n) == code::accepted));
  b.link();
  b.read();
  BOOST_TEST(b.payloads() == std::vector<std::string>{"x"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(nothing_collects_for_an_instance_that_was_removed) {
  const auto subscribe = [](bot& who) {
    who.control(wire::frame_type::call,
                {{"id", 1}, {"op", "subscribe"}, {"pattern", "m.>"}, {"durable", true}});
  };
  c.link();
  subscribe(b);
  subscribe(c);
  run();
  routes.erase("m/b#1");
  apply();
  pass(1s);
  BOOST_TEST(c.gone());
  BOOST_REQUIRE_EQUAL(port.subscriptions.size(), 1u);
  BOOST_TEST(port.subscriptions.begin()->first == "m/b#0");
  // And one that is removed while there is no runtime.
  b.close();
  routes.erase("m/b#0");
  restart();
  a.link();
  const auto n = a.durable("topic:m.x", "x");
  run();
  a.read();
  BOOST_TEST((a.outcome(n) == code::accepted));
  BOOST_TEST(port.dead.empty());
  BOOST_TEST(port.messages.empty());
}

BOOST_AUTO_TEST_CASE(dead_letters_of_what_was_never_accepted_are_rationed) {
  for (int i = 0; i < 300; ++i)
    a.send("m/nobody#0", "x");
  run();
  BOOST_TEST(port.dead.size() == 100u);
  BOOST_TEST(count("dead_letters_not_kept") == 200);
  pass(1s);
  a.send("m/nobody#0", "x");
  run();
  BOOST_TEST(port.dead.size() == 101u);
}

// -- requests --------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_reply_finds_its_way_once_whatever_is_allowed) {
  config::bot_spec mute;
  mute.may_send = std::vector<std::string>{};
  spec("m/b", mute);
  apply();
  a.send("m/b#0", "question", {.ttl = 1000, .request = 7});
  b.read();
  BOOST_REQUIRE_EQUAL(b.inbox.size(), 1u);
  BOOST_TEST(b.inbox[0].head.request == 7u);
  b.send("m/a#0", "answer", {.request = 7, .flags = wire::reply});
  a.read();
  BOOST_REQUIRE_EQUAL(a.inbox.size(), 1u);
  BOOST_TEST(a.inbox[0].payload == "answer");
  BOOST_TEST(a.inbox[0].head.request == 7u);
  const auto second = b.send("m/a#0", "again", {.request = 7, .flags = wire::reply});
  const auto unasked = b.send("m/a#0", "unasked", {.request = 8, .flags = wire::reply});
  b.read();
  BOOST_TEST((b.outcome(second) == code::expired));
  BOOST_TEST((b.outcome(unasked) == code::expired));
}

BOOST_AUTO_TEST_CASE(nobody_may_reply_for_another_as_if_an_earlier_runtime_had_asked) {
  a.send("m/b#0", "question", {.request = 7});
  auto h = c.hello();
  h.next = {100, 100, 100, 100};
  c.link(h);
  c.next = h.next;
  c.send("m/a#0", "answer",
         {.how = wire::delivery::assured, .request = 7, .flags = wire::reply, .again = 1});
  c.read();
  a.read();
  BOOST_TEST((c.outcome(1) == code::expired));
  BOOST_TEST(a.inbox.empty());
  b.send("m/a#0", "answer", {.request = 7, .flags = wire::reply});
  a.read();
  BOOST_TEST(a.inbox.size() == 1u);
}

BOOST_AUTO_TEST_CASE(nobody_else_may_reply) {
  c.link();
  a.send("m/b#0", "question", {.request = 7});
  const auto forged = c.send("m/a#0", "answer", {.request = 7, .flags = wire::reply});
  c.read();
  a.read();
  BOOST_TEST((c.outcome(forged) == code::expired));
  BOOST_TEST(a.inbox.empty());
}

BOOST_AUTO_TEST_CASE(a_dead_receiver_answers_at_once) {
  const auto fire = a.send("m/b#0", "1", {.ttl = 60'000, .request = 1});
  const auto kept = a.send("m/b#0", "2", {.how = wire::delivery::assured, .request = 2});
  const auto handled = a.send("m/b#0", "3", {.how = wire::delivery::assured, .request = 3});
  b.read();
  b.done(b.inbox.at(2));
  b.close();
  a.read();
  BOOST_TEST(!a.outcome(fire)); // it may live
  set("m/b#0", state::backoff);
  a.read();
  BOOST_TEST((a.outcome(fire) == code::receiver_died));
  BOOST_TEST((a.outcome(handled) == code::receiver_died));
  // What waits for a receiver that comes back is a request that is not answered meanwhile.
  BOOST_TEST((a.outcome(kept) == code::not_running));
}

BOOST_AUTO_TEST_CASE(a_request_ends_with_its_ttl) {
  a.send("m/b#0", "1", {.ttl = 1000, .request = 1});
  pass(1101ms);
  const auto late = b.send("m/a#0", "late", {.request = 1, .flags = wire::reply});
  b.read();
  BOOST_TEST((b.outcome(late) == code::expired));
}

BOOST_AUTO_TEST_CASE(open_requests_are_bounded) {
  auto h = b.hello();
  b.close();
  h.window_messages = 65'536;
  h.window_bytes = 16 << 20;
  b.link(h);
  for (std::uint64_t i = 1; i <= 4096; ++i)
    a.send("m/b#0", "", {.request = i});
  a.read();
  BOOST_TEST(a.outcomes.empty());
  const auto n = a.send("m/b#0", "", {.request = 5000});
  a.read();
  BOOST_TEST((a.outcome(n) == code::mailbox_full));
}

// -- orders and time ---------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_bot_that_drains_gets_replies_only) {
  c.link();
  b.send("m/a#0", "question", {.request = 1});
  core->order("m/b#0", 1, link_order::drain, 5s);
  b.read();
  BOOST_TEST(b.orders.at(0) == json({{"op", "drain"}, {"within_s", 5.0}}));
  const auto fire = a.send("m/b#0", "new");
  const auto kept = a.assured("m/b#0", "kept");
  a.send("m/a#0", "x"); // to itself
  a.read();
  a.send("m/b#0", "answer", {.request = 1, .flags = wire::reply});
  b.read();
  a.read();
  BOOST_TEST(b.payloads() == std::vector<std::string>{"answer"}, boost::test_tools::per_element());
  BOOST_TEST((a.outcome(fire) == code::not_running));
  BOOST_TEST((a.outcome(kept) == code::not_running));
  b.control(wire::frame_type::tell, {{"op", "drained"}, {"ok", true}});
  BOOST_TEST(port.told(notice::kind::drained, "m/b#0"));
  BOOST_TEST(port.notices.back().text.empty());
}

BOOST_AUTO_TEST_CASE(an_order_that_cannot_be_given_is_answered_at_once) {
  core->order("m/b#1", 1, link_order::drain, 5s);
  BOOST_TEST(port.told(notice::kind::drained, "m/b#1"));
  auto h = c.hello();
  h.flattens = false;
  c.link(h);
  core->order("m/b#1", 1, link_order::flatten, 5s);
  BOOST_TEST(port.told(notice::kind::flattened, "m/b#1"));
}

BOOST_AUTO_TEST_CASE(new_settings_are_told) {
  config::bot_spec s;
  s.settings = R"({"symbol": "ETH"})";
  spec("m/b", s);
  apply();
  b.read();
  BOOST_REQUIRE_EQUAL(b.orders.size(), 1u);
  BOOST_TEST(b.orders[0].at("op") == "config");
  BOOST_TEST(b.orders[0].at("settings").at("symbol") == "ETH");
  apply();
  b.read();
  BOOST_TEST(b.orders.size() == 1u);
}

BOOST_AUTO_TEST_CASE(labels_are_told_too_and_what_is_no_business_of_the_bot_is_not) {
  config::bot_spec s;
  s.labels = {{"env", "prod"}};
  spec("m/b", s);
  apply();
  b.read();
  BOOST_REQUIRE_EQUAL(b.orders.size(), 1u);
  BOOST_TEST(b.orders[0].at("labels").at("env") == "prod");
  BOOST_TEST(b.orders[0].at("version").is_number_unsigned());
  s.limits.memory = 1 << 20;
  s.mailbox.messages = 7;
  spec("m/b", s);
  apply();
  b.read();
  BOOST_TEST(b.orders.size() == 1u);
  // One that links later finds all of it in its welcome.
  b.close();
  s.settings = R"({"symbol": "SOL"})";
  spec("m/b", s);
  apply();
  b.link();
  BOOST_TEST(b.welcome.at("config").at("settings").at("symbol") == "SOL");
  BOOST_TEST(b.welcome.at("config").at("labels").at("env") == "prod");
  BOOST_TEST(b.orders.size() <= 1u);
}

BOOST_AUTO_TEST_CASE(a_narrower_permission_ends_subscriptions) {
  config::bot_spec s;
  s.may_subscribe = std::vector<std::string>{"ticks.>", "news.>"};
  spec("m/b", s);
  apply();
  b.control(wire::frame_type::call, {{"id", 1}, {"op", "subscribe"}, {"pattern", "ticks.*"}});
  b.control(wire::frame_type::call, {{"id", 2}, {"op", "subscribe"}, {"pattern", "news.*"}});
  a.send("topic:ticks.btc", "1");
  b.read();
  BOOST_REQUIRE_EQUAL(b.inbox.size(), 1u);
  s.may_subscribe = std::vector<std::string>{"news.>"};
  spec("m/b", s);
  apply();
  a.send("topic:ticks.btc", "2");
  a.send("topic:news.btc", "3");
  b.read();
  BOOST_REQUIRE_EQUAL(b.inbox.size(), 2u);
  BOOST_TEST(b.inbox.back().payload == "3");
  BOOST_TEST(port.told(notice::kind::remark, "m/b#0"));
}

BOOST_AUTO_TEST_CASE(a_permission_that_comes_back_brings_its_subscriptions_back) {
  config::bot_spec wide;
  wide.may_subscribe = std::vector<std::string>{"ticks.>", "news.>"};
  config::bot_spec narrow;
  narrow.may_subscribe = std::vector<std::string>{"news.>"};
  const auto put = [&](const config::bot_spec& s) {
    spec("m/b", s);
    apply();
  };
  put(wide);
  b.control(wire::frame_type::call, {{"id", 1}, {"op", "subscribe"}, {"pattern", "ticks.a"}});
  b.control(wire::frame_type::call, {{"id", 2}, {"op", "subscribe"}, {"pattern", "ticks.b"}});
  b.control(wire::frame_type::call,
            {{"id", 3}, {"op", "subscribe"}, {"pattern", "ticks.c"}, {"durable", true}});
  run();
  put(narrow);
  b.control(wire::frame_type::call, {{"id", 4}, {"op", "unsubscribe"}, {"pattern", "ticks.b"}});
  a.send("topic:ticks.a", "lost");
  run();
  BOOST_TEST(port.contents().subscriptions.size() == 1u); // the durable one is still kept
  put(wide);
  for (const auto* topic : {"topic:ticks.a", "topic:ticks.b", "topic:ticks.c"})
    a.send(topic, topic);
  b.read();
  BOOST_TEST(b.payloads() == (std::vector<std::string>{"topic:ticks.a", "topic:ticks.c"}),
             boost::test_tools::per_element());
  // With its link only the durable one stays, allowed or not.
  put(narrow);
  b.close();
  b.link();
  put(wide);
  b.inbox.clear();
  for (const auto* topic : {"topic:ticks.a", "topic:ticks.c"})
    a.send(topic, topic);
  b.read();
  BOOST_TEST(b.payloads() == std::vector<std::string>{"topic:ticks.c"},
             boost::test_tools::per_element());
  put(narrow);
  b.control(wire::frame_type::call, {{"id", 5}, {"op", "unsubscribe"}, {"pattern", "ticks.c"}});
  pass(1s);
  run();
  BOOST_TEST(port.contents().subscriptions.empty());
}

BOOST_AUTO_TEST_CASE(an_idle_link_is_asked_every_ten_seconds_and_costs_nothing_else) {
  int wakes = 0;
  const auto end = port.clock + 100s;
  for (auto next = core->next_tick(); next && *next <= end; next = core->next_tick()) {
    port.clock = *next;
    core->tick();
    ++wakes;
    for (auto* each : {&a, &b}) {
      each->read();
      for (const auto& ping : each->pings) {
        std::string pong;
        wire::append_frame(pong, wire::frame_type::pong, ping);
        each->write(pong);
      }
      each->pings.clear();
    }
  }
  BOOST_TEST(wakes <= 20);
  BOOST_TEST(!port.told(notice::kind::silent, "m/a#0"));
}

BOOST_AUTO_TEST_CASE(three_missed_heartbeats_are_told_and_a_late_answer_too) {
  pass(39s);
  b.read();
  BOOST_TEST(b.pings.size() == 3u);
  BOOST_TEST(!port.told(notice::kind::silent, "m/b#0"));
  pass(2s);
  BOOST_TEST(port.told(notice::kind::silent, "m/b#0"));
  BOOST_TEST(!port.told(notice::kind::answers, "m/b#0"));
  std::string pong;
  wire::append_frame(pong, wire::frame_type::pong, "12345678");
  b.write(pong);
  BOOST_TEST(port.told(notice::kind::answers, "m/b#0"));
  BOOST_TEST(!b.gone());
}

BOOST_AUTO_TEST_CASE(a_reader_that_takes_nothing_for_30_s_is_cut_off) {
  port.stuck.insert(b.id);
  a.send("m/b#0", "x");
  pass(29s);
  BOOST_TEST(!b.gone());
  pass(12s);
  b.read();
  BOOST_TEST(b.bye.at("reason") == "too_slow");
}

BOOST_AUTO_TEST_SUITE_END()
