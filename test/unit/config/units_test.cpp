#include "config/units.hpp"
#include "test/unit/config/fixture.hpp"

#include <csignal>

using namespace troupe::config;
using namespace std::chrono_literals;
using troupe::config::test::contains;

BOOST_AUTO_TEST_SUITE(units)

BOOST_AUTO_TEST_CASE(durations_are_read) {
  const std::vector<std::pair<std::string, std::chrono::nanoseconds>> table{
      {"0", 0ns},           {"0s", 0ns}, {"250ms", 250ms}, {"1.5s", 1500ms}, {"1m30s", 90s},
      {"2h", 2h},           {"1d", 24h}, {"10us", 10us},   {"7ns", 7ns},     {"1h0.5s", 3600500ms},
      {"3650d", 24h * 3650}};
  for (const auto& [text, wanted] : table) {
    auto value = parse_duration(text);
    BOOST_REQUIRE_MESSAGE(value, text);
    BOOST_TEST(value->count() == wanted.count(), text);
  }
}

BOOST_AUTO_TEST_CASE(durations_that_are_none_have_a_hint) {
  for (std::string text :
       {"",      "10",   "-5s",   "10 s", "s",   "10S",  "10sec", "10minutes",
        "1s1m",  "1s1s", "1..5s", ".5s",  "5.s", "1e3s", "3651d", "99999999999999999999d",
        "0x10s", "10s ", "nan",   "infs", "+1s", "1s-",  "µs",    "10µs"}) {
    auto value = parse_duration(text);
    BOOST_TEST(!value, text);
    if (!value)
      BOOST_TEST(!value.error().empty(), text);
  }
  BOOST_TEST(contains(parse_duration("10sec").error(), "\"s\""));
  BOOST_TEST(contains(parse_duration("10").error(), "\"10s\""));
}

BOOST_AUTO_TEST_CASE(sizes_are_read) {
  const std::vector<std::pair<std::string, std::uint64_t>> table{{"0", 0},
                                                                 {"512B", 512},
                                                                 {"1KiB", 1024},
                                                                 {"64MiB", 64ull << 20},
                                                                 {"1.5GiB", 3ull << 29},
                                                                 {"10MB", 10'000'000},
                                                                 {"2TiB", 2ull << 40}};
  for (const auto& [text, wanted] : table) {
    auto value = parse_size(text);
    BOOST_REQUIRE_MESSAGE(value, text);
    BOOST_TEST(*value == wanted, text);
  }
  for (std::string text :
       {"", "64", "64M", "64mib", "-1B", "1 MiB", "MiB", "1e3B", "99999999TiB", "0x1B", "1MiBs"}) {
    auto value = parse_size(text);
    BOOST_TEST(!value, text);
    if (!value)
      BOOST_TEST(!value.error().empty(), text);
  }
  BOOST_TEST(contains(parse_size("64M").error(), "MiB"));
}

BOOST_AUTO_TEST_CASE(rates_are_read) {
  BOOST_TEST(*parse_rate("50/s") == 50.0);
  BOOST_TEST(*parse_rate("600/m") == 10.0);
  BOOST_TEST(*parse_rate("0.5/s") == 0.5);
  for (std::string text : {"", "50", "0/s", "/s", "50/d", "50 /s", "-1/s", "9999999/s"})
    BOOST_TEST(!parse_rate(text), text);
  BOOST_TEST(*parse_byte_rate("1MiB/s") == 1ull << 20);
  for (std::string text : {"1MiB", "0/s", "/s", "1MiB/m"})
    BOOST_TEST(!parse_byte_rate(text), text);
}

BOOST_AUTO_TEST_CASE(durations_survive_being_written) {
  for (auto value : {0ns, 1ns, 999ns, 1500ns, 250'000ns, 1'500'000ns, 1'000'000'000ns,
                     90'000'000'000ns, 3'600'000'000'000ns, 90'061'500'000'000ns})
    BOOST_TEST(parse_duration(format_duration(value))->count() == value.count(),
               format_duration(value));
  BOOST_TEST(format_duration(90s) == "1m30s");
  BOOST_TEST(format_duration(250ms) == "250ms");
  BOOST_TEST(format_duration(1500us) == "1.5ms");
  BOOST_TEST(format_duration(24h) == "1d");
  BOOST_TEST(format_duration(7300ms) == "7.3s");
}

BOOST_AUTO_TEST_CASE(signals_have_names) {
  BOOST_TEST(parse_signal("TERM") == SIGTERM);
  BOOST_TEST(parse_signal("SIGTERM") == SIGTERM);
  BOOST_TEST(parse_signal("USR2") == SIGUSR2);
  BOOST_TEST(parse_signal("RTMIN+3") == SIGRTMIN + 3);
  for (std::string name : {"", "SIG", "term", "TREM", "15", "RTMIN+", "RTMIN+99", "RTMIN-1"})
    BOOST_TEST(parse_signal(name) == 0, name);
}

BOOST_AUTO_TEST_SUITE_END()
