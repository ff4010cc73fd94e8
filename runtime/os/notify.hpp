#pragma once

// The protocol of sd_notify(3), as far as a supervisor that does not follow forks can speak
// it: one datagram socket for each incarnation, `n/…` beneath the state directory.

#include "config/result.hpp"
#include "runtime/os/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace troupe::os {

/// Longest message; one that is longer is dropped as a whole.
inline constexpr std::size_t max_notification = 4096;
/// Longest text for people that is kept of STATUS=.
inline constexpr std::size_t max_status = 256;

/// Makes `n/` beneath the state directory, mode 0711, and removes the sockets in it but
/// these. Returns an empty string or what went wrong.
std::string clean_notify_directory(const std::string& state, const std::set<std::string>& kept);

/// Where the socket of an incarnation is. Short whatever its name: a path of 107 bytes is
/// all that a socket may have.
std::string notify_path(const std::string& state, const std::string& instance,
                        std::uint64_t incarnation);

/// The socket, open for its owner alone. The error is a sentence.
config::expected<unique_fd, std::string> make_notify_socket(const std::string& path, uid_t uid,
                                                            gid_t gid);

/// One datagram and who sent it.
struct notification {
  std::string text;
  pid_t sender = 0; ///< 0: a process that we cannot see
  uid_t uid = 0;
  bool cut = false; ///< it was too long, or does not say who sent it: not to be believed
  bool with_fds = false;
};

/// The next datagram, which stays where it is; nothing when there is none now.
std::optional<notification> look_at_notification(int socket);

/// Drops the next datagram. Fds that came with it are closed, which is all that BARRIER=1 waits
/// for. To close the last of an fd may take its time, whoever has made it (SO_LINGER).
void drop_notification(int socket);

/// The lines NAME=VALUE of a datagram, in order; what is none is left out.
std::vector<std::pair<std::string_view, std::string_view>> assignments(std::string_view text);

/// A duration in microseconds, capped at a week; nothing when it is no number.
std::optional<std::uint64_t> microseconds(std::string_view text);

/// Fit for a terminal, in UTF-8, at most `most` bytes.
std::string fit_line(std::string_view text, std::size_t most = max_status);

/// The keeper holds the socket, whatever becomes of the runtime: that its bot has said
/// READY=1 is noted on the socket itself, for a runtime that comes later.
void note_ready(int socket);
bool noted_ready(int socket);

} // namespace troupe::os
