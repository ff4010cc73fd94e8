#pragma once

// The runtime's side of link.sock until a link is one: hears the HELLO, checks who is there, and
// hands the socket on to the hub. All in the thread of the io_context that it is given.

#include "actors/messaging/link.hpp"
#include "actors/seams.hpp"
#include "runtime/os/link_keys.hpp"
#include "runtime/os/unique_fd.hpp"
#include "runtime/sockets/listener.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace troupe::link {

class link_listener {
public:
  struct options {
    std::shared_ptr<const os::link_keys> keys;
    /// Takes a link, with what was read beyond its HELLO.
    std::function<void(os::unique_fd, messaging::link_hello, std::string read)> hand_over;
    /// One line for the runtime's log: who was refused and why. Paced. May be empty.
    std::function<void(const std::string&)> log;
    /// For the record of an instance that somebody else claimed to be. Paced. May be empty.
    std::function<void(notice)> remark;
    std::chrono::milliseconds hello_timeout{5000};
    std::size_t pending = 128; ///< connections that have not said hello
  };

  link_listener(boost::asio::io_context&, options);

  /// As of sockets::listener; links go on.
  void listen(os::unique_fd socket) { listener_.listen(std::move(socket)); }
  void stop() { listener_.stop(); }

private:
  sockets::listener listener_;
};

} // namespace troupe::link
