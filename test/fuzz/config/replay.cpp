// Runs the fuzz target without libFuzzer: first each file of the corpus, then mutations of
// them by a seed, so that a failure can be repeated.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void feed(const std::string& text) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

/// Pieces that mean something to the loader.
const std::vector<std::string> words{"\"command\"",
                                     "\"defaults\"",
                                     "\"bots\"",
                                     "\"instances\"",
                                     "\"depends_on\"",
                                     "\"order\"",
                                     "\"extends\"",
                                     "\"tenant\"",
                                     "\"update\"",
                                     "\"x\"",
                                     "\"y\"",
                                     "{",
                                     "}",
                                     "[",
                                     "]",
                                     ":",
                                     ",",
                                     "null",
                                     "true",
                                     "0",
                                     "-1",
                                     "1e308",
                                     "\"10s\"",
                                     "\"64MiB\"",
                                     "\"${\"",
                                     "//",
                                     "/*",
                                     "\"m/a\"",
                                     "\"\\u0000\"",
                                     "\xff",
                                     "\"ready\"",
                                     "99999999999999999999"};

std::string mutate(std::string text, std::mt19937& random, const std::vector<std::string>& corpus) {
  auto below = [&](std::size_t bound) { return bound == 0 ? 0 : random() % bound; };
  for (auto changes = 1 + below(4); changes > 0; --changes) {
    auto at = below(text.size() + 1);
    auto length = below(std::min<std::size_t>(text.size() - at, 20) + 1);
    switch (below(5)) {
    case 0:
      text.erase(at, length);
      break;
    case 1:
      text.insert(at, words[below(words.size())]);
      break;
    case 2:
      text.replace(at, length, words[below(words.size())]);
      break;
    case 3:
      if (at < text.size())
        text[at] = static_cast<char>(below(256));
      break;
    default: {
      const auto& other = corpus[below(corpus.size())];
      auto from = below(other.size() + 1);
      text.insert(at, other.substr(from, below(60)));
    }
    }
  }
  return text;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: fuzz_loader_replay COUNT SEED CORPUS\n";
    return 2;
  }
  std::vector<std::string> corpus;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{argv[3]})
    if (entry.path().extension() == ".json") {
      std::ifstream in{entry.path(), std::ios::binary};
      corpus.emplace_back(std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{});
    }
  if (corpus.empty()) {
    std::cerr << "fuzz_loader_replay: no .json file in " << argv[3] << '\n';
    return 1;
  }
  for (const auto& text : corpus)
    feed(text);
  std::mt19937 random{static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10))};
  auto count = std::strtoul(argv[1], nullptr, 10);
  for (unsigned long round = 0; round < count; ++round)
    feed(mutate(corpus[random() % corpus.size()], random, corpus));
  std::cout << corpus.size() << " files and " << count << " mutations of them\n";
  return 0;
}
