#include "runtime/shell/listener.hpp"

#include "runtime/blackbox/paced.hpp"
#include "runtime/shell/hello.hpp"
#include "troupe_version.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace troupe::shell {

namespace {

namespace asio = boost::asio;
using local = asio::local::stream_protocol;
using boost::system::error_code;

config::unexpected<std::string> failed(const std::string& step, const std::string& path) {
  return {step + " " + path + ": " + std::strerror(errno)};
}

} // namespace

config::expected<os::unique_fd, std::string> bind_admin_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return config::unexpected{"the path " + path + " is too long for a socket: at most "
                              + std::to_string(sizeof address.sun_path - 1) + " bytes"};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  os::unique_fd result{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!result)
    return failed("socket for", path);
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    return failed("unlink", path);
  // No moment in which others might connect: the mode of the socket itself decides.
  if (fchmod(result.get(), 0600) != 0)
    return failed("fchmod", path);
  if (bind(result.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return failed("bind", path);
  if (chmod(path.c_str(), 0600) != 0)
    return failed("chmod", path);
  if (listen(result.get(), 128) != 0)
    return failed("listen on", path);
  return result;
}

struct admin_listener::impl : std::enable_shared_from_this<impl> {
  impl(asio::io_context& io, options given)
      : context{io}
      , acceptor{io}
      , pause{io}
      , settings{std::move(given)} {}

  asio::io_context& context;
  local::acceptor acceptor;
  asio::steady_timer pause;
  options settings;
  /// Given up for a moment when there is no other descriptor, so that somebody can be told.
  os::unique_fd reserve;
  std::chrono::milliseconds next_pause{};
  blackbox::paced trouble;
  std::size_t greeting = 0; ///< connections that have not said hello yet
  bool stopped = false;

  void log(const std::string& text) const {
    if (settings.log)
      settings.log(text);
  }

  void listen(os::unique_fd socket);
  void accept();
  void accept_later();
  void turn_one_away();
  void greet(local::socket socket);
};

namespace {

/// One connection until its hello is through.
struct greeting : std::enable_shared_from_this<greeting> {
  greeting(local::socket s, std::function<void()> on_end)
      : socket{std::move(s)}
      , deadline{socket.get_executor()}
      , ended{std::move(on_end)} {}
  ~greeting() { ended(); }

  local::socket socket;
  asio::steady_timer deadline;
  std::function<void()> ended;
  std::array<char, max_hello_bytes> buffer{};
  std::size_t filled = 0;
  std::string reply;
  ucred peer{};

  void refuse(const std::string& reason) {
    reply = refusal_line(reason);
    asio::async_write(socket, asio::buffer(reply),
                      [self = shared_from_this()](error_code, std::size_t) { self->close(); });
  }

  void close() {
    deadline.cancel();
    error_code ignored;
    socket.close(ignored);
  }
};

using greeting_ptr = std::shared_ptr<greeting>;

/// Reads until the newline; calls `then` with the line, or with nothing when the
/// peer goes away, says too much, or says what may only follow the answer.
void read_line(const greeting_ptr& g, std::function<void(std::optional<std::string_view>)> then) {
  g->socket.async_read_some(
      asio::buffer(g->buffer.data() + g->filled, g->buffer.size() - g->filled),
      [g, then = std::move(then)](error_code error, std::size_t got) mutable {
        if (error)
          return g->close();
        g->filled += got;
        const std::string_view text{g->buffer.data(), g->filled};
        const auto newline = text.find('\n');
        if (newline != std::string_view::npos)
          return then(newline + 1 == text.size() ? std::optional{text.substr(0, newline)}
                                                 : std::nullopt);
        if (g->filled == g->buffer.size())
          return then(std::nullopt);
        read_line(g, std::move(then));
      });
}

bool read_peer(local::socket& socket, ucred& into) {
  socklen_t size = sizeof into;
  return getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &into, &size) == 0;
}

} // namespace

void admin_listener::impl::listen(os::unique_fd socket) {
  error_code ignored;
  pause.cancel();
  acceptor.close(ignored);
  acceptor.assign(local{}, socket.release());
  if (greeting < settings.pending)
    accept();
}

