// How links begin and end, and what they refuse.

#include "hub_fixture.hpp"

using namespace hub_tests;

BOOST_AUTO_TEST_SUITE(hub_links)

struct two : hub_fixture {
  bot a{*this, "m/a#0"}, b{*this, "m/b#0"};

  two() {
    instance("m/a", 0);
    instance("m/b", 0);
    apply();
    restore();
    a.link();
    b.link();
  }
};

BOOST_FIXTURE_TEST_CASE(a_link_is_welcomed_and_told_of, two) {
  BOOST_TEST(a.welcome.at("instance") == "m/a#0");
  BOOST_TEST(a.welcome.at("fleet") == "test");
  BOOST_TEST(a.welcome.at("window").at("messages") == 8192);
  BOOST_TEST(a.welcome.at("config").at("settings").is_object());
  BOOST_TEST(port.told(notice::kind::linked, "m/a#0"));
  a.close();
  BOOST_TEST(port.told(notice::kind::unlinked, "m/a#0"));
}

BOOST_FIXTURE_TEST_CASE(a_second_link_of_a_process_is_refused, two) {
  bot twin{*this, "m/a#0"};
  twin.link();
  BOOST_TEST(twin.bye.at("reason") == "already_linked");
  BOOST_TEST(twin.gone());
  a.send("m/b#0", "still here");
  b.read();
  BOOST_TEST(b.inbox.size() == 1u);
  a.close();
  twin.next = a.next;
  twin.link();
  BOOST_TEST(twin.welcome.is_object());
}

BOOST_FIXTURE_TEST_CASE(an_old_process_is_refused_and_a_new_one_replaces_it, two) {
  bot next{*this, "m/a#0", 2};
  next.link();
  BOOST_TEST(next.welcome.is_object());
  a.read();
  BOOST_TEST(a.bye.at("reason") == "old_incarnation");
  BOOST_TEST(a.gone());
  bot old{*this, "m/a#0", 1};
  old.link();
  BOOST_TEST(old.bye.at("reason") == "old_incarnation");
  // The table says that this one has ended.
  set("m/b#0", state::backoff);
  b.close();
  b.link();
  BOOST_TEST(b.bye.at("reason") == "old_incarnation");
}

BOOST_FIXTURE_TEST_CASE(a_session_may_be_cut_at_every_byte, two) {
  std::string session;
  session += a.encode("m/b#0", "first", {});
  wire::append_frame(session, wire::frame_type::ping, "12345678");
  session += a.encode("m/b#0", std::string(3000, 'x'), {.in = wire::lane::high});
  wire::append_frame(session, wire::frame_type::tell, R"({"op": "status", "text": "fine"})");
  for (std::size_t cut = 0; cut <= session.size(); ++cut) {
    bot c{*this, "m/a#0", 2 + cut};
    c.link();
    b.inbox.clear();
    c.write(std::string_view{session}.substr(0, cut));
    c.write(std::string_view{session}.substr(cut));
    b.read();
    c.read();
    b.credit_all();
    BOOST_REQUIRE_EQUAL(b.inbox.size(), 2u);
    BOOST_REQUIRE_EQUAL(c.pongs.size(), 1u);
    BOOST_REQUIRE(!c.gone());
    // And one that ends there has said what was whole, no more.
    bot d{*this, "m/a#0", 2 + cut};
    b.close();
    b.link();
    c.close();
    set("m/a#0", state::running, 3 + cut);
  }
}

BOOST_FIXTURE_TEST_CASE(byte_by_byte_is_the_same, two) {
  const auto message = a.encode("m/b#0", std::string(500, 'y'), {});
  for (const char each : message)
    a.write({&each, 1});
  b.read();
  BOOST_REQUIRE_EQUAL(b.inbox.size(), 1u);
  BOOST_TEST(b.inbox[0].payload == std::string(500, 'y'));
}

BOOST_FIXTURE_TEST_CASE(every_flipped_bit_ends_the_link, two) {
  const auto good = a.encode("m/b#0", "hello", {});
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    bot c{*this, "m/a#0", 2 + bit};
    c.link();
    c.write(bad);
    c.read();
    // A length that has grown may wait for more; then nothing was taken yet.
    if (!c.gone()) {
      BOOST_TEST(bit < 32);
      pass(31s);
      c.read();
      BOOST_TEST(c.bye.at("reason") == "too_slow");
    } else {
      BOOST_TEST(c.bye.at("reason") == "bad_frame");
    }
    b.read();
    BOOST_REQUIRE(b.inbox.empty());
    b.write([] {
      std::string ping;
      wire::append_frame(ping, wire::frame_type::ping, "12345678");
      return ping;
    }());
  }
}

