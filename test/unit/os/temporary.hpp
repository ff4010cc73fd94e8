#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdlib.h>
#include <string>

namespace troupe::test {

/// A directory that goes with the test.
struct temporary {
  temporary() {
    char name[] = "/tmp/troupe-os-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~temporary() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  temporary(const temporary&) = delete;
  temporary& operator=(const temporary&) = delete;

  std::string path;
};

inline void put(const std::string& file, const std::string& text) {
  std::ofstream{file, std::ios::binary} << text;
}

inline std::string get(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace troupe::test
