#pragma once

// A listening socket in its place, as long as the runtime lives. What stands in its way (a
// directory of that name, a disk without room) costs the fleet nothing: there is an alarm, and it
// is tried again. Somebody removes it or puts another one there: it is made anew. All in the thread
// of the io_context that it is given.

#include "runtime/blackbox/paced.hpp"
#include "runtime/sockets/listener.hpp"

#include <sys/types.h>

namespace troupe::sockets {

class placed_socket {
public:
  struct options {
    std::string name; ///< «admin»; for the alarms, and what the keeper knows it by
    std::string path;
    mode_t mode = 0600;
    int backlog = 4096;   ///< as many bots connect at once when the runtime comes back
    os::unique_fd socket; ///< kept by the keeper for us, or none
    os::unique_fd place;  ///< what was at `path` when that one was bound (O_PATH), or none
    /// To be kept by the keeper: «admin» and «admin.place».
    std::function<void(const std::string& name, int fd)> keep;
    std::function<void(const std::string& line)> alarm;
    /// Accepts on that socket, in place of the one before.
    std::function<void(os::unique_fd)> listen;
    std::chrono::milliseconds look{1000};           ///< how often it is looked after
    std::chrono::milliseconds longest_pause{30000}; ///< between two tries; doubled from `look` on
  };

  placed_socket(boost::asio::io_context&, options);
  placed_socket(const placed_socket&) = delete;
  placed_socket& operator=(const placed_socket&) = delete;

  /// Accepts from now on, or as soon as the way is free.
  void start();

  /// Looks after it no more.
  void stop();

private:
  bool in_place() const;
  void bind();
  void note_place();
  void look_later(std::chrono::milliseconds);

  options settings_;
  boost::asio::steady_timer timer_;
  blackbox::paced lost_;
  bool bound_ = false;
  std::chrono::milliseconds pause_;
};

} // namespace troupe::sockets
