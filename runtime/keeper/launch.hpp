#pragma once

#include "runtime/keeper/channel.hpp"
#include "runtime/keeper/protocol.hpp"

namespace troupe::keeper {

/// A spawn request, checked and taken apart; what it points at lives until close(). Everything
/// in it comes from another process: nothing is used before its size is known to be right.
struct launch {
  const spawn_message* request = nullptr;
  int in = -1; ///< -1: /dev/null; fds belong to the launch until taken
  int out = -1;
  int err = -1;
  int kept[max_kept_fds] = {-1, -1, -1};
  int cgroup = -1;
  char** arguments = nullptr; ///< ends with a null pointer, as does the environment
  char** environment = nullptr;
  const char* directory = nullptr;
  const limit_entry* limits = nullptr;
  const uint32_t* groups = nullptr;
  const char* blob = nullptr;

  /// Reads the datagram and takes its fds. Returns 0 or an errno; close() is due either way.
  int open(datagram& in);
  void close();

private:
  int map_payload(int payload_fd);
  int take_apart();

  const char* payload_ = nullptr;
  void* mapped_ = nullptr;
};

} // namespace troupe::keeper