BOOST_AUTO_TEST_CASE(what_breaks_the_rules_is_answered_by_a_reason) {
  const auto frame = [](std::uint8_t type, std::string_view body) {
    std::string out;
    wire::append_frame(out, static_cast<wire::frame_type>(type), body);
    return out;
  };
  const std::string deep = R"({"op": )" + std::string(17, '[') + std::string(17, ']') + "}";
  struct {
    const char* what;
    std::string bytes;
    const char* reason;
  } const cases[] = {
      {"4 GiB", std::string("\xff\xff\xff\xff\x10", 5), "bad_frame"},
      {"one byte too large", std::string("\x01\x00\x10\x00\x10", 5), "bad_frame"},
      {"no size", std::string("\0\0\0\0\0", 5), "bad_frame"},
      {"garbage", "GET / HTTP/1.1\r\n\r\n", "bad_frame"},
      {"unknown type", frame(77, "x"), "bad_frame"},
      {"hello again", frame(1, "{}"), "bad_order"},
      {"welcome", frame(2, "{}"), "bad_order"},
      {"result", frame(7, "{}"), "bad_order"},
      {"order", frame(9, "{}"), "bad_order"},
      {"receipt", frame(17, std::string(32, '\0')), "bad_order"},
      {"outcome", frame(18, std::string(2, '\0')), "bad_order"},
      {"empty message", frame(16, ""), "bad_frame"},
      {"short ping", frame(4, "1234"), "bad_frame"},
      {"long pong", frame(5, "123456789"), "bad_frame"},
      {"call without id", frame(6, R"({"op": "subscribe"})"), "bad_frame"},
      {"call that is none", frame(6, "[1, 2]"), "bad_frame"},
      {"tell that is none", frame(8, "\xff\xfe"), "bad_frame"},
      {"deep tell", frame(8, deep), "bad_frame"},
      {"large tell", frame(8, "{\"op\": \"" + std::string(70'000, 'x') + "\"}"), "bad_frame"},
      {"done of nothing", frame(19, std::string("\x01\0\x05\0\0\0\0\0\0\0\0", 11)), "bad_order"},
      {"done of tag 0", frame(19, std::string("\x01\0\0\0\0\0\0\0\0\0\0", 11)), "bad_order"},
      {"credit of nothing", frame(20, std::string(63, '\0') + "\x01"), "bad_order"},
      {"short credit", frame(20, "x"), "bad_frame"},
      {"known list that ends", frame(21, std::string("\x02\0", 2)), "bad_frame"},
  };
  for (const auto& each : cases)
    BOOST_TEST_CONTEXT(each.what) {
      two world;
      world.a.write(each.bytes);
      world.a.read();
      BOOST_REQUIRE(world.a.bye.is_object());
      BOOST_TEST(world.a.bye.at("reason") == each.reason);
      BOOST_TEST(!world.a.bye.at("text").get<std::string>().empty());
      BOOST_TEST(world.a.gone());
      // Nothing that comes after it counts, and others live on.
      world.a.write(world.a.encode("m/b#0", "late", {}));
      world.b.send("m/b#0", "to myself");
      world.b.read();
      BOOST_TEST(world.b.payloads() == std::vector<std::string>{"to myself"},
                 boost::test_tools::per_element());
    }
}

BOOST_FIXTURE_TEST_CASE(numbers_have_no_gaps, two) {
  a.send("m/b#0", "1");
  a.next[2] = 3;
  a.send("m/b#0", "3");
  a.read();
  BOOST_TEST(a.bye.at("reason") == "bad_order");
  // A fire message may not come again, nor one that was never sent.
  for (const auto how : {wire::delivery::fire, wire::delivery::assured}) {
    bot c{*this, "m/a#0", how == wire::delivery::fire ? 5u : 6u};
    c.link();
    c.send("m/b#0", "x", {.how = how, .again = how == wire::delivery::fire ? 1u : 9u});
    c.read();
    BOOST_TEST(c.bye.at("reason") == "bad_order");
  }
}

BOOST_FIXTURE_TEST_CASE(a_process_whose_numbers_go_backwards_is_refused, two) {
  a.send("m/b#0", "1");
  a.close();
  a.next = {1, 1, 1, 1};
  a.link();
  BOOST_TEST(a.bye.at("reason") == "bad_hello");
}

BOOST_FIXTURE_TEST_CASE(goodbye_closes_without_a_word, two) {
  a.control(wire::frame_type::bye, {{"reason", "done"}, {"text", "all traded"}});
  BOOST_TEST(a.gone());
  BOOST_TEST(port.notices.back().text.find("all traded") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(tells_become_notices, two) {
  a.control(wire::frame_type::tell, {{"op", "ready"}});
  BOOST_TEST(port.told(notice::kind::says_ready, "m/a#0"));
  a.control(wire::frame_type::tell, {{"op", "stopping"}});
  BOOST_TEST(port.told(notice::kind::stopping, "m/a#0"));
  a.control(wire::frame_type::tell, {{"op", "something newer"}});
  BOOST_TEST(!a.gone());
}

BOOST_FIXTURE_TEST_CASE(the_fleet_ends, two) {
  core->stop();
  a.read();
  b.read();
  BOOST_TEST(a.bye.at("reason") == "stopping");
  BOOST_TEST(b.gone());
  bot c{*this, "m/c#0"};
  c.link();
  BOOST_TEST(c.bye.at("reason") == "stopping");
}

BOOST_AUTO_TEST_SUITE_END()
