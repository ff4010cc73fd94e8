#pragma once

#include "runtime/keeper/protocol.hpp"

namespace troupe::keeper {

/// The command line.
struct options {
  struct inherited {
    const char* name;
    uint32_t length;
    int fd;
  };
  static constexpr uint32_t max_inherited = 64;

  inherited fds[max_inherited];
  uint32_t fd_count = 0;
  uint32_t max_slots = 65536;
  uint64_t silence_ns = 15ULL * 1000000000U;
  char** command = nullptr; ///< the runtime with its arguments, ends with a null pointer
};

/// go_on: the options hold. done: help or version was printed. wrong: a message was.
enum class parse_outcome { go_on, done, wrong };

parse_outcome parse(int argc, char** argv, options& out);

} // namespace troupe::keeper
