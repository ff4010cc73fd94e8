// What a bot may say first, as bytes and as a claim.

#include "messages/wire/frame.hpp"
#include "runtime/link/hello.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <random>

using namespace troupe;
using namespace troupe::link;
using nlohmann::json;

namespace {

const std::string key_text = "000102030405060708090a0b0c0d0e0f";

json good() {
  return {{"version", 1},
          {"oldest", 1},
          {"instance", "market/trader#2"},
          {"incarnation", 118},
          {"token", key_text},
          {"client", "troupe-python 0.1.0"},
          {"features", {"zstd", "of the future"}},
          {"handles", {"drain", "flatten", "config"}},
          {"window", {{"messages", 300}, {"bytes", 262144}}},
          {"next", {1, 2, 3, 4}},
          {"known", 17},
          {"more", {{"anything", nullptr}}}};
}

json with(const char* name, json value) {
  auto result = good();
  result[name] = std::move(value);
  return result;
}

json without(const char* name) {
  auto result = good();
  result.erase(name);
  return result;
}

refusal refused(const std::string& body) {
  const auto got = read_hello(body);
  BOOST_REQUIRE(std::holds_alternative<refusal>(got));
  return std::get<refusal>(got);
}

claim accepted(const json& body) {
  const auto got = read_hello(body.dump());
  if (const auto* wrong = std::get_if<refusal>(&got))
    BOOST_FAIL(wrong->text);
  return std::get<claim>(got);
}

} // namespace

BOOST_AUTO_TEST_SUITE(hello)

BOOST_AUTO_TEST_CASE(a_whole_one_is_read) {
  const auto got = accepted(good());
  const auto& x = got.hello;
  BOOST_TEST((got.key == *os::link_key_from(key_text)));
  BOOST_TEST(x.version == 1u);
  BOOST_TEST(x.instance == "market/trader#2");
  BOOST_TEST(x.incarnation == 118u);
  BOOST_TEST(x.client == "troupe-python 0.1.0");
  BOOST_TEST((x.zstd && x.drains && x.flattens && x.takes_config));
  BOOST_TEST(x.window_messages == 300u);
  BOOST_TEST(x.window_bytes == 262144u);
  BOOST_TEST((x.next == std::array<std::uint64_t, 4>{1, 2, 3, 4}));
  BOOST_TEST(x.known == 17u);
}

BOOST_AUTO_TEST_CASE(four_members_are_enough) {
  const auto x =
      accepted({{"version", 1}, {"instance", "a#0"}, {"incarnation", 1}, {"token", key_text}})
          .hello;
  BOOST_TEST(!(x.zstd || x.drains || x.flattens || x.takes_config));
  BOOST_TEST(x.window_messages == 256u);
  BOOST_TEST(x.window_bytes == 262144u);
  BOOST_TEST((x.next == std::array<std::uint64_t, 4>{1, 1, 1, 1}));
  BOOST_TEST(x.known == 0u);
}

BOOST_AUTO_TEST_CASE(types_and_ranges_are_checked_and_named) {
  const auto max = std::numeric_limits<std::uint64_t>::max();
  const std::pair<const char*, json> wrong[] = {
      {"version", "1"},
      {"version", 1.0},
      {"version", -1},
      {"version", max},
      {"oldest", 2},
      {"instance", 7},
      {"instance", ""},
      {"instance", "market/trader"},
      {"instance", "../trader#2"},
      {"instance", std::string(300, 'a') + "#0"},
      {"incarnation", 0},
      {"incarnation", -3},
      {"incarnation", 1.5},
      {"incarnation", "118"},
      {"token", nullptr},
      {"token", "short"},
      {"client", json::array()},
      {"features", "zstd"},
      {"features", {1}},
      {"handles", {{"drain", true}}},
      {"window", 256},
      {"window", {{"messages", 0}}},
      {"window", {{"messages", 65537}}},
      {"window", {{"bytes", 4095}}},
      {"window", {{"bytes", (16 << 20) + 1}}},
      {"next", {1, 1, 1}},
      {"next", {1, 1, 1, 1, 1}},
      {"next", {0, 1, 1, 1}},
      {"next", {1, 1, 1, "1"}},
      {"known", 4097},
      {"known", -1},
  };
  for (const auto& [name, value] : wrong) {
    const auto why = refused(with(name, value).dump());
    BOOST_TEST(why.reason == "bad_hello", name << ": " << value);
    BOOST_TEST(!why.text.empty());
    BOOST_TEST(why.text.find(key_text) == std::string::npos);
  }
  for (const char* name : {"version", "instance", "incarnation", "token"})
    BOOST_TEST(refused(without(name).dump()).text == std::string{name} + " is missing");
}

