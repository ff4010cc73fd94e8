#include "runtime/sockets/placed_socket.hpp"

#include "runtime/sockets/bind.hpp"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <utility>

namespace troupe::sockets {

placed_socket::placed_socket(boost::asio::io_context& io, options given)
    : settings_{std::move(given)}
    , timer_{io}
    , pause_{settings_.look} {
  // nop
}

void placed_socket::start() {
  if (settings_.socket && in_place()) {
    bound_ = true;
    settings_.listen(std::move(settings_.socket));
    return look_later(settings_.look);
  }
  settings_.socket.reset();
  bind();
}

void placed_socket::stop() {
  timer_.cancel();
}

/// Whether the file at the path is still ours. A socket does not know its file; the O_PATH
/// descriptor does, and pins its number.
bool placed_socket::in_place() const {
  struct stat ours {};
  struct stat there {};
  return settings_.place && fstat(settings_.place.get(), &ours) == 0
         && lstat(settings_.path.c_str(), &there) == 0 && ours.st_dev == there.st_dev
         && ours.st_ino == there.st_ino;
}

void placed_socket::bind() {
  auto socket = bind_socket(settings_.path, settings_.mode, settings_.backlog);
  if (!socket) {
    if (pause_ == settings_.look)
      settings_.alarm(settings_.name + " socket: " + socket.error()
                      + "; the fleet runs on without it, and it is tried again");
    bound_ = false;
    look_later(pause_);
    pause_ = std::min(2 * pause_, settings_.longest_pause);
    return;
  }
  if (pause_ != settings_.look)
    settings_.alarm(settings_.name + " socket: " + settings_.path + " is there now");
  pause_ = settings_.look;
  bound_ = true;
  settings_.keep(settings_.name, socket->get());
  note_place();
  settings_.listen(std::move(*socket));
  look_later(settings_.look);
}

void placed_socket::note_place() {
  settings_.place.reset(::open(settings_.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (settings_.place)
    settings_.keep(settings_.name + ".place", settings_.place.get());
}

void placed_socket::look_later(std::chrono::milliseconds pause) {
  timer_.expires_after(pause);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error)
      return;
    if (bound_ && !settings_.place) // there was no descriptor to be had
      note_place();
    if (bound_ && (!settings_.place || in_place()))
      return look_later(settings_.look);
    if (bound_)
      if (const auto more = lost_.turn())
        settings_.alarm(settings_.name + " socket: " + settings_.path
                        + " was removed or replaced by somebody; it is made anew" + *more);
    bind();
  });
}

} // namespace troupe::sockets
