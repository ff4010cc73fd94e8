#pragma once

// A bot as the runtime sees it: bytes on a socket.

#include "messages/wire/frame.hpp"
#include "runtime/os/unique_fd.hpp"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <utility>

namespace troupe::test {

/// A directory that goes with the test.
struct link_directory {
  std::string path;

  link_directory() {
    char name[] = "/tmp/troupe-link-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~link_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string socket() const { return path + "/link.sock"; }
};

inline std::string frame(wire::frame_type type, std::string_view body) {
  std::string result;
  wire::append_frame(result, type, body);
  return result;
}

inline std::string frame(wire::frame_type type, const nlohmann::json& body) {
  return frame(type, std::string_view{body.dump()});
}

struct heard {
  wire::frame_type type{};
  std::string body;

  nlohmann::json json() const { return nlohmann::json::parse(body); }
};

struct raw_bot {
  os::unique_fd fd;
  std::string input;

  explicit raw_bot(os::unique_fd x)
      : fd{std::move(x)} {
    limit();
  }

  explicit raw_bot(const std::string& path)
      : fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      fd.reset();
    limit();
  }

  /// A test that hangs says nothing.
  void limit() const {
    const timeval time{20, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  }

  bool say(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto sent = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0)
        return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// The next frame; nothing at the end of the connection, or after 20 s.
  std::optional<heard> hear() {
    for (;;) {
      const auto found = wire::parse_frame(input);
      if (found.what == wire::parsed_frame::kind::broken)
        return std::nullopt;
      if (found.what == wire::parsed_frame::kind::whole) {
        heard result{found.type, std::string{found.body}};
        input.erase(0, found.consumed);
        return result;
      }
      char bytes[65536];
      const auto got = ::recv(fd.get(), bytes, sizeof bytes, 0);
      if (got <= 0)
        return std::nullopt;
      input.append(bytes, static_cast<std::size_t>(got));
    }
  }

  /// Whether the connection has ended; takes up to 20 s to find that it has not.
  bool ended() {
    while (hear())
      ;
    char byte = 0;
    const auto got = ::recv(fd.get(), &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }
};

} // namespace troupe::test
