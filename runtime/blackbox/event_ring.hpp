#pragma once

// The last hundred lines that the runtime logged, debug ones too, in memory that outlives it: a
// memfd that the keeper holds. No disk is involved, so writing a line never waits, and a
// runtime that was killed leaves its last hundred lines all the same.

#include "runtime/os/unique_fd.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace troupe::blackbox {

inline constexpr std::size_t ring_lines = 100;

/// What stands in the memfd. Read by another runtime, maybe of another version: `version` says
/// how, and nothing in it is believed.
struct ring_page {
  struct line {
    std::uint32_t length;
    char text[252]; ///< longer lines are cut
  };
  enum state : std::uint32_t { running, ended, reported };

  std::uint32_t version;
  std::atomic<state> now; ///< `reported`: a crash report was written, `report` is its name
  std::int32_t pid;
  std::uint32_t epoch;
  char report[64];
  std::atomic<std::uint64_t> next; ///< number of the next line
  line lines[ring_lines];
};

/// What an earlier runtime left.
struct ring_contents {
  ring_page::state state = ring_page::ended;
  pid_t pid = 0;
  std::uint32_t epoch = 0;
  std::string report; ///< the name of its crash report, if it wrote one
  std::vector<std::string> lines;
};

class event_ring {
public:
  /// Where there is no memfd to be had the ring is in plain memory, and fd() is -1.
  event_ring(pid_t pid, std::uint32_t epoch);
  ~event_ring();
  event_ring(const event_ring&) = delete;
  event_ring& operator=(const event_ring&) = delete;

  /// To be kept by the keeper.
  int fd() const { return file_.get(); }

  ring_page& page() { return *page_; }

  /// One line without its newline; control characters become '?'. One thread at a time.
  void add(std::string_view text);

  /// The runtime ends in order: there is nothing to report.
  void end();

private:
  os::unique_fd file_;
  ring_page* page_;
  bool mapped_ = false;
};

/// What stands in the ring behind `fd`; nothing in particular when it is none of this version.
ring_contents read_ring(int fd);

} // namespace troupe::blackbox
