// The vectors that every client reads and writes the same way (test/vectors/README.md).

#include "messages/wire/compression.hpp"
#include "messages/wire/frame.hpp"
#include "messages/wire/message.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <fstream>
#include <string>

using namespace troupe::wire;
using nlohmann::json;

namespace {

json load(const std::string& name) {
  std::ifstream in{std::string{TROUPE_VECTORS} + "/" + name};
  BOOST_TEST_REQUIRE(in.good(), "test/vectors/" << name << " is not there");
  return json::parse(in);
}

std::string unhex(const std::string& digits) {
  std::string result;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    result += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return result;
}

std::string bytes(const json& from) {
  if (from.is_string())
    return unhex(from.get<std::string>());
  std::string result;
  for (const auto& pair : from) {
    const auto part = unhex(pair[0].get<std::string>());
    for (auto times = pair[1].get<std::size_t>(); times > 0; --times)
      result += part;
  }
  return result;
}

parsed_frame whole(const std::string& frame) {
  const auto result = parse_frame(frame);
  BOOST_TEST_REQUIRE((result.what == parsed_frame::kind::whole), result.problem);
  BOOST_TEST(result.consumed == frame.size());
  return result;
}

template <class T>
void same_bytes(const T& list, const std::string& frame) {
  std::string again;
  append_frame(again, list);
  BOOST_TEST((again == frame));
}

const char* decode_any(const parsed_frame& frame) {
  switch (frame.type) {
  case frame_type::message: {
    message_view read;
    return decode(frame.body, read);
  }
  case frame_type::receipt: {
    receipts read;
    return decode(frame.body, read);
  }
  case frame_type::credit: {
    credits read;
    return decode(frame.body, read);
  }
  case frame_type::outcome: {
    std::vector<outcome> read;
    return decode(frame.body, read);
  }
  case frame_type::done: {
    std::vector<done> read;
    return decode(frame.body, read);
  }
  case frame_type::known: {
    std::vector<known_message> read;
    return decode(frame.body, read);
  }
  default:
    return nullptr;
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(vectors)

BOOST_AUTO_TEST_CASE(control_frames) {
  for (const auto& each : load("control.json")) {
    BOOST_TEST_CONTEXT(each["name"]) {
      const auto frame = bytes(each["frame"]);
      const auto read = whole(frame);
      BOOST_TEST(to_string(read.type) == each["type"].get<std::string>());
      if (each.contains("json"))
        BOOST_TEST(json::parse(read.body) == each["json"]);
      else
        BOOST_TEST((read.body == bytes(each["body"])));
      std::string again;
      append_frame(again, read.type, read.body);
      BOOST_TEST((again == frame));
    }
  }
}

BOOST_AUTO_TEST_CASE(messages) {
  for (const auto& each : load("messages.json")) {
    BOOST_TEST_CONTEXT(each["name"]) {
      const auto frame = bytes(each["frame"]);
      const auto& fields = each["message"];
      message_view read;
      const char* problem = decode(whole(frame).body, read);
      BOOST_TEST_REQUIRE(!problem, problem);
      const auto number = [&fields](const char* name) { return fields[name].get<std::uint64_t>(); };
      BOOST_TEST(static_cast<std::uint64_t>(read.in) == number("lane"));
      BOOST_TEST(static_cast<std::uint64_t>(read.how) == number("delivery"));
      BOOST_TEST(read.flags == number("flags"));
      BOOST_TEST(static_cast<std::uint64_t>(read.kind) == number("content"));
      BOOST_TEST(read.ttl == number("ttl"));
      BOOST_TEST(read.sequence == number("sequence"));
      BOOST_TEST(read.incarnation == number("incarnation"));
      BOOST_TEST(read.request == number("request"));
      BOOST_TEST(read.tag == number("tag"));
      BOOST_TEST(read.length == number("length"));
      BOOST_TEST((std::string{read.trace.begin(), read.trace.end()} == bytes(fields["trace"])));
      BOOST_TEST((std::string{read.span.begin(), read.span.end()} == bytes(fields["span"])));
      BOOST_TEST(read.to == fields["to"].get<std::string>());
      BOOST_TEST(read.from == fields["from"].get<std::string>());
      BOOST_TEST(read.key == fields["key"].get<std::string>());
      BOOST_TEST((read.payload == bytes(fields["payload"])));
      if (each.contains("uncompressed")) {
        const auto plain = decompress(read.payload, read.length);
        BOOST_TEST_REQUIRE(plain.has_value());
        BOOST_TEST((*plain == bytes(each["uncompressed"])));
      }
      same_bytes(read, frame);
    }
  }
}

BOOST_AUTO_TEST_CASE(lists) {
  for (const auto& each : load("lists.json")) {
    BOOST_TEST_CONTEXT(each["name"]) {
      const auto frame = bytes(each["frame"]);
      const auto body = whole(frame).body;
      if (each.contains("receipt")) {
        receipts read;
        BOOST_TEST_REQUIRE(!decode(body, read));
        BOOST_TEST(json(read) == each["receipt"]);
        same_bytes(read, frame);
      } else if (each.contains("credit")) {
        credits read;
        BOOST_TEST_REQUIRE(!decode(body, read));
        for (std::size_t i = 0; i < lanes; ++i)
          BOOST_TEST((json{read[i].messages, read[i].bytes} == each["credit"][i]));
        same_bytes(read, frame);
      } else if (each.contains("outcome")) {
        std::vector<outcome> read;
        BOOST_TEST_REQUIRE(!decode(body, read));
        BOOST_TEST_REQUIRE(read.size() == each["outcome"].size());
        for (std::size_t i = 0; i < read.size(); ++i) {
          const auto& wanted = each["outcome"][i];
          BOOST_TEST(static_cast<int>(read[i].in) == wanted["lane"]);
          BOOST_TEST(static_cast<int>(read[i].code) == wanted["code"]);
          BOOST_TEST(read[i].sequence == wanted["sequence"]);
          BOOST_TEST(read[i].text == wanted["text"].get<std::string>());
        }
        if (!read.empty()) // nobody sends an empty one
          same_bytes(read, frame);
      } else if (each.contains("done")) {
        std::vector<done> read;
        BOOST_TEST_REQUIRE(!decode(body, read));
        BOOST_TEST_REQUIRE(read.size() == each["done"].size());
        for (std::size_t i = 0; i < read.size(); ++i) {
          BOOST_TEST(read[i].tag == each["done"][i]["tag"]);
          BOOST_TEST(static_cast<int>(read[i].how) == each["done"][i]["result"]);
        }
        if (!read.empty())
          same_bytes(read, frame);
      } else {
        std::vector<known_message> read;
        BOOST_TEST_REQUIRE(!decode(body, read));
        BOOST_TEST_REQUIRE(read.size() == each.at("known").size());
        for (std::size_t i = 0; i < read.size(); ++i) {
          const auto& wanted = each["known"][i];
          BOOST_TEST(static_cast<int>(read[i].in) == wanted["lane"]);
          BOOST_TEST((read[i].failed ? 2 : read[i].handled ? 1 : 0) == wanted["state"]);
          BOOST_TEST(read[i].incarnation == wanted["incarnation"]);
          BOOST_TEST(read[i].sequence == wanted["sequence"]);
          BOOST_TEST(read[i].from == wanted["from"].get<std::string>());
        }
        if (!read.empty())
          same_bytes(read, frame);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(broken_frames) {
  for (const auto& each : load("broken.json")) {
    BOOST_TEST_CONTEXT(each["name"]) {
      const auto frame = bytes(each["frame"]);
      const auto read =
          parse_frame(frame, each.value("early", false) ? max_early_frame : max_frame);
      if (each["problem"] == "body") {
        BOOST_TEST_REQUIRE((read.what == parsed_frame::kind::whole), read.problem);
        BOOST_TEST(to_string(read.type) == each["type"].get<std::string>());
        // JSON and the 8 bytes of a PING are looked into by whoever handles them.
        if (static_cast<int>(read.type) >= 16)
          BOOST_TEST(decode_any(read) != nullptr);
      } else {
        BOOST_TEST((read.what == parsed_frame::kind::broken));
        BOOST_TEST(read.problem[0] != '\0');
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
