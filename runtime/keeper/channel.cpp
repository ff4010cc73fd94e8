#include "runtime/keeper/channel.hpp"

#include "runtime/keeper/sys.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

namespace troupe::keeper {

namespace {

/// A few hundred datagrams. Not more: a process may have only RLIMIT_NOFILE fds in flight.
constexpr int buffer_size = 512 * 1024;

void enlarge(int socket) {
  if (setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &buffer_size, sizeof buffer_size) != 0) {
    setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &buffer_size, sizeof buffer_size);
  }
}

bool peer_closed(int socket) {
  pollfd state{socket, POLLRDHUP, 0};
  return poll(&state, 1, 0) == 1 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

} // namespace

int datagram::take_fd(uint32_t position) {
  if (position >= fd_count) {
    return -1;
  }
  const int fd = fds[position];
  fds[position] = -1;
  return fd;
}

void datagram::drop_fds() {
  for (uint32_t i = 0; i < fd_count; ++i) {
    close_fd(fds[i]);
  }
  fd_count = 0;
}

bool open_channel(int ends[2]) {
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return false;
  }
  enlarge(ends[0]);
  enlarge(ends[1]);
  fcntl(ends[0], F_SETFL, fcntl(ends[0], F_GETFL) | O_NONBLOCK);
  return true;
}

io_outcome receive(int socket, datagram& in) {
  in.size = 0;
  in.fd_count = 0;
  in.cut = false;
  iovec part{in.bytes, sizeof in.bytes};
  alignas(cmsghdr) unsigned char control[CMSG_SPACE(sizeof in.fds)];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  constexpr int flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
  ssize_t size = recvmsg(socket, &message, flags);
  // Says once that the other end closed with datagrams of ours unread; its own are still here.
  if (size < 0 && errno == ECONNRESET) {
    size = recvmsg(socket, &message, flags);
  }
  if (size < 0) {
    switch (errno) {
    case EAGAIN:
    case EINTR:
    case ENOBUFS:
    case ENOMEM:
      return io_outcome::later;
    default:
      return io_outcome::gone;
    }
  }
  for (cmsghdr* it = CMSG_FIRSTHDR(&message); it != nullptr; it = CMSG_NXTHDR(&message, it)) {
    if (it->cmsg_level != SOL_SOCKET || it->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const size_t count = (it->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      memcpy(&fd, CMSG_DATA(it) + i * sizeof(int), sizeof fd);
      if (in.fd_count < max_message_fds) {
        in.fds[in.fd_count++] = fd;
      } else {
        close_fd(fd);
        in.cut = true;
      }
    }
  }
  in.size = static_cast<size_t>(size);
  in.cut = in.cut || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  if (size == 0 && in.fd_count == 0 && !in.cut && peer_closed(socket)) {
    return io_outcome::gone;
  }
  return io_outcome::done;
}

io_outcome send(int socket, const void* bytes, size_t size, const int* fds, uint32_t fd_count) {
  iovec part{const_cast<void*>(bytes), size};
  alignas(cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int) * max_message_fds)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fd_count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
    memcpy(CMSG_DATA(rights), fds, sizeof(int) * fd_count);
  }
  if (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
    return io_outcome::done;
  }
  switch (errno) {
  case EAGAIN:
  case EINTR:
  case ENOBUFS:
  case ENOMEM:
  case ETOOMANYREFS: // as many fds in flight as there may be
    return io_outcome::later;
  default:
    return io_outcome::gone;
  }
}

} // namespace troupe::keeper
