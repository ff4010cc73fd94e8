#pragma once

#include <nlohmann/json.hpp>

#include <random>
#include <string>

namespace troupe::config::test {

using nlohmann::json;

/// Small values over few keys, so that two of them often speak of the same thing.
class random_json {
public:
  explicit random_json(unsigned seed)
      : engine_{seed} {}

  json object(int depth = 3) {
    auto result = json::object();
    for (auto count = pick(4); count > 0; --count)
      result[std::string(1, static_cast<char>('a' + pick(3)))] = value(depth - 1);
    return result;
  }

  unsigned pick(unsigned below) {
    return std::uniform_int_distribution<unsigned>{0, below - 1}(engine_);
  }

private:
  json value(int depth) {
    switch (pick(depth > 0 ? 6 : 3)) {
    case 0:
      return nullptr;
    case 1:
      return pick(3);
    case 2:
      return json::array({pick(2), nullptr});
    default:
      return object(depth);
    }
  }

  std::mt19937 engine_;
};

} // namespace troupe::config::test
