#include "runtime/logs/patterns.hpp"
#include "runtime/logs/shaper.hpp"
#include "runtime/logs/tail.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <random>

using namespace troupe;
using namespace troupe::logs;
using config::log_spec;

namespace {

struct page final : sink {
  void put(std::string_view bytes, std::size_t raw, bool line_start) override {
    BOOST_TEST(line_start == (text.empty() || text.back() == '\n'));
    text += bytes;
    total += raw;
  }
  std::string text;
  std::size_t total = 0;
};

std::string shaped(const log_spec& spec, const std::string& text, std::size_t chunk) {
  page out;
  shaper x{"g/a#3:on_crash", 7, spec};
  for (std::size_t i = 0; i < text.size(); i += chunk)
    BOOST_TEST(x.feed(std::string_view{text}.substr(i, chunk), 0, out) == 0u);
  x.end(out);
  BOOST_TEST(out.total >= text.size());
  return out.text;
}

std::string lines(int from, int to) {
  std::string result;
  for (int i = from; i <= to; ++i)
    result += "line " + std::to_string(i) + '\n';
  return result;
}

const log_spec timed{1, 1, true, log_spec::line_format::plain, {}};
const log_spec json{1, 1, false, log_spec::line_format::json, {}};

log_spec rated(std::uint64_t rate) {
  return {1, 1, false, log_spec::line_format::plain, rate};
}

constexpr std::int64_t second = 1'000'000;

} // namespace

BOOST_AUTO_TEST_SUITE(shaper_suite)

BOOST_AUTO_TEST_CASE(plain_text_stays_as_it_is) {
  const std::string raw{"\x1b]0;x\a\0\xff\n\n\r\nopen end", 18};
  for (const std::size_t chunk : {1, 2, 5, 100})
    BOOST_TEST(shaped({}, raw, chunk) == raw);
}

