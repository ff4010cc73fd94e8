#pragma once

#include <chrono>
#include <cstddef>

namespace troupe::logs {

/// How long the reader leaves output in its pipes between two rounds, where nobody waits for it.
/// When many sources say a little each, a longer pause makes one read and one write of several
/// lines, and a runtime that is killed meanwhile has lost nothing: the pipes keep it. Takes no
/// clock of its own.
class pace {
public:
  using clock = std::chrono::steady_clock;
  using milliseconds = std::chrono::milliseconds;

  static constexpr milliseconds shortest{20};
  static constexpr milliseconds longest{400};
  static constexpr milliseconds of_each{2}; ///< for each source that brought something

  /// In this round a source brought so many bytes from a pipe that holds `room`.
  void brought(std::size_t count, std::size_t room);

  /// The pause after the round that ends now. A pipe fills to a quarter in none, if its source
  /// goes on as it did.
  milliseconds end_round(clock::time_point now);

private:
  std::size_t sources_ = 0;
  double fullest_ = 0;       // in quarters of a pipe
  clock::time_point last_{}; // when the last round ended
};

} // namespace troupe::logs
