#pragma once

// admin.sock in its place, as long as the runtime lives. What stands in its way (a directory of
// that name, a disk without room) costs the fleet nothing: there is an alarm, and it is tried
// again. Somebody removes it or puts another one there: it is made anew. All in the thread of the
// io_context that it is given.

#include "runtime/blackbox/paced.hpp"
#include "runtime/shell/listener.hpp"

#include <boost/asio/steady_timer.hpp>

namespace troupe::shell {

class admin_socket {
public:
  struct options {
    std::string path;
    os::unique_fd socket; ///< kept by the keeper for us, or none
    os::unique_fd place;  ///< what was at `path` when that one was bound (O_PATH), or none
    /// To be kept by the keeper: «admin» and «admin.place».
    std::function<void(const std::string& name, int fd)> keep;
    std::function<void(const std::string& line)> alarm;
    admin_listener::options listening;
    std::chrono::milliseconds look{1000};           ///< how often it is looked after
    std::chrono::milliseconds longest_pause{30000}; ///< between two tries; doubled from `look` on
  };

  admin_socket(boost::asio::io_context&, options);
  admin_socket(const admin_socket&) = delete;
  admin_socket& operator=(const admin_socket&) = delete;

  /// Accepts from now on, or as soon as the way is free.
  void start();

  /// No more of that; sessions go on.
  void stop();

private:
  bool in_place() const;
  void bind();
  void note_place();
  void look_later(std::chrono::milliseconds);

  options settings_;
  admin_listener listener_;
  boost::asio::steady_timer timer_;
  blackbox::paced lost_;
  bool bound_ = false;
  std::chrono::milliseconds pause_;
};

} // namespace troupe::shell