BOOST_AUTO_TEST_CASE(a_long_line_is_split_and_not_cut) {
  const auto x = [](std::size_t count) { return std::string(count, 'x'); };
  for (const std::size_t chunk : {1000, 65'536, 65'537, 1'000'000}) {
    BOOST_TEST((shaped({}, x(max_line) + "\n", chunk) == x(max_line) + "\n"), chunk);
    BOOST_TEST((shaped({}, x(max_line + 1) + "\n", chunk) == x(max_line) + "\nx\n"), chunk);
    BOOST_TEST((shaped({}, "a\n" + x(200'000), chunk)
                == "a\n" + x(max_line) + "\n" + x(max_line) + "\n" + x(max_line) + "\n"
                       + x(200'000 - 3 * max_line)),
               chunk);
  }
}

BOOST_AUTO_TEST_CASE(each_line_gets_its_time) {
  const std::string stamp = "1970-01-01T00:00:00.000000Z ";
  for (const std::size_t chunk : {1, 3, 100})
    BOOST_TEST(shaped(timed, "a\n\nbc\nopen", chunk)
               == stamp + "a\n" + stamp + "\n" + stamp + "bc\n" + stamp + "open");
  const auto split = shaped(timed, std::string(max_line + 1, 'x'), 10'000);
  BOOST_TEST((split == stamp + std::string(max_line, 'x') + "\n" + stamp + "x"));
  BOOST_TEST(format_time(1'772'366'400'000'123) == "2026-03-01T12:00:00.000123Z");
  BOOST_TEST(format_time(-1) == "1969-12-31T23:59:59.999999Z");
}

BOOST_AUTO_TEST_CASE(each_line_becomes_an_object) {
  const std::string text = "say \"hi\"\\\t\n\nbad \xff utf-8\nopen";
  for (const std::size_t chunk : {1, 3, 100}) {
    const auto result = shaped(json, text, chunk);
    std::istringstream in{result};
    std::vector<nlohmann::json> all;
    for (std::string line; std::getline(in, line);)
      all.push_back(nlohmann::json::parse(line));
    BOOST_REQUIRE(all.size() == 4u);
    const nlohmann::json first{{"time", "1970-01-01T00:00:00.000000Z"},
                               {"bot", "g/a"},
                               {"instance", "g/a#3"},
                               {"incarnation", 7},
                               {"text", "say \"hi\"\\\t"}};
    BOOST_TEST(all[0] == first);
    BOOST_TEST(all[1]["text"] == "");
    BOOST_TEST(all[2]["text"] == "bad \xef\xbf\xbd utf-8");
    BOOST_TEST(all[3]["text"] == "open");
  }
}

BOOST_AUTO_TEST_CASE(what_is_over_the_rate_is_dropped_by_lines) {
  page out;
  shaper x{"a#0", 1, rated(20)};
  // A second's worth at once; then nothing until it has filled up again.
  BOOST_TEST(x.feed("12345678\n12345678\n12345678\n", 0, out) == 9u);
  BOOST_TEST(out.text == "12345678\n12345678\n");
  BOOST_TEST(x.feed("12345678\n123", second / 10, out) == 12u);
  // The rest of a line that was begun to be dropped goes too.
  BOOST_TEST(x.feed("45678\nnew\n", second, out) == 6u);
  BOOST_TEST(out.text == "12345678\n12345678\nnew\n");
  // A clock that jumps gives no more than a second's worth.
  BOOST_TEST(x.feed("12345678\n12345678\n12345678\n", 1000 * second, out) == 9u);
}

BOOST_AUTO_TEST_CASE(a_line_over_the_rate_is_cut) {
  page out;
  shaper x{"a#0", 1, rated(5)};
  BOOST_TEST(x.feed("123456789\n", 0, out) == 5u);
  BOOST_TEST(out.text == "12345\n");
  BOOST_TEST(x.feed("ab", second, out) == 0u);
  BOOST_TEST(x.feed("cdefg", second, out) == 2u);
  BOOST_TEST(x.feed("h\n", second, out) == 2u);
  BOOST_TEST(x.feed("i\n", 2 * second, out) == 0u);
  BOOST_TEST(out.text == "12345\nabcde\ni\n");
}

BOOST_AUTO_TEST_CASE(a_rate_lets_exactly_so_much_through) {
  page out;
  shaper x{"a#0", 1, rated(10'000)};
  const auto text = lines(1000, 1999); // 10 bytes each
  std::size_t dropped = 0;
  for (int i = 0; i < 100; ++i)
    dropped += x.feed(text, i * second / 10, out);
  // One second's worth at the beginning, and then 9.9 seconds.
  BOOST_TEST(out.text.size() + dropped == 100 * text.size());
  BOOST_TEST(out.text.size() <= 109'000u);
  BOOST_TEST(out.text.size() >= 107'000u);
}

BOOST_AUTO_TEST_CASE(a_change_of_form_ends_the_line) {
  page out;
  shaper x{"a#0", 1, {}};
  x.feed("plain", 0, out);
  x.settings(json, out);
  x.feed("object", 0, out);
  x.settings({}, out);
  x.feed("plain\n", 0, out);
  BOOST_TEST(out.text.starts_with("plain\n{"));
  BOOST_TEST(out.text.ends_with("\"object\"}\nplain\n"));
}

BOOST_AUTO_TEST_CASE(the_last_lines_of_a_text) {
  BOOST_TEST(last_lines("") == "");
  BOOST_TEST(last_lines("\n") == "\n");
  BOOST_TEST(last_lines("a") == "a");
  BOOST_TEST(last_lines(lines(1, 20)) == lines(1, 20));
  BOOST_TEST(last_lines(lines(1, 21)) == lines(2, 21));
  BOOST_TEST(last_lines(lines(1, 30) + "open end") == lines(12, 30) + "open end");
  BOOST_TEST(last_lines(std::string(10'000, 'x')).size() == tail_bytes);
  tail_buffer tail;
  for (int i = 0; i < 2000; ++i)
    tail.append(lines(i, i));
  BOOST_TEST(last_lines(tail.text()) == lines(1980, 1999));
  tail.append(std::string(1'000'000, 'x'));
  BOOST_TEST(tail.text() == std::string(tail_bytes, 'x'));
}

BOOST_AUTO_TEST_CASE(patterns_are_found_once_in_whole_lines) {
  std::vector<std::string> told;
  const auto found = [&](const std::string& pattern, const std::string& line) {
    told.push_back(pattern + '=' + line);
  };
  pattern_watch x;
  x.feed("listening before anybody asks\n");
  x.set({"^listening on \\d+$", "no[", "pool"}, found);
  x.feed("listening on 8");
  BOOST_TEST(told.empty());
  x.feed("0\npool\nlistening on 80\npool\n");
  BOOST_TEST(told == (std::vector<std::string>{"^listening on \\d+$=listening on 80", "pool=pool"}),
             boost::test_tools::per_element());
  // Asked for again they are told again; what is new is looked for.
  told.clear();
  x.set({"pool", "more"}, found);
  BOOST_TEST(told == std::vector<std::string>{"pool=pool"}, boost::test_tools::per_element());
  x.set({"^listening on \\d+$", "more"}, found);
  x.feed("no end: more");
  x.end();
  BOOST_TEST(told.size() == 3u);
  BOOST_TEST(told.back() == "more=no end: more");
}

BOOST_AUTO_TEST_CASE(any_chunks_give_the_same_lines) {
  std::mt19937 dice{42};
  const auto up_to = [&](std::size_t most) {
    return std::uniform_int_distribution<std::size_t>{0, most}(dice);
  };
  for (int round = 0; round < 30; ++round) {
    std::string text;
    for (int i = 0; i < 50; ++i)
      text += std::string(up_to(up_to(3) == 0 ? 3 * max_line : 100), 'x') + "\n";
    for (const auto& spec : {log_spec{}, timed, json}) {
      const auto whole = shaped(spec, text, text.size());
      BOOST_TEST((shaped(spec, text, 1 + up_to(70'000)) == whole));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
