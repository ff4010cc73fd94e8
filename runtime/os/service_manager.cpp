#include "runtime/os/service_manager.hpp"

#include "runtime/os/files.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace troupe::os {

namespace {

/// Sends in the name of that process, which takes privileges; 0: in our own.
bool send_as(int fd, std::string_view text, pid_t process) {
  iovec part{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (process > 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    auto* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_CREDENTIALS;
    header->cmsg_len = CMSG_LEN(sizeof(ucred));
    const ucred who{process, ::getuid(), ::getgid()};
    std::memcpy(CMSG_DATA(header), &who, sizeof who);
  }
  return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

} // namespace

service_manager::service_manager(const environment_lookup& env, pid_t keeper)
    : keeper_{keeper} {
  const auto path = env("NOTIFY_SOCKET").value_or("");
  if (path.empty())
    return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if ((path.front() != '/' && path.front() != '@') || path.size() < 2
      || path.size() >= sizeof address.sun_path) {
    trouble_ = "NOTIFY_SOCKET is neither a path nor @NAME: the service manager hears nothing";
    return;
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path.front() == '@')
    address.sun_path[0] = '\0'; // the abstract namespace
  const auto size = offsetof(sockaddr_un, sun_path) + path.size() + (path.front() == '/' ? 1 : 0);
  unique_fd fd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!fd
      || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                   static_cast<socklen_t>(size))
             != 0) {
    trouble_ = sentence("connect to", "NOTIFY_SOCKET " + path, errno)
               + ": the service manager hears nothing";
    return;
  }
  fd_ = std::move(fd);
  // WATCHDOG_PID is the process it started: the keeper, for which we speak.
  const auto meant = env("WATCHDOG_PID").value_or("");
  wants_life_ =
      env("WATCHDOG_USEC").has_value() && (meant.empty() || meant == std::to_string(keeper));
}

void service_manager::say(std::string_view lines) const {
  if (fd_ && !send_as(fd_.get(), lines, keeper_) && (errno == EPERM || errno == ESRCH))
    send_as(fd_.get(), lines, 0);
}

} // namespace troupe::os
