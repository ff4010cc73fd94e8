#pragma once

// When edits of a tree are over. Pure: whoever uses it has the clock.

#include <chrono>
#include <cstdint>
#include <optional>

namespace troupe::watch {

/// How much may still follow on what was just seen.
enum class haste : std::uint8_t {
  none,    ///< at once
  settled, ///< a file was renamed into place: it is whole, others may follow
  writing, ///< something is being written, created or deleted
  looked,  ///< two looks at the tree differ: only a third one tells whether it is quiet
};

/// Waits for the end of a burst of edits, and not for ever.
class quiet_time {
public:
  using clock = std::chrono::steady_clock;

  static constexpr std::chrono::milliseconds after_rename{50};
  static constexpr std::chrono::milliseconds after_write{200};
  static constexpr std::chrono::milliseconds after_look{500};
  /// From the first edit on; then it is told all the same.
  static constexpr std::chrono::milliseconds longest{2000};
  static constexpr std::chrono::milliseconds longest_looks{30'000}; ///< a look may take seconds

  /// An edit was seen. Never brings forward what waits for the end of a write, but for `none`.
  void note(haste seen, clock::time_point now);

  /// When it is to be told; nothing: there is nothing to tell.
  std::optional<clock::time_point> due() const { return due_; }

  /// Whether it is to be told now; forgets it then.
  bool take(clock::time_point now);

private:
  static std::chrono::milliseconds wait_after(haste seen);

  std::optional<clock::time_point> due_;
  clock::time_point first_;
};

} // namespace troupe::watch
