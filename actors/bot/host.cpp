#include "actors/bot/host.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace troupe::bot::detail {

namespace {

class real_host : public host {
public:
  instant now() const override { return std::chrono::steady_clock::now().time_since_epoch(); }

  int connect(const std::string& path) override {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
      return -ENAMETOOLONG;
    std::memcpy(address.sun_path, path.data(), path.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
      return -errno;
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
      return fd;
    const int problem = errno; // EAGAIN: more wait there than the listener's backlog holds
    ::close(fd);
    return -problem;
  }

  int wait(pollfd* fds, std::size_t count, instant timeout) override {
    const auto time = std::clamp<instant>(timeout, instant{0}, std::chrono::hours{24});
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(time);
    const timespec until{whole.count(), (time - whole).count()};
    return ::ppoll(fds, count, &until, nullptr);
  }

  void random(void* into, std::size_t size) override {
    if (::getrandom(into, size, 0) < 0)
      std::memset(into, 1, size); // only before the machine has booted; it names traces
  }
};

} // namespace

std::unique_ptr<host> make_host() {
  return std::make_unique<real_host>();
}

} // namespace troupe::bot::detail
