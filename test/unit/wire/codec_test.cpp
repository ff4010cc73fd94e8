// The codec against what a wire may do to a frame.

#include "messages/wire/bytes.hpp"
#include "messages/wire/compression.hpp"
#include "messages/wire/frame.hpp"
#include "messages/wire/message.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

using namespace troupe::wire;
using kind = parsed_frame::kind;

namespace {

std::string a_frame(std::string_view body = "some bytes") {
  std::string out;
  append_frame(out, frame_type::tell, body);
  return out;
}

std::string a_message() {
  message_view m;
  m.in = lane::high;
  m.how = delivery::assured;
  m.sequence = 7;
  m.to = "market/trader#2";
  m.from = "market/feed#0";
  m.key = "BTC";
  m.payload = "hello";
  m.length = 5;
  std::string out;
  append_frame(out, m);
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(codec)

BOOST_AUTO_TEST_CASE(a_frame_is_partial_until_its_last_byte_and_says_what_is_missing) {
  const auto frame = a_message();
  std::string grown;
  while (grown.size() < frame.size()) {
    const auto read = parse_frame(grown);
    BOOST_TEST_REQUIRE((read.what == kind::partial));
    BOOST_TEST_REQUIRE(read.missing > 0u);
    BOOST_TEST_REQUIRE(grown.size() + read.missing <= frame.size());
    grown += frame[grown.size()];
  }
  BOOST_TEST((parse_frame(grown).what == kind::whole));
  BOOST_TEST((parse_frame(grown + "more").consumed == frame.size()));
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_is_found) {
  const auto frame = a_message();
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    auto bad = frame;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    bad += std::string(256, '\0'); // a size that has grown a little finds bytes there
    BOOST_TEST((parse_frame(bad).what != kind::whole), "bit " << bit);
  }
}

BOOST_AUTO_TEST_CASE(sizes_are_checked_before_anything_else) {
  for (const std::uint32_t size : {0u, 4u, max_frame + 1, 0x80000000u, 0xffffffffu}) {
    std::string out;
    put(out, size);
    out += '\x04';
    BOOST_TEST((parse_frame(out).what == kind::broken), size);
  }
  const auto largest = a_frame(std::string(max_frame - 5, 'x'));
  BOOST_TEST((parse_frame(largest).what == kind::whole));
  BOOST_TEST((parse_frame(largest, max_early_frame).what == kind::broken));
  BOOST_TEST((parse_frame(a_frame(std::string(max_frame - 4, 'x'))).what == kind::broken));
  BOOST_TEST((parse_frame(a_frame("")).what == kind::whole));
  BOOST_TEST((parse_frame(a_frame(std::string(max_early_frame - 5, 'x')), max_early_frame).what
              == kind::whole));
}

BOOST_AUTO_TEST_CASE(types_that_are_none_are_broken_at_once) {
  for (int type = 0; type < 256; ++type) {
    std::string out;
    put(out, std::uint32_t{9});
    out += static_cast<char>(type);
    const bool good = (type >= 1 && type <= 9) || (type >= 16 && type <= 21);
    BOOST_TEST((parse_frame(out).what == (good ? kind::partial : kind::broken)), type);
  }
}

BOOST_AUTO_TEST_CASE(a_message_that_is_cut_is_no_message) {
  const auto frame = a_message();
  const auto body = parse_frame(frame).body;
  message_view read;
  BOOST_TEST(!decode(body, read));
  for (std::size_t size = 0; size < body.size(); ++size)
    BOOST_TEST_REQUIRE(decode(body.substr(0, size), read) != nullptr);
}

BOOST_AUTO_TEST_CASE(lists_that_are_cut_or_too_long_are_none) {
  std::string out;
  append_frame(out, std::vector<outcome>{{lane::low, outcome_code::expired, 3, "late"},
                                         {lane::urgent, outcome_code::done, 4, ""}});
  const auto body = parse_frame(out).body;
  std::vector<outcome> read;
  BOOST_TEST(!decode(body, read));
  BOOST_TEST(read.size() == 2u);
  for (std::size_t size = 0; size < body.size(); ++size)
    BOOST_TEST_REQUIRE(decode(body.substr(0, size), read) != nullptr);
  BOOST_TEST(decode(std::string{body} + "x", read) != nullptr);
  BOOST_TEST(decode(std::string{"\xff\xff"} + std::string(900'000, '\0'), read) != nullptr);
}

BOOST_AUTO_TEST_CASE(random_bytes_crash_nothing) {
  std::mt19937 random{3};
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 300, '\0');
    for (auto& each : bytes)
      each = static_cast<char>(random() % (i % 2 == 0 ? 256 : 4));
    message_view m;
    std::vector<outcome> outcomes;
    std::vector<done> dones;
    std::vector<known_message> known;
    receipts receipt;
    credits credit;
    parse_frame(bytes);
    decode(bytes, m);
    decode(bytes, outcomes);
    decode(bytes, dones);
    decode(bytes, known);
    decode(bytes, receipt);
    decode(bytes, credit);
    decompress(bytes, random() % 2000);
  }
  BOOST_TEST(true);
}

BOOST_AUTO_TEST_CASE(long_lists_are_split_into_frames_that_are_allowed) {
  std::vector<known_message> list(5000);
  for (std::size_t i = 0; i < list.size(); ++i)
    list[i] = {lane::normal, i % 3 == 1, 1, i, std::string(255, 'a'), i % 3 == 2};
  std::string out;
  append_frame(out, list);
  std::vector<known_message> all;
  for (std::string_view rest = out; !rest.empty();) {
    const auto frame = parse_frame(rest);
    BOOST_TEST_REQUIRE((frame.what == kind::whole));
    std::vector<known_message> part;
    BOOST_TEST_REQUIRE(!decode(frame.body, part));
    all.insert(all.end(), part.begin(), part.end());
    rest.remove_prefix(frame.consumed);
  }
  BOOST_TEST_REQUIRE(all.size() == 5000u);
  for (std::size_t i = 0; i < all.size(); ++i)
    BOOST_TEST_REQUIRE(
        (all[i].sequence == i && all[i].handled == (i % 3 == 1) && all[i].failed == (i % 3 == 2)));
}

BOOST_AUTO_TEST_CASE(what_is_compressed_comes_back_or_not_at_all) {
  std::string text;
  for (int i = 0; i < 1000; ++i)
    text += "line " + std::to_string(i % 10) + "\n";
  const auto small = compress(text);
  BOOST_TEST_REQUIRE(small.has_value());
  BOOST_TEST(small->size() < text.size());
  BOOST_TEST((*decompress(*small, text.size()) == text));
  BOOST_TEST(!decompress(*small, text.size() - 1).has_value());
  BOOST_TEST(!decompress(*small, text.size() + 1).has_value());
  BOOST_TEST(!decompress(*small, max_payload + 1).has_value());
  for (std::size_t size = 0; size < small->size(); ++size)
    BOOST_TEST_REQUIRE(!decompress(std::string_view{*small}.substr(0, size), text.size()));
  std::mt19937 random{1};
  std::string noise(2000, '\0');
  for (auto& each : noise)
    each = static_cast<char>(random());
  BOOST_TEST(!compress(noise).has_value()); // it would not be smaller
}

BOOST_AUTO_TEST_SUITE_END()