void admin_listener::impl::accept() {
  reserve = reserve ? std::move(reserve) : os::unique_fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  acceptor.async_accept([self = shared_from_this()](error_code error, local::socket socket) {
    if (self->stopped || error == asio::error::operation_aborted)
      return;
    if (error) {
      // Out of descriptors or memory: the backlog waits, and so do we.
      if (const auto more = self->trouble.turn())
        self->log("admin socket cannot accept: " + error.message() + *more);
      if (error == asio::error::no_descriptors || error.value() == ENFILE)
        self->turn_one_away();
      return self->accept_later();
    }
    self->next_pause = self->settings.first_pause;
    self->greet(std::move(socket));
    if (self->greeting < self->settings.pending)
      self->accept();
    // else: whoever ends first lets the next one in
  });
}

void admin_listener::impl::turn_one_away() {
  if (!reserve)
    return;
  reserve.reset();
  const os::unique_fd peer{
      ::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (!peer)
    return;
  const auto answer = refusal_line("it has too many files open; try again");
  static_cast<void>(::send(peer.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

void admin_listener::impl::accept_later() {
  pause.expires_after(next_pause);
  next_pause = std::min(2 * next_pause, settings.longest_pause);
  pause.async_wait([self = shared_from_this()](error_code error) {
    if (!error && !self->stopped)
      self->accept();
  });
}

void admin_listener::impl::greet(local::socket socket) {
  ++greeting;
  const auto g = std::make_shared<shell::greeting>(
      std::move(socket), [weak = weak_from_this(), &io = context] {
        // Posted: this may run while an accept is being handled.
        asio::post(io, [weak] {
          const auto self = weak.lock();
          if (!self)
            return;
          const bool full = self->greeting-- == self->settings.pending;
          if (full && !self->stopped)
            self->accept();
        });
      });
  fcntl(g->socket.native_handle(), F_SETFD, FD_CLOEXEC);
  if (!read_peer(g->socket, g->peer))
    return;
  g->deadline.expires_after(settings.hello_timeout);
  g->deadline.async_wait([weak = std::weak_ptr{g}](error_code error) {
    if (const auto silent = weak.lock(); silent && !error)
      silent->close();
  });
  if (g->peer.uid != 0 && g->peer.uid != geteuid()) {
    log("admin socket refused uid " + std::to_string(g->peer.uid));
    return g->refuse("only the user of the runtime and root may connect");
  }
  read_line(g, [g, self = shared_from_this()](std::optional<std::string_view> line) {
    const auto wrong = line ? check_client_hello(*line) : "the hello is one short line";
    if (!wrong.empty()) {
      self->log("admin socket refused pid " + std::to_string(g->peer.pid) + ": " + wrong);
      return g->refuse(wrong);
    }
    const auto session =
        self->settings.sessions->open({g->peer.uid, g->peer.pid, "admin.sock", role::admin});
    if (!session)
      return g->refuse("too many sessions are open");
    const auto close_session = [sessions = self->settings.sessions, number = *session] {
      sessions->close(number);
    };
    g->reply = to_line({*session, self->settings.fleet(), troupe::version});
    asio::async_write(g->socket, asio::buffer(g->reply),
                      [g, self, close_session](error_code error, std::size_t) {
                        g->deadline.cancel();
                        if (error || self->stopped) {
                          close_session();
                          return g->close();
                        }
                        error_code released;
                        os::unique_fd fd{g->socket.release(released)};
                        if (!fd)
                          return close_session();
                        self->settings.hand_over(std::move(fd), close_session);
                      });
  });
}

admin_listener::admin_listener(asio::io_context& io, options given)
    : impl_{std::make_shared<impl>(io, std::move(given))} {
  impl_->next_pause = impl_->settings.first_pause;
}

admin_listener::~admin_listener() {
  stop();
}

void admin_listener::listen(os::unique_fd socket) {
  impl_->listen(std::move(socket));
}

void admin_listener::stop() {
  if (impl_->stopped)
    return;
  impl_->stopped = true;
  error_code ignored;
  impl_->acceptor.close(ignored);
  impl_->pause.cancel();
}

} // namespace troupe::shell
