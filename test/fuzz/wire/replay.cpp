// The fuzz target without libFuzzer, in every build: sound frames and seeded mutations of them.
#include "messages/wire/compression.hpp"
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

void feed(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

std::string framed(const message_view& message) {
  std::string result;
  append_frame(result, message);
  return result;
}

std::vector<std::string> sound_frames() {
  std::vector<std::string> result;
  const auto add = [&result](const auto& what) {
    result.emplace_back();
    append_frame(result.back(), what);
  };
  message_view message;
  message.to = "market/trader#0";
  message.payload = "hello";
  message.length = 5;
  message.sequence = 1;
  result.push_back(framed(message));
  const std::string large(5000, 'x');
  const auto packed = compress(large).value();
  message.flags = compressed | sampled;
  message.from = "market/feed#0";
  message.key = "BTC";
  message.payload = packed;
  message.length = 5000;
  result.push_back(framed(message));
  add(receipts{1, 2, 3, 4});
  add(credits{{{1, 100}, {2, 200}, {3, 300}, {4, 400}}});
  add(std::vector<outcome>{{lane::high, outcome_code::mailbox_full, 7, "market/trader#0"}, {}});
  add(std::vector<done>{{1, done::result::done}, {2, done::result::failed}});
  add(std::vector<known_message>{{lane::low, true, 3, 9, "market/feed#0"}});
  result.emplace_back();
  append_frame(result.back(), frame_type::ping, "12345678");
  result.emplace_back();
  append_frame(result.back(), frame_type::hello, R"({"version": 1, "token": "00"})");
  return result;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: fuzz_wire_replay COUNT SEED\n";
    return 2;
  }
  const auto corpus = sound_frames();
  for (const auto& each : corpus) {
    feed(each);
    for (std::size_t cut = 0; cut < std::min<std::size_t>(each.size(), 300); ++cut)
      feed(each.substr(0, cut));
    feed(each.substr(4, each.size() - 8)); // type and body alone
  }
  std::mt19937 random{static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10))};
  const auto count = std::strtoul(argv[1], nullptr, 10);
  for (unsigned long round = 0; round < count; ++round) {
    auto bytes = corpus[random() % corpus.size()] + corpus[random() % corpus.size()];
    if (round % 2 == 1)
      bytes = bytes.substr(4, bytes.size() - 8);
    for (auto changes = 1 + random() % 3; changes > 0 && !bytes.empty(); --changes) {
      const auto at = random() % bytes.size();
      switch (random() % 4) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
        break;
      case 1:
        bytes[at] = static_cast<char>(random() % 256);
        break;
      case 2:
        bytes.erase(at, 1 + random() % 8);
        break;
      default:
        bytes.insert(at, 1 + random() % 8, static_cast<char>(random() % 256));
      }
    }
    feed(bytes);
  }
  std::cout << corpus.size() << " frames, each cut everywhere, and " << count << " mutations\n";
  return 0;
}
