#pragma once

// The runtime's log goes to stderr, which may be a pipe that nobody reads or a terminal that was
// stopped. So a thread of its own writes it, and whoever logs never waits for that: what does not
// fit into the queue is dropped, the oldest first, counted, and the log says so.

#include "runtime/blackbox/event_ring.hpp"

#include <chrono>

namespace troupe::blackbox {

/// Lines that wait to be written.
inline constexpr std::size_t queue_lines = 1024;

/// Makes spdlog's default logger, for the life of the process: one line each to stderr, and
/// debug lines too into the ring, which must live as long.
void open(bool verbose, event_ring& ring);

/// Waits until all that was logged is written, at most so long. A process that has called open()
/// ends with _exit: the thread that writes may wait for its reader for ever.
void finish(std::chrono::milliseconds limit = std::chrono::seconds{1});

} // namespace troupe::blackbox
