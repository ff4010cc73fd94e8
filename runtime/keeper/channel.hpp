#pragma once

#include "runtime/keeper/protocol.hpp"

namespace troupe::keeper {

/// One received datagram with its fds. Those that nobody takes are closed by drop_fds().
struct datagram {
  static constexpr size_t capacity = sizeof(spawn_message) + max_inline_payload;

  alignas(8) unsigned char bytes[capacity];
  size_t size;
  int fds[max_message_fds];
  uint32_t fd_count;
  bool cut; ///< the datagram, or its fds, did not fit

  /// Moves the fd out; -1 when there is none at this position.
  int take_fd(uint32_t position);
  void drop_fds();
};

/// later: nothing there, or no room; try again when epoll says so. gone: the other end is closed.
enum class io_outcome { done, later, gone };

/// A connected pair of SOCK_SEQPACKET sockets; the first end is non-blocking. False with errno.
bool open_channel(int ends[2]);

io_outcome receive(int socket, datagram& in);

/// Sends `size` bytes with the fds attached, which stay the caller's.
io_outcome send(int socket, const void* bytes, size_t size, const int* fds, uint32_t fd_count);

} // namespace troupe::keeper
