#include "actors/messaging/address.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace troupe::messaging;
using kind = address::kind;

namespace {

/// «kind name|bot|actor», for comparisons.
std::string parsed(std::string_view text) {
  static const char* const names[] = {"none", "instance", "bot", "group", "topic", "service"};
  const auto x = parse_address(text);
  std::string result = names[static_cast<int>(x.what)];
  if (x.what != kind::none)
    ((((result += ' ') += x.name) += '|') += x.bot) += '|';
  return result += x.actor;
}

} // namespace

BOOST_AUTO_TEST_CASE(every_form_of_an_address_is_taken_apart) {
  BOOST_TEST(parsed("market/trader#2") == "instance market/trader#2|market/trader|");
  BOOST_TEST(parsed("flaky#0") == "instance flaky#0|flaky|");
  BOOST_TEST(parsed("market/trader#2/pricer") == "instance market/trader#2|market/trader|pricer");
  BOOST_TEST(parsed("a#0/pool/Worker_1") == "instance a#0|a|pool/Worker_1");
  BOOST_TEST(parsed("market/trader") == "bot market/trader|market/trader|");
  BOOST_TEST(parsed("flaky") == "bot flaky|flaky|");
  BOOST_TEST(parsed("market/*") == "group market||");
  BOOST_TEST(parsed("eu/market/*") == "group eu/market||");
  BOOST_TEST(parsed("*") == "group ||");
  BOOST_TEST(parsed("topic:ticks.btc") == "topic ticks.btc||");
  BOOST_TEST(parsed("runtime/state") == "service state||");
}

BOOST_AUTO_TEST_CASE(what_is_no_address_is_said_why) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "has no address"},
      {"Market/trader", "is no address; one is"},
      {"market//trader", "is no address; one is"},
      {"/market", "is no address; one is"},
      {"market/", "everyone in it is \"market/*\""},
      {"market/tr*", "is no address"},
      {"/*", "is no address"},
      {"market/trader#", "comes the number of an instance"},
      {"market/trader#x", "as in \"market/trader#0\""},
      {"market/trader#01", "number of an instance"},
      {"market/trader#123456", "number of an instance"},
      {"market/trader#0/", "number of an instance"},
      {"market/trader#0/a b", "number of an instance"},
      {"#0", "is no address"},
      {"topic:", "is no topic; one is 1 to 16 words"},
      {"topic:a..b", "is no topic"},
      {"topic:ticks.*", "'*' and '>' are for subscriptions only"},
      {"runtime/", "is no service"},
      {"runtime/A", "is no service"},
      {"market/\x01\n", "is no address"},
  };
  for (const auto& [text, part] : cases)
    BOOST_TEST_CONTEXT(text) {
      BOOST_TEST(parsed(text) == "none");
      BOOST_TEST_INFO(explain_address(text));
      BOOST_TEST(explain_address(text).find(part) != std::string::npos);
    }
  // What a bot sent must not reach a terminal as it is.
  BOOST_TEST(explain_address("a\x1b[31m").find('\x1b') == std::string::npos);
  BOOST_TEST(explain_address(std::string(250, 'A')).size() < 400u);
}

BOOST_AUTO_TEST_CASE(topics_and_patterns_keep_to_their_rules) {
  for (const char* good : {"a", "ticks.btc", "A-b_C.0", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p"}) {
    BOOST_TEST(valid_topic(good));
    BOOST_TEST(valid_pattern(good));
    BOOST_TEST(explain_topic(good) == "");
  }
  for (const char* bad : {"", ".", "a.", ".a", "a..b", "a b", "a/b", "\xc3\xa9",
                          "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"}) {
    BOOST_TEST(!valid_topic(bad), bad);
    BOOST_TEST(!valid_pattern(bad), bad);
    BOOST_TEST(explain_topic(bad) != "");
    BOOST_TEST(explain_pattern(bad) != "");
  }
  BOOST_TEST(valid_topic(std::string(200, 'a')));
  BOOST_TEST(!valid_topic(std::string(201, 'a')));
  for (const char* pattern : {"*", ">", "*.b", "a.*.c", "a.>", "*.>"}) {
    BOOST_TEST(valid_pattern(pattern), pattern);
    BOOST_TEST(!valid_topic(pattern), pattern);
  }
  for (const char* pattern : {">.a", "a.>.b", "a*", "*a", "a.b>", "**"})
    BOOST_TEST(!valid_pattern(pattern), pattern);
  BOOST_TEST(explain_pattern("a.>.b").find("can only be its last word") != std::string::npos);
  BOOST_TEST(explain_pattern("topic:a").find("leave out \"topic:\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(patterns_match_word_by_word) {
  const auto yes = [](const char* p, const char* t) { BOOST_TEST(matches(p, t), p << " " << t); };
  const auto no = [](const char* p, const char* t) { BOOST_TEST(!matches(p, t), p << " " << t); };
  yes("ticks.btc", "ticks.btc");
  no("ticks.btc", "ticks.eth");
  no("ticks.btc", "ticks");
  no("ticks", "ticks.btc");
  yes("ticks.*", "ticks.btc");
  no("ticks.*", "ticks");
  no("ticks.*", "ticks.btc.usd");
  yes("*.btc", "ticks.btc");
  yes("ticks.>", "ticks.btc");
  yes("ticks.>", "ticks.btc.usd");
  no("ticks.>", "ticks");
  yes(">", "a");
  yes("*.>", "a.b");
  no("*.>", "a");
}

BOOST_AUTO_TEST_CASE(a_pattern_covers_those_that_match_less) {
  const auto yes = [](const char* a, const char* b) { BOOST_TEST(covers(a, b), a << " " << b); };
  const auto no = [](const char* a, const char* b) { BOOST_TEST(!covers(a, b), a << " " << b); };
  yes("a.>", "a.*");
  yes("a.>", "a.>");
  yes("a.>", "a.b.>");
  yes(">", "*.>");
  yes("a.*", "a.*");
  yes("*.*", "a.*");
  no("a.*", "a.>");
  no("a.b", "a.*");
  no("*.>", ">");
  no("a.>", "*.b");
  no("a.>", ">");
}

BOOST_AUTO_TEST_CASE(groups_hold_what_is_in_and_below_them) {
  BOOST_TEST(enclosing("eu/market/trader#0") == "eu/market");
  BOOST_TEST(enclosing("flaky") == "");
  BOOST_TEST(within("eu/market/trader", "eu"));
  BOOST_TEST(within("eu/market", "eu"));
  BOOST_TEST(within("flaky", ""));
  BOOST_TEST(!within("eu", "eu"));
  BOOST_TEST(!within("europe/x", "eu"));
}
