#include "runtime/link/listener.hpp"

#include "messages/wire/frame.hpp"
#include "runtime/blackbox/paced.hpp"
#include "runtime/link/hello.hpp"

#include <boost/asio/buffer.hpp>

#include <variant>

namespace troupe::link {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using sockets::greeting_ptr;

/// What all greetings share.
struct desk {
  explicit desk(link_listener::options x)
      : settings{std::move(x)} {}

  link_listener::options settings;
  blackbox::paced refusals;
  blackbox::paced strangers;

  void refuse(const greeting_ptr& g, const refusal& why, const std::string& claimed);
  void hear(const greeting_ptr& g, std::string_view frame_body, std::string rest);
};

using desk_ptr = std::shared_ptr<desk>;

std::string who(const greeting_ptr& g) {
  return "pid " + std::to_string(g->peer().pid) + " (uid " + std::to_string(g->peer().uid) + ")";
}

void desk::refuse(const greeting_ptr& g, const refusal& why, const std::string& claimed) {
  if (settings.log)
    if (const auto more = refusals.turn())
      settings.log("link socket refused " + who(g)
                   + (claimed.empty() ? std::string{} : " as " + claimed) + ": " + why.reason + ": "
                   + why.text + *more);
  const auto living = why.reason == "bad_token" ? settings.keys->living(claimed) : 0;
  if (living != 0 && settings.remark)
    if (const auto more = strangers.turn())
      settings.remark(notice{claimed,
                             living,
                             notice::kind::remark,
                             who(g) + " tried to link in its name and was refused" + *more,
                             {}});
  g->refuse(bye_frame(why));
}

void desk::hear(const greeting_ptr& g, std::string_view frame_body, std::string rest) {
  const auto said = read_hello(frame_body);
  if (const auto* wrong = std::get_if<refusal>(&said))
    return refuse(g, *wrong, {});
  const auto& claimed = std::get<claim>(said);
  auto admitted = admit(claimed, *settings.keys, g->peer().uid, g->peer().pid);
  if (const auto* wrong = std::get_if<refusal>(&admitted))
    return refuse(g, *wrong, claimed.hello.instance);
  if (auto fd = g->release())
    settings.hand_over(std::move(fd), std::move(std::get<messaging::link_hello>(admitted)),
                       std::move(rest));
}

void read_some(const desk_ptr& d, const greeting_ptr& g,
               const std::shared_ptr<std::string>& bytes) {
  // Most hellos are small, and many connections may wait here: not all of it at once.
  constexpr std::size_t step = 1024;
  const auto filled = bytes->size();
  bytes->resize(filled + step);
  g->socket().async_read_some(
      asio::buffer(bytes->data() + filled, step),
      [d, g, bytes, filled](error_code error, std::size_t got) {
        if (error)
          return g->close();
        bytes->resize(filled + got);
        const auto frame = wire::parse_frame(*bytes, wire::max_early_frame);
        switch (frame.what) {
        case wire::parsed_frame::kind::partial:
          return read_some(d, g, bytes);
        case wire::parsed_frame::kind::broken:
          return d->refuse(g, {"bad_hello", frame.problem}, {});
        case wire::parsed_frame::kind::whole:
          break;
        }
        if (frame.type != wire::frame_type::hello)
          return d->refuse(g, {"bad_hello", "the first frame must be a HELLO"}, {});
        d->hear(g, frame.body, bytes->substr(frame.consumed));
      });
}

sockets::listener::options make_options(link_listener::options given) {
  sockets::listener::options result;
  result.name = "link socket";
  result.late = bye_frame({"bad_hello", "no HELLO came in time"});
  // `busy` stays empty: to a client that is a lost connection, and it comes again.
  result.log = given.log;
  result.hello_timeout = given.hello_timeout;
  result.pending = given.pending;
  result.greet = [d = std::make_shared<desk>(std::move(given))](const greeting_ptr& g) {
    read_some(d, g, std::make_shared<std::string>());
  };
  return result;
}

} // namespace

link_listener::link_listener(asio::io_context& io, options given)
    : listener_{io, make_options(std::move(given))} {
  // nop
}

} // namespace troupe::link
