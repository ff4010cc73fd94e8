#include "runtime/shell/dial.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace troupe::shell {

namespace {

timespec until(clock_type::time_point deadline) {
  const auto left = std::max(clock_type::duration::zero(), deadline - clock_type::now());
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
  return {whole.count(), std::chrono::nanoseconds{left - whole}.count()};
}

} // namespace

waited wait_readable(int fd, clock_type::time_point deadline, const sigset_t* mask) {
  for (;;) {
    pollfd what{fd, POLLIN, 0};
    const auto left = until(deadline);
    const int count = ppoll(&what, 1, &left, mask);
    if (count > 0)
      return waited::ready;
    if (count == 0)
      return waited::timed_out;
    if (errno == EINTR && mask)
      return waited::interrupted;
    if (errno != EINTR)
      return waited::timed_out;
  }
}

refusal no_runtime(const std::string& path) {
  return {exit_code::not_running, "no-runtime", "no runtime answers at " + path,
          "start one with `troupe run`, or name its state directory with --state"};
}

refusal silent_runtime(const std::string& path) {
  return {exit_code::not_running, "no-answer", "the runtime at " + path + " does not answer",
          "it may be restarting: try again, with a longer --timeout"};
}

refusal interrupted() {
  return {exit_code::failed, "interrupted", "interrupted", ""};
}

config::expected<os::unique_fd, refusal> connect_and_greet(const std::string& path,
                                                           clock_type::time_point deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return config::unexpected{refusal{exit_code::usage, "bad-state",
                                      "the state directory's path is too long for a socket",
                                      "at most 80 bytes"}};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  os::unique_fd fd{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!fd)
    return config::unexpected{refusal{exit_code::failed, "no-socket",
                                      std::string{"socket: "} + std::strerror(errno), ""}};
  // A full backlog makes connect wait; it must not wait for ever.
  auto left = until(deadline);
  const timeval patience{left.tv_sec, std::max<long>(left.tv_nsec / 1000, 1000)};
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    if (error == EACCES || error == EPERM)
      return config::unexpected{refusal{exit_code::not_permitted, "not-permitted",
                                        path + ": " + std::strerror(error),
                                        "only the user of the runtime and root may connect"}};
    if (error == ENOENT || error == ENOTDIR || error == ECONNREFUSED)
      return config::unexpected{no_runtime(path)};
    if (error == EAGAIN || error == EINTR || error == ETIMEDOUT)
      return config::unexpected{silent_runtime(path)};
    return config::unexpected{
        refusal{exit_code::not_running, "no-runtime", path + ": " + std::strerror(error), ""}};
  }
  const auto hello = client_hello();
  // Into an empty buffer; a peer that is gone already shows in the answer.
  if (send(fd.get(), hello.data(), hello.size(), MSG_NOSIGNAL) < 0 && errno != EPIPE
      && errno != ECONNRESET)
    return config::unexpected{silent_runtime(path)};
  return fd;
}

std::optional<config::expected<welcome, refusal>> hear_welcome(const os::unique_fd& socket,
                                                               const std::string& path,
                                                               clock_type::time_point deadline,
                                                               const sigset_t* mask) {
  std::string line;
  for (;;) {
    switch (wait_readable(socket.get(), deadline, mask)) {
    case waited::ready:
      break;
    case waited::timed_out:
      return config::unexpected{silent_runtime(path)};
    case waited::interrupted:
      return config::unexpected{interrupted()};
    }
    // Byte by byte: what follows the newline is not ours to read.
    char c = 0;
    const auto got = recv(socket.get(), &c, 1, 0);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return std::nullopt;
    if (c == '\n')
      break;
    line += c;
    if (line.size() > max_hello_bytes)
      break;
  }
  auto result = read_welcome(line);
  if (result)
    return *result;
  const bool permission = result.error().find("may connect") != std::string::npos;
  return config::unexpected{refusal{permission ? exit_code::not_permitted : exit_code::failed,
                                    "refused", "the runtime refused: " + result.error(), ""}};
}

} // namespace troupe::shell
