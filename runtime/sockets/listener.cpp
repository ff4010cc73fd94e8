#include "runtime/sockets/listener.hpp"

#include "runtime/blackbox/paced.hpp"

#include <boost/asio/write.hpp>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <map>
#include <utility>
#include <vector>

namespace troupe::sockets {

namespace {

namespace asio = boost::asio;
using local = asio::local::stream_protocol;
using boost::system::error_code;

// Read and thrown away before a connection is closed: with something unread, the other side would
// learn of a reset instead of its end.
constexpr int most_thrown_away = 64 * 1024;

void throw_away_input(int fd) {
  char bytes[4096];
  for (int rest = most_thrown_away; rest > 0;) {
    const auto got = ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got <= 0)
      return;
    rest -= static_cast<int>(got);
  }
}

} // namespace

// -- one connection ------------------------------------------------------------------------

greeting::greeting(local::socket socket)
    : socket_{std::move(socket)}
    , deadline_{socket_.get_executor()} {
  // nop
}

void greeting::refuse(std::string words) {
  words_ = std::move(words);
  asio::async_write(socket_, asio::buffer(words_),
                    [self = shared_from_this()](error_code, std::size_t) {
                      if (self->waits())
                        throw_away_input(self->socket_.native_handle());
                      self->close();
                    });
}

void greeting::close() {
  deadline_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

os::unique_fd greeting::release() {
  deadline_.cancel();
  error_code ignored;
  return os::unique_fd{socket_.is_open() ? socket_.release(ignored) : -1};
}

// -- all of them ---------------------------------------------------------------------------

struct listener::impl : std::enable_shared_from_this<impl> {
  impl(asio::io_context& io, options given)
      : acceptor{io}
      , pause{io}
      , settings{std::move(given)}
      , next_pause{settings.first_pause} {
    // nop
  }

  local::acceptor acceptor;
  asio::steady_timer pause;
  options settings;
  /// Given up for a moment when there is no other descriptor, so that somebody can be told.
  os::unique_fd reserve;
  std::chrono::milliseconds next_pause;
  blackbox::paced trouble;
  std::vector<std::weak_ptr<greeting>> waiting; ///< oldest first
  bool stopped = false;

  void accept();
  void accept_later();
  void turn_one_away();
  void make_room();
  void greet(local::socket socket);
};

void listener::impl::accept() {
  if (!reserve)
    reserve.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  acceptor.async_accept([self = shared_from_this()](error_code error, local::socket socket) {
    if (self->stopped || error == asio::error::operation_aborted)
      return;
    if (error) {
      // Out of descriptors or memory: the backlog waits, and so do we.
      if (self->settings.log)
        if (const auto more = self->trouble.turn())
          self->settings.log(self->settings.name + " cannot accept: " + error.message() + *more);
      if (error == asio::error::no_descriptors || error.value() == ENFILE)
        self->turn_one_away();
      return self->accept_later();
    }
    self->next_pause = self->settings.first_pause;
    self->greet(std::move(socket));
    self->accept();
  });
}

void listener::impl::turn_one_away() {
  if (!reserve)
    return;
  reserve.reset();
  const os::unique_fd peer{
      ::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (!peer)
    return;
  static_cast<void>(
      ::send(peer.get(), settings.busy.data(), settings.busy.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  throw_away_input(peer.get());
}

void listener::impl::accept_later() {
  pause.expires_after(next_pause);
  next_pause = std::min(2 * next_pause, settings.longest_pause);
  pause.async_wait([self = shared_from_this()](error_code error) {
    if (!error && !self->stopped)
      self->accept();
  });
}

void listener::impl::make_room() {
  std::erase_if(waiting, [](const auto& each) {
    const auto g = each.lock();
    return !g || !g->waits();
  });
  if (waiting.size() < settings.pending)
    return;
  std::map<uid_t, std::size_t> by_user;
  for (const auto& each : waiting)
    ++by_user[each.lock()->peer().uid];
  const auto most = std::max_element(by_user.begin(), by_user.end(), [](auto& a, auto& b) {
                      return a.second < b.second;
                    })->first;
  const auto oldest = std::find_if(waiting.begin(), waiting.end(), [&](const auto& each) {
    return each.lock()->peer().uid == most;
  });
  oldest->lock()->close();
  waiting.erase(oldest);
}

void listener::impl::greet(local::socket socket) {
  const auto g = std::make_shared<greeting>(std::move(socket));
  const int fd = g->socket_.native_handle();
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  socklen_t size = sizeof g->peer_;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &g->peer_, &size) != 0)
    return;
  make_room();
  waiting.push_back(g);
  g->deadline_.expires_after(settings.hello_timeout);
  g->deadline_.async_wait([weak = std::weak_ptr{g}, late = settings.late](error_code error) {
    const auto silent = weak.lock();
    if (!silent || error || !silent->waits())
      return;
    // Whoever is being refused does not read.
    if (silent->words_.empty() && !late.empty())
      static_cast<void>(::send(silent->socket_.native_handle(), late.data(), late.size(),
                               MSG_DONTWAIT | MSG_NOSIGNAL));
    throw_away_input(silent->socket_.native_handle());
    silent->close();
  });
  settings.greet(g);
}

listener::listener(asio::io_context& io, options given)
    : impl_{std::make_shared<impl>(io, std::move(given))} {
  // nop
}

listener::~listener() {
  stop();
}

void listener::listen(os::unique_fd socket) {
  error_code ignored;
  impl_->pause.cancel();
  impl_->acceptor.close(ignored);
  impl_->acceptor.assign(local{}, socket.release());
  impl_->accept();
}

void listener::stop() {
  if (std::exchange(impl_->stopped, true))
    return;
  error_code ignored;
  impl_->acceptor.close(ignored);
  impl_->pause.cancel();
  for (const auto& each : impl_->waiting)
    if (const auto g = each.lock())
      g->close();
}

} // namespace troupe::sockets
