#include "runtime/os/notify.hpp"

#include "config/escape.hpp"
#include "runtime/os/files.hpp"
#include "runtime/os/state_directory.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace troupe::os {

namespace {

constexpr std::uint64_t one_week = 7ull * 24 * 3600 * 1'000'000;

// SO_PRIORITY means nothing to a unix socket, and is free to be used.
constexpr int ready_mark = 1;

} // namespace

std::string clean_notify_directory(const std::string& state, const std::set<std::string>& kept) {
  const auto directory = state + "/n";
  if (::mkdir(directory.c_str(), 0711) != 0 && errno != EEXIST)
    return sentence("mkdir", directory, errno);
  const unique_fd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)};
  if (!fd)
    return sentence("open", directory, errno);
  if (::fchmod(fd.get(), 0711) != 0) // whatever the umask is
    return sentence("chmod", directory, errno);
  DIR* entries = ::fdopendir(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!entries)
    return sentence("read", directory, errno);
  while (const auto* entry = ::readdir(entries))
    if (entry->d_name[0] != '.' && !kept.contains(directory + '/' + entry->d_name))
      ::unlinkat(fd.get(), entry->d_name, 0);
  ::closedir(entries);
  return {};
}

std::string notify_path(const std::string& state, const std::string& instance,
                        std::uint64_t incarnation) {
  char name[17];
  std::snprintf(
      name, sizeof name, "%016llx",
      static_cast<unsigned long long>(stable_hash(instance + '@' + std::to_string(incarnation))));
  return state + "/n/" + name;
}

config::expected<unique_fd, std::string> make_notify_socket(const std::string& path, uid_t uid,
                                                            gid_t gid) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return config::unexpected{sentence("bind", path, ENAMETOOLONG)};
  std::memcpy(address.sun_path, path.c_str(), path.size());
  unique_fd fd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd)
    return config::unexpected{sentence("make", "its notify socket", errno)};
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  ::unlink(path.c_str());
  // The file gets the mode of the socket: there is no moment in which others may write.
  if (::fchmod(fd.get(), 0600) != 0
      || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return config::unexpected{sentence("bind", path, errno)};
  if (::fchownat(AT_FDCWD, path.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    return config::unexpected{sentence("chown", path, error)};
  }
  return fd;
}

std::optional<notification> look_at_notification(int socket) {
  notification result;
  char bytes[max_notification];
  iovec part{bytes, sizeof bytes};
  // Room for who it is and for nothing else: no fd that comes along ever becomes one of ours.
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t size = 0;
  do
    size = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_PEEK | MSG_CMSG_CLOEXEC);
  while (size < 0 && errno == EINTR);
  if (size < 0)
    return std::nullopt;
  bool known = false;
  for (auto* x = CMSG_FIRSTHDR(&message); x; x = CMSG_NXTHDR(&message, x))
    if (x->cmsg_level == SOL_SOCKET && x->cmsg_type == SCM_CREDENTIALS
        && x->cmsg_len >= CMSG_LEN(sizeof(ucred))) {
      ucred who{};
      std::memcpy(&who, CMSG_DATA(x), sizeof who);
      result.sender = who.pid;
      result.uid = who.uid;
      known = true;
    }
  result.cut = !known || (message.msg_flags & MSG_TRUNC) != 0;
  result.with_fds = (message.msg_flags & MSG_CTRUNC) != 0;
  result.text.assign(bytes, static_cast<std::size_t>(size));
  return result;
}

void drop_notification(int socket) {
  char byte = 0;
  while (::recv(socket, &byte, sizeof byte, MSG_DONTWAIT) < 0 && errno == EINTR)
    continue;
}

std::vector<std::pair<std::string_view, std::string_view>> assignments(std::string_view text) {
  std::vector<std::pair<std::string_view, std::string_view>> result;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (const auto equals = line.find('='); equals != std::string_view::npos && equals > 0)
      result.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  return result;
}

std::optional<std::uint64_t> microseconds(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size())
    return std::nullopt;
  return error == std::errc::result_out_of_range ? one_week : std::min(value, one_week);
}

std::string fit_line(std::string_view text, std::size_t most) {
  // Escaping makes it longer, never shorter.
  auto result = config::escape(text.substr(0, most));
  if (result.size() <= most && text.size() <= most)
    return result;
  static constexpr std::string_view dots = "…";
  std::size_t end = 0;
  while (end < result.size()) {
    const auto length =
        std::max<std::size_t>(config::utf8_length({&result[end], result.size() - end}), 1);
    if (end + length + dots.size() > most)
      break;
    end += length;
  }
  result.resize(end);
  return result.append(dots);
}

void note_ready(int socket) {
  ::setsockopt(socket, SOL_SOCKET, SO_PRIORITY, &ready_mark, sizeof ready_mark);
}

bool noted_ready(int socket) {
  int mark = 0;
  socklen_t size = sizeof mark;
  return ::getsockopt(socket, SOL_SOCKET, SO_PRIORITY, &mark, &size) == 0 && mark == ready_mark;
}

} // namespace troupe::os
