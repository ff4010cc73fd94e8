#include "runtime/sockets/bind.hpp"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace troupe::sockets {

namespace {

config::unexpected<std::string> failed(const std::string& step, const std::string& path) {
  return {step + " " + path + ": " + std::strerror(errno)};
}

} // namespace

config::expected<os::unique_fd, std::string> bind_socket(const std::string& path, mode_t mode,
                                                         int backlog) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return config::unexpected{"the path " + path + " is too long for a socket: at most "
                              + std::to_string(sizeof address.sun_path - 1) + " bytes"};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  os::unique_fd result{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!result)
    return failed("socket for", path);
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    return failed("unlink", path);
  // No moment in which others might connect: the mode of the socket itself decides.
  if (fchmod(result.get(), mode) != 0)
    return failed("fchmod", path);
  if (bind(result.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return failed("bind", path);
  if (chmod(path.c_str(), mode) != 0)
    return failed("chmod", path);
  if (listen(result.get(), backlog) != 0)
    return failed("listen on", path);
  return result;
}

} // namespace troupe::sockets
