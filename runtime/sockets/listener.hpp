#pragma once

// Accepting on a local socket, up to the moment where a connection has proved what it wants: with a
// deadline, bounded, and in peace when there are no descriptors. All in the thread of the
// io_context that it is given.

#include "runtime/os/unique_fd.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <sys/socket.h>

namespace troupe::sockets {

/// A connection that has not been let in yet. It ends when nobody holds it any more, and when its
/// time is over.
class greeting : public std::enable_shared_from_this<greeting> {
public:
  explicit greeting(boost::asio::local::stream_protocol::socket);

  boost::asio::local::stream_protocol::socket& socket() { return socket_; }
  const ucred& peer() const { return peer_; }

  /// Says its last words and closes.
  void refuse(std::string words);
  void close();

  /// Lets it in: gives its descriptor away, none when the connection is gone.
  os::unique_fd release();

  /// Neither let in nor closed.
  bool waits() const { return socket_.is_open(); }

private:
  friend class listener;

  boost::asio::local::stream_protocol::socket socket_;
  boost::asio::steady_timer deadline_;
  ucred peer_{};
  std::string words_;
};

using greeting_ptr = std::shared_ptr<greeting>;

class listener {
public:
  struct options {
    std::string name; ///< «admin socket», for the log
    /// Hears the hello of a new connection; it knows who is there.
    std::function<void(const greeting_ptr&)> greet;
    /// The last words to who says no hello in time; empty: none.
    std::string late;
    /// The last words to who comes when there is no descriptor left for him.
    std::string busy;
    /// One line for the runtime's log. May be empty.
    std::function<void(const std::string&)> log;
    std::chrono::milliseconds hello_timeout{5000};
    /// After «too many open files»: doubled each time, up to the second.
    std::chrono::milliseconds first_pause{10};
    std::chrono::milliseconds longest_pause{1000};
    /// Connections that have not said hello. With one more, the oldest of the user with most of
    /// them is closed, so that nobody keeps others out by silence.
    std::size_t pending = 64;
  };

  listener(boost::asio::io_context&, options);
  ~listener();
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  /// Begins to accept on this socket (from bind_socket, or kept by the keeper), in place of the one
  /// before.
  void listen(os::unique_fd socket);

  /// Accepts no more and drops who has not said hello; who was let in stays. As the one above it
  /// must be called in the io_context's thread, or when that does not run.
  void stop();

private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

} // namespace troupe::sockets
