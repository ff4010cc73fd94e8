#include "runtime/os/keeper_client.hpp"

#include "runtime/os/keeper_codec.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <utility>

namespace troupe::os {

using namespace keeper;

keeper_client::keeper_client(unique_fd socket)
    : socket_{std::move(socket)}
    , inbox_(largest_datagram) {
  ::fcntl(socket_.get(), F_SETFL, ::fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
  ::fcntl(socket_.get(), F_SETFD, FD_CLOEXEC);
}

bool keeper_client::transmit(const void* bytes, std::size_t size, const std::vector<int>& fds) {
  refusal_ = 0;
  if (closed_) {
    return false;
  }
  iovec part{const_cast<void*>(bytes), size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int) * max_message_fds)] = {};
  if (!fds.empty()) {
    const std::size_t fds_size = sizeof(int) * fds.size();
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds_size);
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds_size);
    std::memcpy(CMSG_DATA(rights), fds.data(), fds_size);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) {
    return true;
  }
  switch (errno) {
  case EPIPE:
  case ECONNRESET:
  case ENOTCONN:
    closed_ = true;
    return false;
  case EAGAIN:
  case ENOBUFS:
  case ENOMEM:
  case ETOOMANYREFS: // as many fds in flight as there may be
    return false;
  default:
    refusal_ = errno;
    return true;
  }
}

bool keeper_client::send(const hello&) {
  const auto message = make_message<plain_message>(message_kind::hello);
  return transmit(&message, sizeof message, {});
}

bool keeper_client::send(const pong&) {
  const auto message = make_message<plain_message>(message_kind::pong);
  return transmit(&message, sizeof message, {});
}

bool keeper_client::send(const spawn_request& request) {
  auto packed = pack(request);
  std::string datagram{reinterpret_cast<const char*>(&packed.head), sizeof packed.head};
  if (!packed.payload_file) {
    datagram += packed.payload;
  }
  const auto size = static_cast<std::uint32_t>(datagram.size());
  std::memcpy(datagram.data() + offsetof(header, size), &size, sizeof size);
  return transmit(datagram.data(), datagram.size(), packed.fds);
}

bool keeper_client::send(const signal_request& request) {
  auto message = make_message<signal_message>(message_kind::signal);
  message.of = to_key(request.instance, request.incarnation);
  message.signal = request.signal;
  message.scope = request.scope;
  return transmit(&message, sizeof message, {});
}

bool keeper_client::send(const release_request& request) {
  auto message = make_message<key_message>(message_kind::release);
  message.of = to_key(request.instance, request.incarnation);
  return transmit(&message, sizeof message, {});
}

bool keeper_client::send(const store_request& request) {
  auto message = make_message<key_message>(message_kind::store);
  message.of = to_key(request.name, 0);
  return transmit(&message, sizeof message, {request.fd});
}

bool keeper_client::send(const fetch_request& request) {
  auto message = make_message<key_message>(message_kind::fetch);
  message.of = to_key(request.name, 0);
  return transmit(&message, sizeof message, {});
}

bool keeper_client::send(const drop_request& request) {
  auto message = make_message<key_message>(message_kind::drop);
  message.of = to_key(request.name, 0);
  return transmit(&message, sizeof message, {});
}

std::optional<keeper_event> keeper_client::receive() {
  while (!closed_) {
    iovec part{inbox_.data(), inbox_.size()};
    alignas(cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int) * max_message_fds)];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)) {
      return std::nullopt;
    }
    if (size <= 0) {
      closed_ = true; // the keeper sends no empty datagrams: this is the end
      return std::nullopt;
    }
    std::vector<unique_fd> fds;
    for (cmsghdr* it = CMSG_FIRSTHDR(&message); it != nullptr; it = CMSG_NXTHDR(&message, it)) {
      if (it->cmsg_level != SOL_SOCKET || it->cmsg_type != SCM_RIGHTS) {
        continue;
      }
      const std::size_t count = (it->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(it) + i * sizeof(int), sizeof fd);
        fds.emplace_back(fd);
      }
    }
    if (auto event = decode(inbox_.data(), static_cast<std::size_t>(size), fds)) {
      return event;
    }
  }
  return std::nullopt;
}

} // namespace troupe::os