BOOST_AUTO_TEST_CASE(a_version_of_the_future_is_refused_before_all_else) {
  const auto why = refused(json{{"version", 255}, {"oldest", 255}}.dump());
  BOOST_TEST(why.reason == "bad_version");
  BOOST_TEST(why.text == "the client speaks version 255 of the link protocol, this runtime 1");
  BOOST_TEST(refused(json{{"version", 0}}.dump()).reason == "bad_version");
  BOOST_TEST(refused(json{{"version", 9}, {"oldest", 2}}.dump()).text
             == "the client speaks version 2 to 9 of the link protocol, this runtime 1");
  // It may speak ours beside its own.
  BOOST_TEST(accepted(with("version", 255)).hello.version == 1u);
  const auto bye = bye_frame(why);
  const auto frame = wire::parse_frame(bye);
  BOOST_REQUIRE((frame.what == wire::parsed_frame::kind::whole));
  BOOST_TEST((frame.type == wire::frame_type::bye));
  const auto body = json::parse(frame.body);
  BOOST_TEST(body["versions"] == json({1, 1}));
  BOOST_TEST(body["reason"] == "bad_version");
}

BOOST_AUTO_TEST_CASE(what_is_no_object_of_text_is_refused) {
  const std::string wrong[] = {"",
                               "null",
                               "[]",
                               "{",
                               "{\"version\":1}x",
                               "\xff\xfe",
                               std::string(100, '\0'),
                               "{\"version\":1,\"client\":\"\xc3\x28\"}"};
  for (const auto& body : wrong)
    BOOST_TEST(refused(body).reason == "bad_hello");
}

BOOST_AUTO_TEST_CASE(depth_is_bounded) {
  const auto nested = [](std::size_t depth) {
    auto text = good().dump();
    text.pop_back();
    return text + ",\"deep\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  BOOST_TEST(std::holds_alternative<claim>(read_hello(nested(15))));
  BOOST_TEST(refused(nested(16)).text == "the HELLO is deeper than 16");
  BOOST_TEST(refused(nested(8000)).text == "the HELLO is deeper than 16");
}

BOOST_AUTO_TEST_CASE(what_it_calls_itself_is_made_harmless) {
  BOOST_TEST(accepted(with("client", "a\x1b[31m\n\u00e9")).hello.client == "a?[31m???");
  BOOST_TEST(accepted(with("client", std::string(10'000, 'x'))).hello.client.size() == 64u);
}

BOOST_AUTO_TEST_CASE(whoever_has_proved_it_is_let_in) {
  os::link_keys keys;
  keys.add("market/trader#2", 118, *os::link_key_from(key_text), 1000);
  const auto x = accepted(good());
  const auto good_one = admit(x, keys, 1000, 42);
  BOOST_REQUIRE(std::holds_alternative<messaging::link_hello>(good_one));
  BOOST_TEST(std::get<messaging::link_hello>(good_one).uid == 1000u);
  BOOST_TEST(std::get<messaging::link_hello>(good_one).pid == 42);
  const auto reason = [&](uid_t uid) { return std::get<refusal>(admit(x, keys, uid, 42)).reason; };
  BOOST_TEST(reason(0) == "bad_token");
  keys.end("market/trader#2", 118);
  BOOST_TEST(reason(1000) == "old_incarnation");
  BOOST_TEST(reason(1001) == "bad_token");
}

BOOST_AUTO_TEST_CASE(noise_is_never_let_in) {
  std::minstd_rand random{11};
  const auto text = good().dump();
  for (int round = 0; round < 20'000; ++round) {
    auto noisy = text;
    for (auto changes = 1 + random() % 4; changes > 0; --changes)
      noisy[random() % noisy.size()] = static_cast<char>(random());
    const auto got =
        read_hello(noisy.substr(0, random() % 8 == 0 ? random() % noisy.size() : noisy.size()));
    if (const auto* wrong = std::get_if<refusal>(&got))
      BOOST_TEST(!wrong->reason.empty());
    else
      BOOST_TEST(std::get<claim>(got).hello.instance.size() <= 255u);
  }
}

BOOST_AUTO_TEST_SUITE_END()
