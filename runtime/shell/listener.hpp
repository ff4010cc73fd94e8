#pragma once

// The runtime's side of admin.sock: accepts, checks who is there, hears the hello,
// enters the session, and hands the socket on to CAF. All in the thread of the
// io_context that it is given.

#include "actors/commands/sessions.hpp"
#include "config/result.hpp"
#include "runtime/os/unique_fd.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace troupe::shell {

/// Binds and listens on `path` (mode 0600), in place of what an earlier life left.
/// The caller holds the lock of the state directory, so whoever made what is there has no right
/// to it. The descriptor is CLOEXEC and
/// non-blocking; the error is a sentence.
config::expected<os::unique_fd, std::string> bind_admin_socket(const std::string& path);

class admin_listener {
public:
  struct options {
    std::function<std::string()> fleet; ///< name of the fleet, for the hello
    std::shared_ptr<commands::session_registry> sessions;
    /// Takes the socket of a session; calls `on_end` once when its connection is gone,
    /// from any thread.
    std::function<void(os::unique_fd, std::function<void()> on_end)> hand_over;
    /// One line for the runtime's log: who was refused and why. May be empty.
    std::function<void(const std::string&)> log;
    std::chrono::milliseconds hello_timeout{5000};
    /// After «too many open files»: doubled each time, up to the second.
    std::chrono::milliseconds first_pause{10};
    std::chrono::milliseconds longest_pause{1000};
    std::size_t pending = 64; ///< connections that have not said hello yet
  };

  admin_listener(boost::asio::io_context&, options);
  ~admin_listener();
  admin_listener(const admin_listener&) = delete;
  admin_listener& operator=(const admin_listener&) = delete;

  /// Begins to accept on this socket (from bind_admin_socket, or kept by the keeper), in place of
  /// the one before. Sessions go on.
  void listen(os::unique_fd socket);

  /// Accepts no more and drops who has not said hello; sessions go on. As the one above it must be
  /// called in the io_context's thread, or when that does not run.
  void stop();

private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

} // namespace troupe::shell
