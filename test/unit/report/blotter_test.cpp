#include "runtime/report/blotter.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe::report;
using json = nlohmann::ordered_json;

namespace {

std::string masked(const char* text) {
  auto document = json::parse(text);
  mask(document);
  return document.dump();
}

} // namespace

BOOST_AUTO_TEST_SUITE(blotting_out)

BOOST_AUTO_TEST_CASE(known_secrets_vanish_wherever_they_stand) {
  blotter x;
  x.learn_secret("hunter2\n");
  x.learn_secret("hunter2-long");
  BOOST_TEST(x.blot("hunter2, xhunter2x, hunter2-long, hunter") == "***, x***x, ***, hunter");
  BOOST_TEST(x.blot("") == "");
  BOOST_TEST(x.blot("hun") == "hun");
  BOOST_TEST(blotter{}.blot("hunter2") == "hunter2");
}

BOOST_AUTO_TEST_CASE(as_json_writes_them_too) {
  blotter x;
  x.learn_secret("a\"b\\c\td");
  BOOST_TEST(x.blot(json("<a\"b\\c\td>").dump()) == "\"<***>\"");
}

BOOST_AUTO_TEST_CASE(a_key_is_found_by_its_lines) {
  blotter x;
  x.learn_secret("-----BEGIN-----\nMIIEpAIBAAKCAQEA\nab\n-----END-----\n");
  BOOST_TEST(x.blot("got MIIEpAIBAAKCAQEA and ab") == "got *** and ab");
}

BOOST_AUTO_TEST_CASE(ordinary_words_stay) {
  blotter x;
  x.learn_secret("on");
  x.learn_value("prod");
  BOOST_TEST(x.known() == 0u);
  BOOST_TEST(x.blot("on prod") == "on prod");
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_text_do_no_harm) {
  blotter x;
  x.learn_secret("\xff\xfe\xfd\xfc");
  BOOST_TEST(x.blot("a\xff\xfe\xfd\xfc"
                    "b\xff")
             == "a***b\xff");
}

BOOST_AUTO_TEST_CASE(passwords_vanish_from_urls) {
  const blotter x;
  BOOST_TEST(x.blot("see pg://me:p:w@x@host/db?a=b, http://h:80/@a:b and x://:p@h")
             == "see pg://me:***@host/db?a=b, http://h:80/@a:b and x://:***@h");
  BOOST_TEST(x.blot("://") == "://");
  BOOST_TEST(x.blot("a://@") == "a://@");
  BOOST_TEST(x.blot("a://u:@") == "a://u:***@");
}

BOOST_AUTO_TEST_CASE(environments_are_masked_whatever_the_name) {
  BOOST_TEST(
      masked(R"({"environment":{"PLAIN":"x","N":3,"REF":"${secret:x}","MIX":"a${secret:x}"}})")
      == R"({"environment":{"PLAIN":"***","N":"***","REF":"${secret:x}","MIX":"***"}})");
  BOOST_TEST(masked(R"({"instances":{"2":{"environment":{"A":"x"}}}})")
             == R"({"instances":{"2":{"environment":{"A":"***"}}}})");
}

BOOST_AUTO_TEST_CASE(arguments_and_members_are_masked_by_name) {
  BOOST_TEST(masked(R"({"command":["x","--password=p","--token","t","-v"]})")
             == R"({"command":["x","--password=***","--token","***","-v"]})");
  BOOST_TEST(masked(R"({"stop_command":["x","--api-key","-v"],"password":"p"})")
             == R"({"stop_command":["x","--api-key","-v"],"password":"***"})");
  BOOST_TEST(masked(R"({"why":"exited","pid":7,"next":null})")
             == R"({"why":"exited","pid":7,"next":null})");
}

BOOST_AUTO_TEST_SUITE_END()
