#pragma once

#include "runtime/logs/patterns.hpp"
#include "runtime/logs/shaper.hpp"
#include "runtime/logs/stream.hpp"
#include "runtime/logs/tail.hpp"
#include "runtime/os/unique_fd.hpp"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace troupe::logs {

/// One pipe that is read.
struct source {
  source(std::string key, std::uint64_t of, const config::log_spec& spec)
      : name(std::move(key))
      , incarnation(of)
      , shape(name, of, spec) {
    // nop
  }

  const std::string name; ///< with the suffix of a hook, if it is one
  const std::uint64_t incarnation;
  stream_ptr out = std::make_shared<stream>();
  bool adopted = false;

  // Who asks for the tail reads what is in the pipe as well. It waits here for the reader's
  // thread, which takes it before anything that comes later.
  std::mutex mutex; // guards the next four; `pipe` is closed by the reader's thread alone
  os::unique_fd pipe;
  tail_buffer tail;
  std::string pending; ///< 4 MiB and a read at most
  bool ended = false;  ///< nobody writes any more

  // Of the reader's thread alone.
  shaper shape;
  pattern_watch patterns;
  bool attached = false;
  bool prompt = false;                                  ///< is read every 20 ms, whatever others do
  std::chrono::steady_clock::time_point prompt_until{}; ///< because its pipe was full
  std::size_t room = 0;      ///< bytes that its pipe holds, a large one not counted
  bool lost = false;         ///< what came before was dropped for want of a block
  bool large = false;        ///< its pipe was enlarged
  int full_reads = 0;        ///< in a row
  std::size_t over_rate = 0; ///< bytes of what was read last
  bool moved = false;        ///< read from since the last look
  int quiet = 0;             ///< looks without output
  int end_told_in = -1;      ///< looks until its end is told; -1: not to be told
  std::uint64_t told = 0;    ///< dropped bytes that were told of
};

} // namespace troupe::logs
