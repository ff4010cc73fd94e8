// The parts of the engine that are easier to see alone.

#include "actors/bot/identities.hpp"
#include "actors/bot/outbox.hpp"
#include "actors/bot/topics.hpp"
#include "messages/wire/frame.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace troupe;
using namespace troupe::bot::detail;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(parts)

BOOST_AUTO_TEST_CASE(patterns_match_word_by_word) {
  BOOST_TEST(matches("ticks.btc", "ticks.btc"));
  BOOST_TEST(matches("ticks.*", "ticks.btc"));
  BOOST_TEST(matches("*.btc", "ticks.btc"));
  BOOST_TEST(matches("ticks.>", "ticks.btc"));
  BOOST_TEST(matches("ticks.>", "ticks.btc.usd"));
  BOOST_TEST(matches(">", "ticks"));
  BOOST_TEST(!matches("ticks.*", "ticks"));
  BOOST_TEST(!matches("ticks.>", "ticks"));
  BOOST_TEST(!matches("ticks.*", "ticks.btc.usd"));
  BOOST_TEST(!matches("ticks", "ticks.btc"));
  BOOST_TEST(!matches("tick", "ticks"));
}

BOOST_AUTO_TEST_CASE(identities_are_bounded_for_each_sender_and_in_all) {
  identities known;
  wire::message_view m;
  m.how = wire::delivery::assured;
  m.from = "a/b#0";
  for (m.sequence = 1; m.sequence <= 5000; ++m.sequence)
    known.add(m, 1, 0ns);
  BOOST_TEST(known.size() == identities::of_each_sender);
  m.sequence = 904;
  BOOST_TEST(!known.find(m));
  m.sequence = 905;
  BOOST_TEST(!!known.find(m));
  for (int i = 0; i < 100; ++i) {
    const auto name = "a/c#" + std::to_string(i);
    m.from = name;
    for (m.sequence = 1; m.sequence <= 1000; ++m.sequence)
      known.add(m, 1, 0ns);
  }
  BOOST_TEST(known.size() == identities::in_all);
  m.from = "a/c#99";
  m.sequence = 1;
  BOOST_TEST(!!known.find(m));
  m.from = "a/b#0"; // heard longest ago
  m.sequence = 5000;
  BOOST_TEST(!known.find(m));
}

BOOST_AUTO_TEST_CASE(what_failed_leaves_nothing_behind) {
  identities known;
  wire::message_view m;
  for (int i = 0; i < 1000; ++i) {
    const auto name = "a/c#" + std::to_string(i);
    m.from = name;
    m.sequence = 1;
    known.add(m, 1, 0ns);
    known.forget(m);
    known.forget(m);
  }
  BOOST_TEST(known.size() == 0u);
  BOOST_TEST(known.list(0ns).empty());
}

BOOST_AUTO_TEST_CASE(an_outbox_writes_whole_frames_whatever_the_socket_takes) {
  for (std::size_t step = 1; step < 700; step += 13) {
    outbox out;
    out.open({}, false);
    std::string wire_bytes;
    wire::message_view m;
    m.to = "a/b";
    std::uint64_t urgent = 0;
    std::uint64_t normal = 0;
    for (int round = 0; round < 60; ++round) {
      for (int i = 0; i < 3; ++i) {
        m.in = wire::lane::normal;
        const std::string payload(static_cast<std::size_t>(round * 7 % 200), 'n');
        m.payload = payload;
        m.length = static_cast<std::uint32_t>(payload.size());
        out.add(m);
      }
      m.in = wire::lane::urgent;
      m.payload = "u";
      m.length = 1;
      out.add(m);
      std::array<iovec, 3> parts;
      auto left = step;
      const auto count = out.parts(parts);
      for (std::size_t i = 0; i < count && left > 0; ++i) {
        const auto size = std::min(left, parts[i].iov_len);
        wire_bytes.append(static_cast<const char*>(parts[i].iov_base), size);
        left -= size;
      }
      out.wrote(step - left);
    }
    while (out.unsent() > 0) {
      std::array<iovec, 3> parts;
      out.parts(parts);
      wire_bytes.append(static_cast<const char*>(parts[0].iov_base), parts[0].iov_len);
      out.wrote(parts[0].iov_len);
    }
    std::string_view rest = wire_bytes;
    while (!rest.empty()) {
      const auto frame = wire::parse_frame(rest);
      BOOST_TEST_REQUIRE((frame.what == wire::parsed_frame::kind::whole));
      wire::message_view read;
      BOOST_TEST_REQUIRE(!wire::decode(frame.body, read));
      BOOST_TEST_REQUIRE(read.sequence == (read.in == wire::lane::urgent ? ++urgent : ++normal));
      rest.remove_prefix(frame.consumed);
    }
    BOOST_TEST(urgent == 60u);
    BOOST_TEST(normal == 180u);
  }
}

BOOST_AUTO_TEST_SUITE_END()
