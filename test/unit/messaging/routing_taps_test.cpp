#include "actors/messaging/taps.hpp"
#include "actors/messaging/traces.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

using namespace troupe;
using namespace troupe::messaging;
using namespace std::chrono_literals;

namespace {

wire::message_view message(std::string_view from, std::string_view to,
                           std::string_view payload = "hello") {
  wire::message_view result;
  result.from = from;
  result.to = to;
  result.payload = payload;
  result.length = static_cast<std::uint32_t>(payload.size());
  result.kind = wire::content::text;
  return result;
}

struct tapping {
  taps of;
  std::chrono::nanoseconds now = 100s;

  std::uint64_t open(const std::string& what, tap_options options = {}) {
    options.what = what;
    const auto result = of.open(options, now);
    BOOST_TEST(result.trouble == "");
    BOOST_TEST(result.id != 0u);
    return result.id;
  }
  void see(std::string_view from, std::string_view to, std::string_view receiver,
           std::string_view payload = "hello") {
    of.see(message(from, to, payload), receiver, now, 1);
  }
  taps::page read(std::uint64_t id, std::uint64_t cursor = 0, std::size_t limit = 10'000) {
    return of.read(id, cursor, limit, now);
  }
  std::size_t seen(const std::string& what) {
    const auto id = open(what);
    see("market/feed#0", "market/trader", "market/trader#1");
    see("market/trader#1/pricer", "risk/guard", "risk/guard#0");
    see("market/feed#0", "topic:ticks.btc", "risk/guard#0");
    see("flaky#0", "risk/guard", "risk/guard#0");
    const auto result = read(id).items.size();
    of.close(id);
    return result;
  }
};

} // namespace

BOOST_AUTO_TEST_CASE(a_tap_takes_what_it_is_asked_for) {
  tapping x;
  BOOST_TEST(x.of.idle());
  BOOST_TEST(x.seen("") == 4u);
  BOOST_TEST(x.seen("*") == 4u);
  BOOST_TEST(x.seen("market/trader") == 2u);
  BOOST_TEST(x.seen("market/trader#1") == 2u);
  BOOST_TEST(x.seen("market/trader#0") == 0u);
  BOOST_TEST(x.seen("market/") == 3u);
  BOOST_TEST(x.seen("market/*") == 3u);
  BOOST_TEST(x.seen("risk/guard") == 3u);
  BOOST_TEST(x.seen("topic:ticks.*") == 1u);
  BOOST_TEST(x.seen("topic:>") == 1u);
  BOOST_TEST(x.seen("topic:news") == 0u);
  BOOST_TEST(x.seen("market/tr") == 0u);
  BOOST_TEST(x.of.idle());
  for (const char* wrong :
       {"Market", "topic:a..b", "topic:", "market/trader#0/pricer", "runtime/state"}) {
    tap_options options;
    options.what = wrong;
    const auto result = x.of.open(options, x.now);
    BOOST_TEST(result.id == 0u);
    BOOST_TEST(result.trouble != "");
  }
}

