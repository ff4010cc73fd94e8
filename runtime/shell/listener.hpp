#pragma once

// The runtime's side of admin.sock: accepts, checks who is there, hears the hello,
// enters the session, and hands the socket on to CAF. All in the thread of the
// io_context that it is given.

#include "actors/commands/sessions.hpp"
#include "runtime/sockets/listener.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace troupe::shell {

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
  };

  admin_listener(boost::asio::io_context&, options);

  /// As of sockets::listener; sessions go on.
  void listen(os::unique_fd socket) { listener_.listen(std::move(socket)); }
  void stop() { listener_.stop(); }

private:
  sockets::listener listener_;
};

} // namespace troupe::shell
