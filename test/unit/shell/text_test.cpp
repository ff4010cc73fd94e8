#include "runtime/shell/text.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe::shell;

BOOST_AUTO_TEST_SUITE(text_for_terminals)

BOOST_AUTO_TEST_CASE(durations_are_short) {
  const std::pair<double, const char*> cases[] = {{0, "0ms"},       {0.35, "350ms"},
                                                  {0.9999, "1s"},   {1, "1s"},
                                                  {59.9, "59s"},    {60, "1m00s"},
                                                  {192, "3m12s"},   {3600, "1h00m"},
                                                  {18120, "5h02m"}, {86400 * 3 + 4 * 3600, "3d04h"},
                                                  {-1, "?"},        {0.0 / 0.0, "?"}};
  for (const auto& [seconds, text] : cases)
    BOOST_TEST(human_duration(seconds) == text, seconds);
  BOOST_TEST(human_delay(7.26) == "7.3 s");
  BOOST_TEST(human_delay(300) == "5m00s");
}

BOOST_AUTO_TEST_CASE(sizes_have_their_unit) {
  BOOST_TEST(human_size(0) == "0 B");
  BOOST_TEST(human_size(1023) == "1023 B");
  BOOST_TEST(human_size(1536) == "1.5 KiB");
  BOOST_TEST(human_size(12ull << 20) == "12 MiB");
  BOOST_TEST(human_size(1ull << 40) == "1.0 TiB");
  BOOST_TEST(human_size(~0ull) == "16 EiB");
}

BOOST_AUTO_TEST_CASE(cutting_keeps_characters_whole) {
  BOOST_TEST(cut("abc", 3) == "abc");
  BOOST_TEST(cut("abcd", 3) == "ab…");
  BOOST_TEST(cut("äöüß", 3) == "äö…");
  BOOST_TEST(cut("abc", 1) == "…");
  BOOST_TEST(cut("abc", 0) == "");
  BOOST_TEST(width_of("äöü…") == 4);
}

BOOST_AUTO_TEST_CASE(escaping_shows_what_is_hidden) {
  BOOST_TEST(escape("a\x1b[31mb") == "a\\x1b[31mb");
  BOOST_TEST(escape("a\nb\tc") == "a\\nb c");
  BOOST_TEST(escape("\xc2\x9b"
                    "1m")
             == "\\u009b1m");
  BOOST_TEST(escape("\u202eabc") == "\\u202eabc");
  BOOST_TEST(escape("\xff\xfe") == "\\xff\\xfe");
  BOOST_TEST(escape("\xe2\x82") == "\\xe2\\x82");
  BOOST_TEST(escape("grün €") == "grün €");
}

BOOST_AUTO_TEST_CASE(tables_leave_out_what_is_empty_and_fit) {
  table t{{"NAME", "EMPTY", "WHY"}};
  t.add({{"a"}, {""}, {"because of many things"}});
  t.add({{"longer"}, {""}, {}});
  BOOST_TEST(t.text({}) == "NAME    WHY\na       because of many things\nlonger\n");
  BOOST_TEST(t.text({true, false, 20}) == "NAME    WHY\na       because of …\nlonger\n");
  const auto coloured = t.text({true, true, 0});
  BOOST_TEST(coloured.find("\x1b[2mNAME\x1b[0m") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
