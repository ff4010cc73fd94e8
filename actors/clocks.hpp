#pragma once

// The two clocks. Decisions use the actor clock, which is monotonic and which a
// test drives; what people read carries the wall clock.

#include <chrono>
#include <cstdint>

namespace troupe {

/// Unix time in microseconds.
inline std::int64_t wall_now() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

/// The actor clock of `self`, in nanoseconds.
template <class Self>
std::chrono::nanoseconds monotonic_now(Self* self) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      self->clock().now().time_since_epoch());
}

/// A duration in microseconds, as records keep it.
inline std::int64_t micros(std::chrono::nanoseconds d) {
  return std::chrono::duration_cast<std::chrono::microseconds>(d).count();
}

/// How long any request between actors may take before it counts as lost.
inline constexpr std::chrono::seconds request_timeout{30};

} // namespace troupe
