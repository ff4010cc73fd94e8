#include "stream.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace talk {

namespace {
constexpr std::size_t batch = 64 << 10;
}

void die(const std::string& what) {
  std::fprintf(stderr, "talk: %s%s%s\n", what.c_str(), errno ? ": " : "",
               errno ? std::strerror(errno) : "");
  std::exit(1);
}

stream::stream(int fd)
    : fd_{fd} {
  out_.reserve(2 * batch);
}

stream::~stream() {
  ::close(fd_);
}

int stream::connect_tcp(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    die("connect to port " + std::to_string(port));
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

int stream::connect_unix(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    die("connect to " + path);
  return fd;
}

void stream::write(std::string_view text) {
  out_.append(text);
  if (out_.size() >= batch)
    flush();
}

void stream::flush() {
  std::string_view rest = out_;
  while (!rest.empty()) {
    const auto sent = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0)
      die("send");
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  out_.clear();
}

void stream::consume(std::size_t size) {
  taken_ += size;
}

void stream::read(std::chrono::milliseconds wait) {
  pollfd waiting{fd_, POLLIN, 0};
  if (::poll(&waiting, 1, static_cast<int>(wait.count())) <= 0)
    return;
  in_.erase(0, taken_);
  taken_ = 0;
  const auto had = in_.size();
  in_.resize(had + 4 * batch);
  const auto got = ::recv(fd_, in_.data() + had, 4 * batch, 0);
  if (got <= 0)
    die("the other side is gone");
  in_.resize(had + static_cast<std::size_t>(got));
}

} // namespace talk