BOOST_AUTO_TEST_CASE(what_is_kept_is_cut_and_thinned) {
  tapping x;
  tap_options third;
  third.every = 3;
  third.payload = 4;
  const auto id = x.open("", third);
  for (int i = 0; i < 10; ++i)
    x.see("a#0", "b", "b#0", "abcü" + std::to_string(i));
  const auto page = x.read(id);
  BOOST_REQUIRE(page.items.size() == 4u);
  BOOST_TEST(page.seen == 10u);
  BOOST_TEST(page.dropped == 0u);
  BOOST_TEST(page.items[0].payload == "abc"); // not half a character
  BOOST_TEST(page.items[0].length == 6u);
  BOOST_TEST(page.items[0].from == "a#0");
  BOOST_TEST(page.items[0].receiver == "b#0");
  tap_options much;
  much.payload = 100'000;
  const auto other = x.open("", much);
  x.see("a#0", "b", "b#0", std::string(10'000, 'x'));
  BOOST_TEST(x.read(other).items[0].payload.size() == 256u);
}

BOOST_AUTO_TEST_CASE(a_flood_is_kept_to_its_rate) {
  tapping x;
  tap_options slow;
  slow.rate = 10;
  const auto id = x.open("", slow);
  for (int i = 0; i < 50; ++i)
    x.see("a#0", "b", "b#0");
  x.now += 1s;
  for (int i = 0; i < 5; ++i)
    x.see("a#0", "b", "b#0");
  const auto page = x.read(id);
  BOOST_TEST(page.items.size() == 15u);
  BOOST_TEST(page.dropped == 40u);
  BOOST_TEST(page.seen == 55u);
}

BOOST_AUTO_TEST_CASE(reading_goes_on_from_the_cursor_and_learns_what_it_missed) {
  tapping x;
  tap_options fast;
  fast.rate = 100'000; // at most 1000
  const auto id = x.open("", fast);
  const auto flood = [&](int count) {
    for (int i = 0; i < count; ++i) {
      if (i % 1000 == 0)
        x.now += 1s;
      x.see("a#0", "b", "b#0");
    }
  };
  flood(700);
  auto page = x.read(id, 0, 300);
  BOOST_TEST(page.items.size() == 300u);
  BOOST_TEST(page.next == 300u);
  page = x.read(id, page.next);
  BOOST_TEST(page.items.size() == 400u);
  BOOST_TEST(page.items.front().number == 301u);
  BOOST_TEST(page.dropped == 0u);
  flood(2500);
  page = x.read(id, page.next);
  BOOST_TEST(page.items.size() == 1000u);
  BOOST_TEST(page.dropped == 1500u);
  BOOST_TEST(page.items.front().number == 2201u);
  BOOST_TEST(page.next == 3200u);
  BOOST_TEST(x.read(id, page.next).items.empty());
  BOOST_TEST(!x.read(99).known);
}

BOOST_AUTO_TEST_CASE(taps_that_nobody_reads_end) {
  tapping x;
  BOOST_TEST(!x.of.next_tick());
  const auto read = x.open("");
  x.open("");
  BOOST_CHECK(x.of.next_tick() == x.now + 60s);
  x.now += 59s;
  x.read(read);
  x.now += 1s;
  x.of.tick(x.now);
  BOOST_TEST(x.of.count() == 1u);
  BOOST_TEST(x.read(read).known);
  for (int i = 1; i < 16; ++i)
    x.open("");
  const auto refused = x.of.open({}, x.now);
  BOOST_TEST(refused.id == 0u);
  BOOST_TEST(refused.trouble.find("16 taps") != std::string::npos);
  x.now += 60s;
  x.open(""); // the others are over
  BOOST_TEST(x.of.count() == 1u);
  BOOST_TEST(!x.of.close(read));
}

BOOST_AUTO_TEST_CASE(what_is_no_text_is_shown_as_digits) {
  tapped x;
  x.payload = "\x01\xff";
  BOOST_TEST(to_json(x)["payload_hex"] == "01ff");
  x.payload = "grün";
  BOOST_TEST(to_json(x)["payload"] == "grün");
  BOOST_TEST(to_json(x).dump() != "");
}

// -- traces ----------------------------------------------------------------------------------

namespace {

wire::message_view traced(std::uint8_t first, std::uint8_t last) {
  auto result = message("a#0", "b");
  result.flags = wire::sampled;
  result.trace[0] = first;
  result.trace[15] = last;
  result.span[7] = 9;
  return result;
}

} // namespace

BOOST_AUTO_TEST_CASE(the_way_of_a_message_is_found_by_its_trace) {
  traces x;
  x.add(traced(0xab, 1), trace_step::taken, "a#0", 1);
  x.add(traced(0xab, 2), trace_step::taken, "a#0", 2);
  x.add(traced(0xab, 1), trace_step::delivered, "b#0", 3);
  x.add(traced(0xcd, 1), trace_step::rejected, "not_running", 4);
  auto plain = traced(0xef, 1);
  plain.flags = 0;
  x.add(plain, trace_step::taken, "a#0", 5);
  auto without = message("a#0", "b");
  without.flags = wire::sampled;
  x.add(without, trace_step::taken, "a#0", 6);
  BOOST_TEST(x.size() == 4u);
  const auto one = x.find("ab000000000000000000000000000001");
  BOOST_TEST(one.trouble == "");
  BOOST_REQUIRE(one.spans.size() == 2u);
  BOOST_TEST(one.spans[0].at == 1);
  BOOST_TEST(to_string(one.spans[1].what) == "delivered");
  BOOST_TEST(one.spans[1].where == "b#0");
  BOOST_TEST(x.find("C").trace == "cd000000000000000000000000000001");
  const auto several = x.find("ab");
  BOOST_TEST(several.spans.empty());
  BOOST_TEST(several.trouble == "2 traces begin so");
  BOOST_TEST(several.candidates.size() == 2u);
  BOOST_TEST(x.find("ef").trouble.find("no message of that trace") == 0u);
  for (const char* wrong : {"", "xyz", "ab000000000000000000000000000001a"})
    BOOST_TEST(x.find(wrong).trouble.find("32 hexadecimal") != std::string::npos);
  const std::vector<std::string> last{"cd000000000000000000000000000001",
                                      "ab000000000000000000000000000001"};
  BOOST_TEST(x.last(2) == last, boost::test_tools::per_element());
  const auto json = to_json(one.spans[0]);
  BOOST_TEST(json["span"] == "0000000000000009");
  BOOST_TEST(json["step"] == "taken");
}

BOOST_AUTO_TEST_CASE(the_oldest_steps_go) {
  traces x{100};
  for (int i = 0; i < 250; ++i)
    x.add(traced(1, static_cast<std::uint8_t>(i)), trace_step::taken, "a#0", i);
  BOOST_TEST(x.size() == 100u);
  BOOST_TEST(x.overwritten() == 150u);
  BOOST_TEST(x.find("01000000000000000000000000000095").trouble != ""); // 149
  BOOST_TEST(x.find("01000000000000000000000000000096").spans.size() == 1u);
  BOOST_TEST(x.find("01").trouble == "more than 10 traces begin so");
  BOOST_TEST(x.last(1)[0] == "010000000000000000000000000000f9");
}
