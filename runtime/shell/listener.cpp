#include "runtime/shell/listener.hpp"

#include "runtime/shell/hello.hpp"
#include "troupe_version.hpp"

#include <boost/asio/write.hpp>

#include <array>
#include <optional>
#include <unistd.h>
#include <utility>

namespace troupe::shell {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using sockets::greeting_ptr;

/// One line from a connection that has not said hello yet.
struct hello_line {
  std::array<char, max_hello_bytes> buffer{};
  std::size_t filled = 0;
};

/// Reads until the newline; calls `then` with the line, or with nothing when the
/// peer says too much, or says what may only follow the answer.
template <class Then>
void read_line(const greeting_ptr& g, const std::shared_ptr<hello_line>& line, Then then) {
  g->socket().async_read_some(
      asio::buffer(line->buffer.data() + line->filled, line->buffer.size() - line->filled),
      [g, line, then = std::move(then)](error_code error, std::size_t got) mutable {
        if (error)
          return g->close();
        line->filled += got;
        const std::string_view text{line->buffer.data(), line->filled};
        const auto newline = text.find('\n');
        if (newline != std::string_view::npos)
          return then(newline + 1 == text.size() ? std::optional{text.substr(0, newline)}
                                                 : std::nullopt);
        if (line->filled == line->buffer.size())
          return then(std::nullopt);
        read_line(g, line, std::move(then));
      });
}

void log(const admin_listener::options& settings, const std::string& text) {
  if (settings.log)
    settings.log(text);
}

void open_session(const admin_listener::options& settings, const greeting_ptr& g) {
  const auto session =
      settings.sessions->open({g->peer().uid, g->peer().pid, "admin.sock", role::admin});
  if (!session)
    return g->refuse(refusal_line("too many sessions are open"));
  const auto close_session = [sessions = settings.sessions, number = *session] {
    sessions->close(number);
  };
  const auto welcome =
      std::make_shared<std::string>(to_line({*session, settings.fleet(), troupe::version}));
  asio::async_write(
      g->socket(), asio::buffer(*welcome),
      [g, welcome, close_session, hand_over = settings.hand_over](error_code error, std::size_t) {
        auto fd = error ? os::unique_fd{} : g->release();
        if (!fd) {
          close_session();
          return g->close();
        }
        hand_over(std::move(fd), close_session);
      });
}

void greet(const std::shared_ptr<const admin_listener::options>& settings, const greeting_ptr& g) {
  if (g->peer().uid != 0 && g->peer().uid != geteuid()) {
    log(*settings, "admin socket refused uid " + std::to_string(g->peer().uid));
    return g->refuse(refusal_line("only the user of the runtime and root may connect"));
  }
  read_line(g, std::make_shared<hello_line>(), [g, settings](std::optional<std::string_view> line) {
    const auto wrong = line ? check_client_hello(*line) : "the hello is one short line";
    if (wrong.empty())
      return open_session(*settings, g);
    log(*settings, "admin socket refused pid " + std::to_string(g->peer().pid) + ": " + wrong);
    g->refuse(refusal_line(wrong));
  });
}

sockets::listener::options make_options(admin_listener::options given) {
  sockets::listener::options result;
  result.name = "admin socket";
  result.busy = refusal_line("it has too many files open; try again");
  result.log = given.log;
  result.hello_timeout = given.hello_timeout;
  result.greet = [settings = std::make_shared<const admin_listener::options>(std::move(given))](
                     const greeting_ptr& g) { greet(settings, g); };
  return result;
}

} // namespace

admin_listener::admin_listener(asio::io_context& io, options given)
    : listener_{io, make_options(std::move(given))} {
  // nop
}

} // namespace troupe::shell
