// The hub's fuzz target without libFuzzer, in every build: sequences of sound frames of a bot with
// seeded changes.
#include "messages/wire/frame.hpp"
#include "messages/wire/message.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace troupe::wire;

/// A frame as the target takes it: type, time, length, body.
std::string packed(const std::string& frame, std::uint8_t wait) {
  const auto parsed = parse_frame(frame);
  std::string result;
  result += static_cast<char>(parsed.type);
  result += static_cast<char>(wait);
  result += static_cast<char>(parsed.body.size() & 255);
  result += static_cast<char>(parsed.body.size() >> 8);
  result += parsed.body;
  return result;
}

class sound_bot {
public:
  explicit sound_bot(std::mt19937& random)
      : random_{random} {
    // nop
  }

  std::string next() {
    std::string frame;
    const auto dice = random_() % 200;
    // Credits and the like are mostly wrong here, and end the link: rarely.
    if (dice < 1)
      append_frame(frame, credits{{{1, 100}, {1, 100}, {3, 300}, {0, 0}}});
    else if (dice < 2)
      append_frame(frame, std::vector<known_message>{{lane::low, true, 3, 9, "m/b#0", false}});
    else if (dice < 4)
      append_frame(frame, std::vector<done>{{1 + random_() % 4, done::result::done},
                                            {random_() % 9, done::result::failed}});
    else if (dice < 20)
      append_frame(frame, frame_type::ping, "12345678");
    else if (dice < 40)
      append_frame(frame, frame_type::call,
                   R"({"id": 1, "op": "subscribe", "pattern": "m.*", "durable": true})");
    else if (dice < 60)
      append_frame(frame, frame_type::tell, R"({"op": "status", "text": "well"})");
    else
      append_frame(frame, message());
    return packed(frame, static_cast<std::uint8_t>(random_()));
  }

private:
  message_view message() {
    static const char* const addresses[] = {
        "m/a#0",     "m/a",           "m/b#0",          "m/b",
        "m/*",       "topic:m.x",     "runtime/state",  "nobody",
        "m/a#0/one", "runtime/time",  "m/b#7",          "topic:*",
        "m/b#0/two", "runtime/shell", "runtime/config", ""};
    message_view result;
    result.in = static_cast<lane>(random_() % lanes);
    result.how = static_cast<delivery>(random_() % 3);
    if (random_() % 6 == 0)
      result.flags = static_cast<std::uint8_t>(random_() % 32 & ~(again | compressed));
    auto& sequence = sequences_[static_cast<std::size_t>(result.in)];
    if (sequence > 0 && random_() % 16 == 0) { // one of before, once more
      result.how = delivery::assured;
      result.flags = again;
      result.sequence = 1 + random_() % sequence;
    } else {
      result.sequence = ++sequence;
    }
    result.incarnation = 7;
    result.request = random_() % 3 == 0 ? random_() % 5 : 0;
    result.ttl = random_() % 2 == 0 ? static_cast<std::uint32_t>(random_() % 500) : 0;
    result.to = addresses[random_() % std::size(addresses)];
    result.payload = R"({"op": "set", "key": "x", "value": 1})";
    result.length = static_cast<std::uint32_t>(result.payload.size());
    return result;
  }

  std::mt19937& random_;
  std::uint64_t sequences_[lanes] = {};
};

} // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: fuzz_hub_replay COUNT SEED\n";
    return 2;
  }
  const auto count = std::strtoul(argv[1], nullptr, 10);
  const auto seed = static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10));
  for (unsigned long round = 0; round < count; ++round) {
    std::mt19937 random{seed + static_cast<std::uint32_t>(round)};
    sound_bot bot{random};
    std::string session;
    for (auto frames = 1 + random() % 60; frames > 0; --frames)
      session += bot.next();
    for (auto changes = random() % 4; changes > 0; --changes)
      session[random() % session.size()] = static_cast<char>(random() % 256);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(session.data()), session.size());
  }
  std::cout << count << " sessions\n";
  return 0;
}
