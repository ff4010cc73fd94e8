#pragma once

#include <chrono>
#include <cstddef>

namespace troupe::logs {

/// How long the reader leaves output in its pipes between two rounds. When many sources say a
/// little each, a longer pause makes one read and one write of several lines, and a runtime that
/// is killed meanwhile has lost nothing: the pipes keep it. Takes no clock of its own.
class pace {
public:
  using clock = std::chrono::steady_clock;
  using milliseconds = std::chrono::milliseconds;

  static constexpr milliseconds shortest{20};
  static constexpr milliseconds longest{400};
  static constexpr milliseconds of_each{2}; ///< for each source that brought something
  static constexpr std::chrono::seconds wary{10};

  /// In this round a source brought so many bytes from a pipe that holds `room`.
  void brought(std::size_t count, std::size_t room);

  /// No pause after this round: there is more.
  void hurry() { hurried_ = true; }

  /// The pause after the round that ends now. A pipe fills to a quarter in none, if its source
  /// goes on as it did; after one that was half full or more, pauses are short for `wary`.
  milliseconds end_round(clock::time_point now);

private:
  std::size_t sources_ = 0;
  double fullest_ = 0; // in quarters of a pipe
  bool hurried_ = false;
  clock::time_point last_{}; // when the last round ended
  clock::time_point wary_until_{};
};

} // namespace troupe::logs
