#pragma once

// What the engine asks of the machine; a test has one of its own, with a clock to turn.

#include <chrono>
#include <cstddef>
#include <memory>
#include <poll.h>
#include <string>

namespace troupe::bot::detail {

/// Of a clock that only goes forward.
using instant = std::chrono::nanoseconds;

struct host {
  virtual ~host() = default;
  virtual instant now() const = 0;
  /// A connected, non-blocking stream, or -errno. Does not wait.
  virtual int connect(const std::string& path) = 0;
  /// As poll(2).
  virtual int wait(pollfd* fds, std::size_t count, instant timeout) = 0;
  virtual void random(void* into, std::size_t size) = 0;
};

std::unique_ptr<host> make_host();

} // namespace troupe::bot::detail
