#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace troupe::blackbox {

/// Keeps a line that comes again and again from flooding the log: one is let through in each
/// period, and says how many were not. One thread at a time.
class paced {
public:
  using clock = std::chrono::steady_clock;

  explicit paced(std::chrono::seconds period = std::chrono::seconds{10})
      : period_{period} {}

  /// What to append to the line («», « (and 17 times before)»), or nothing: be silent.
  std::optional<std::string> turn(clock::time_point now = clock::now()) {
    if (said_ && now - *said_ < period_) {
      ++silent_;
      return std::nullopt;
    }
    said_ = now;
    const auto missed = std::exchange(silent_, 0);
    return missed == 0 ? std::string{} : " (and " + std::to_string(missed) + " times before)";
  }

private:
  std::chrono::seconds period_;
  std::optional<clock::time_point> said_;
  std::uint64_t silent_ = 0;
};

} // namespace troupe::blackbox
