// A runtime that talks in pieces, or nonsense.

#include "fixture.hpp"

#include <random>

using namespace troupe;
using namespace troupe::test;

using strings = std::vector<std::string>;

namespace {

/// One of everything that a runtime sends after its WELCOME.
std::string everything() {
  std::string out;
  wire::append_frame(out, frame_type::ping, "12345678");
  wire::append_frame(out, frame_type::pong, "12345678");
  wire::append_frame(out, frame_type::result, R"({"id": 99, "ok": true})");
  wire::append_frame(out, frame_type::order, R"({"op": "pressure", "to": "a/b", "on": true})");
  wire::append_frame(out, wire::receipts{});
  wire::append_frame(
      out, std::vector<wire::outcome>{{wire::lane::low, wire::outcome_code::expired, 1, "late"}});
  wire::append_frame(out, incoming{1, "hello", wire::delivery::assured});
  wire::append_frame(out, incoming{2, std::string(2000, 'x')});
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(hostile)

BOOST_AUTO_TEST_CASE(frames_may_be_cut_at_every_byte) {
  const auto all = everything();
  for (std::size_t cut = 1; cut < all.size(); ++cut) {
    fixture each;
    each.hear();
    each.link();
    each.runtime().send(std::string_view{all}.substr(0, cut));
    each.step();
    each.runtime().send(std::string_view{all}.substr(cut));
    each.step();
    each.step();
    BOOST_TEST_REQUIRE(each.bot->linked(), "cut at " << cut);
    BOOST_TEST_REQUIRE(each.heard.size() == 2u);
  }
}

BOOST_AUTO_TEST_CASE(frames_may_come_byte_by_byte) {
  fixture each;
  each.hear();
  each.step();
  std::string all;
  wire::append_frame(all, frame_type::welcome, R"({"version": 1})");
  all += everything();
  for (const char byte : all) {
    each.runtime().send(std::string_view{&byte, 1});
    each.step();
  }
  BOOST_TEST(each.heard.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_connection_may_end_after_every_byte) {
  const auto all = everything();
  for (std::size_t cut = 1; cut < all.size(); cut += 7) {
    fixture each;
    each.hear();
    each.link();
    each.runtime().send(std::string_view{all}.substr(0, cut));
    each.runtime().close();
    for (int i = 0; i < 3; ++i)
      each.step();
    BOOST_TEST_REQUIRE(each.peers.size() == 2u);
    each.runtime().welcome();
    each.step();
    BOOST_TEST_REQUIRE(each.bot->linked());
  }
}

BOOST_AUTO_TEST_CASE(a_flipped_bit_is_found_and_the_link_made_anew) {
  std::mt19937 random{4};
  const auto all = everything();
  for (int i = 0; i < 500; ++i) {
    fixture each;
    each.hear();
    each.link();
    auto bad = all;
    const auto bit = random() % (bad.size() * 8);
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    each.runtime().send(bad);
    each.step();
    each.pass(31s); // a size that has grown is waited for in vain
    each.step();
    BOOST_TEST_REQUIRE(each.peers.size() >= 2u);
  }
}

BOOST_AUTO_TEST_CASE(garbage_is_refused_with_a_reason) {
  std::mt19937 random{5};
  for (int i = 0; i < 200; ++i) {
    fixture each;
    each.link();
    std::string bytes(200, '\0');
    for (auto& byte : bytes)
      byte = static_cast<char>(random());
    bytes[3] = '\x7f'; // a size beyond any
    each.runtime().send(bytes);
    each.step();
    const auto bye = each.runtime().next(frame_type::bye);
    BOOST_TEST_REQUIRE(bye.has_value());
    BOOST_TEST(bye->object()["reason"] == "bad_frame");
    BOOST_TEST(each.runtime().ended());
  }
}

BOOST_AUTO_TEST_CASE(frames_of_the_wrong_side_or_time_are_bad_order) {
  for (const auto type : {frame_type::hello, frame_type::call, frame_type::tell, frame_type::done,
                          frame_type::credit, frame_type::known, frame_type::welcome}) {
    fixture each;
    each.link();
    each.runtime().send(type, json::object());
    each.step();
    BOOST_TEST(each.runtime().next(frame_type::bye)->object()["reason"] == "bad_order");
  }
  fixture early;
  early.step();
  early.runtime().send(incoming{1, "before the WELCOME"});
  early.step();
  BOOST_TEST(early.runtime().next(frame_type::bye)->object()["reason"] == "bad_order");
}

BOOST_AUTO_TEST_CASE(bodies_that_are_none_are_bad_frames) {
  const std::string deep = std::string(17, '[') + std::string(17, ']');
  const std::vector<std::pair<frame_type, std::string>> bodies{
      {frame_type::order, ""},
      {frame_type::order, "[]"},
      {frame_type::order, R"({"op": )"},
      {frame_type::order, R"({"op": )" + deep + "}"},
      {frame_type::order, R"({"op": ")" + std::string(66'000, 'x') + "\"}"},
      {frame_type::order, "{\"op\": \"\xff\"}"},
      {frame_type::result, "null"},
      {frame_type::bye, "7"},
      {frame_type::ping, "1234567"},
      {frame_type::receipt, "short"},
      {frame_type::outcome, "\x02"},
      {frame_type::message, std::string(71, '\0')}};
  for (const auto& [type, body] : bodies) {
    fixture each;
    each.link();
    std::string out;
    wire::append_frame(out, type, body);
    each.runtime().send(out);
    each.step();
    const auto bye = each.runtime().next(frame_type::bye);
    BOOST_TEST_REQUIRE(bye.has_value(), to_string(type) << " " << body.substr(0, 40));
    BOOST_TEST(bye->object()["reason"] == "bad_frame");
  }
}

BOOST_AUTO_TEST_CASE(members_of_the_wrong_type_are_taken_for_missing) {
  fixture each;
  each.link(
      {{"fleet", 7}, {"features", "zstd"}, {"heartbeat_s", "x"}, {"window", 3}, {"config", 1}});
  each.runtime().send(frame_type::order,
                      {{"op", "pressure"}, {"to", json::array()}, {"on", "yes"}});
  each.runtime().send(frame_type::order, {{"op", "drain"}, {"within_s", -1e300}});
  each.runtime().send(frame_type::result, {{"id", -5}, {"error", "no"}});
  each.step();
  BOOST_TEST(each.bot->linked());
}

BOOST_AUTO_TEST_CASE(a_receipt_for_what_was_never_sent_is_bad_order) {
  fixture each;
  each.link();
  each.bot->send("market/feed", "x");
  each.runtime().send_list(wire::receipts{0, 0, 2, 0});
  each.step();
  BOOST_TEST(each.runtime().next(frame_type::bye)->object()["reason"] == "bad_order");
}

BOOST_AUTO_TEST_CASE(a_welcome_of_the_future_is_refused) {
  fixture each;
  each.step();
  each.runtime().send(frame_type::welcome, {{"version", 2}});
  each.step();
  BOOST_TEST(!each.bot->linked());
  BOOST_TEST(each.runtime().next(frame_type::bye).has_value());
}

BOOST_AUTO_TEST_CASE(a_frame_that_is_never_completed_ends_the_link) {
  fixture each;
  each.link();
  each.runtime().send(std::string_view{"\x00\x01", 2});
  each.step();
  for (const char* byte : {"\x00", "\x00", "\x04"}) {
    each.runtime().send(std::string_view{byte, 1});
    each.pass(9s);
  }
  BOOST_TEST(each.bot->linked());
  each.pass(4s);
  BOOST_TEST(each.runtime().next(frame_type::bye)->object()["reason"] == "too_slow");
}

BOOST_AUTO_TEST_CASE(the_largest_frame_is_read_and_its_memory_given_back) {
  fixture each;
  each.bot->on_message(
      [&](const bot::message& m) { each.heard.push_back(std::to_string(m.payload().size())); });
  each.link();
  for (std::uint64_t i = 1; i <= 2; ++i) {
    std::string out;
    wire::append_frame(out, incoming{i, std::string(wire::max_payload, 'x')});
    std::string_view rest = out;
    while (!rest.empty()) {
      const auto size = ::send(each.runtime().fd(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (size > 0)
        rest.remove_prefix(static_cast<std::size_t>(size));
      each.step();
    }
    each.step();
  }
  BOOST_TEST(each.heard == (strings{"983040", "983040"}));
}

BOOST_AUTO_TEST_SUITE_END()
