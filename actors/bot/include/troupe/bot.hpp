#pragma once

// The plain C++ SDK of Troupe: a bot that gets and sends messages. No dependency shows here;
// link with `troupe::bot` of the CMake package `troupe`. docs/sdk-cpp.md is the guide.
//
//   #include <troupe/bot.hpp>
//
//   int main() {
//     troupe::bot::client bot;
//     bot.subscribe("ticks.*", [](const troupe::bot::message& tick) { … });
//     bot.ready();
//     return bot.run();
//   }

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <troupe/message.hpp>

namespace troupe::bot {

using std::chrono::milliseconds;

/// How a message is to be sent.
struct send_options {
  bot::lane lane = bot::lane::normal;
  bot::delivery delivery = bot::delivery::fire;
  bot::content content = bot::content::bytes;
  /// How long it is worth delivering, from when the runtime takes it; 0: for ever.
  milliseconds ttl{0};
  /// What `consistent_hash` goes by.
  std::string_view key{};
  /// How long `send` may wait for room: the runtime's window, the 1024 unresolved messages, a
  /// receiver under pressure, a link that is being made. 0: do not wait.
  milliseconds timeout{5000};
  /// The actor of this process that it comes from.
  std::string_view actor{};
  /// Begin a trace with it, unless it continues one: `troupe trace ID` shows its path.
  bool sampled = false;
};

/// What `send` says: taken, under that number, or why not.
struct sent {
  bot::code code = code::accepted;
  bot::lane lane = bot::lane::normal;
  bot::delivery delivery = bot::delivery::fire;
  std::uint64_t sequence = 0; ///< in its lane, over the life of this process

  explicit operator bool() const { return code == bot::code::accepted; }
};

/// Final words about a message that was sent.
struct outcome {
  bot::code code = code::done;
  bot::lane lane = bot::lane::normal;
  std::uint64_t sequence = 0;
  std::string text; ///< who took it, or what is wrong; for people
  bool good() const { return code == bot::code::accepted || code == bot::code::done; }
};

/// What came of a request.
struct answer {
  bot::code code = code::done; ///< `done`: `payload` is the reply; `failed`: what went wrong there
  std::string payload;         ///< else: for people, may be empty
  bot::content content = bot::content::bytes;
  std::string from; ///< who replied

  explicit operator bool() const { return code == bot::code::done; }
};

/// The part of the fleet's config that a bot sees.
struct settings {
  std::uint64_t version = 0;
  std::string settings = "{}"; ///< JSON: the key `settings` of the bot
  std::string labels = "{}";   ///< JSON: its labels
};

struct subscribe_options {
  /// Hold the subscription, and collect for it, while this bot is down.
  bool durable = false;
};

/// A handler may throw: what it handled has then failed. An `assured` or `durable` message is
/// tried again up to `max_deliveries`; a request is answered with the text of the exception.
using message_handler = std::function<void(const message&)>;
/// Returns the payload of the reply.
using request_handler = std::function<std::string(const message&)>;
using outcome_handler = std::function<void(const outcome&)>;
using answer_handler = std::function<void(const answer&)>;
/// Returns true when all is done, false when `drained()` or `flattened()` will be called later.
/// May throw: the order has then failed.
using order_handler = std::function<bool(milliseconds within)>;
using settings_handler = std::function<void(const settings&)>;
/// The link is there (true), or lost (false) and why.
using link_handler = std::function<void(bool linked, const std::string& why)>;

using error_handler = std::function<void(const std::string&)>;

/// Who this process is and what it accepts. What is left empty comes from the environment.
struct options {
  std::string link;              ///< path of the socket: `TROUPE_LINK`
  std::string token;             ///< `TROUPE_TOKEN`
  std::string instance;          ///< `market/trader#2`: `TROUPE_BOT` and `TROUPE_INSTANCE`
  std::uint64_t incarnation = 0; ///< `TROUPE_INCARNATION`
  /// What the runtime may have under way to this process, of each lane: 1 … 65 536 messages,
  /// 4 KiB … 16 MiB. It bounds what waits here, too.
  std::uint32_t window_messages = 1024;
  std::uint32_t window_bytes = 512 * 1024;
};

namespace detail {
struct host;
class core;
} // namespace detail

/// The link of this process to its runtime.
///
/// Handlers run in the thread that calls `run` or `step`, one at a time. Everything but `run` and
/// `step` may be called from any thread and from within handlers. The link is made by the first
/// of `run`, `step`, `send` and whatever else needs it; set handlers before.
///
/// Without `TROUPE_LINK` the client works alone: `linked()` is false, what is sent is `unlinked`,
/// `run` runs until `stop`. Signals are left to the program: let a handler of SIGTERM call `stop`,
/// which is async-signal-safe.
class client {
public:
  client();
  explicit client(options);
  /// Sends what is still unsent for up to a second, then says goodbye.
  ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  // -- who and where -------------------------------------------------------------------

  /// The link is up.
  bool linked() const;
  /// There is a runtime to link to.
  bool managed() const;
  /// Why the runtime has closed the link for good; empty while it has not.
  std::string why_closed() const;
  std::string instance() const;
  std::uint64_t incarnation() const;
  /// Name of the fleet; empty before the first link.
  std::string fleet() const;
  settings config() const;

  // -- what comes ----------------------------------------------------------------------

  /// Every message that nothing below takes.
  void on_message(message_handler);
  /// Requests to this instance; what it returns, or the text that it throws, is the reply. Without
  /// it requests go to `on_message`, which may `reply`, then or later.
  void on_request(request_handler);
  /// What is published on topics that match, `ticks.*`, `orders.>`. Answers `accepted` when the
  /// subscription is noted; it is made (again) with every link. A refusal comes as an outcome with
  /// sequence 0, the pattern in its text. One handler a pattern.
  code subscribe(std::string_view pattern, message_handler, subscribe_options = {});
  void unsubscribe(std::string_view pattern);
  /// Messages for `INSTANCE/name` and requests to it, which it may `reply` to.
  void host(std::string_view name, message_handler);
  void unhost(std::string_view name);

  void on_drain(order_handler);
  void on_flatten(order_handler);
  void on_config(settings_handler);
  void on_link(link_handler);
  /// Hears what handlers throw; without it that goes to stderr, and so to the bot's log.
  void on_error(error_handler);

  // -- what goes -----------------------------------------------------------------------

  /// To an instance, a bot, a group (`market/*`), a service (`runtime/…`) or `topic:…`. What it
  /// takes goes out by itself: at once, or with what else is sent in the same moment.
  sent send(std::string_view to, std::string_view payload, const send_options& = {});
  /// To everyone who subscribes to that topic; `fire` or `durable`.
  sent publish(std::string_view topic, std::string_view payload, const send_options& = {});
  /// Replies to a request, then or later, at most once. The reply goes in the lane of the request
  /// unless told otherwise.
  sent reply(const message& request, std::string_view payload);
  sent reply(const message& request, std::string_view payload, const send_options&);
  /// Replies that it failed, and how.
  sent reply_failed(const message& request, std::string_view text);
  /// Asks. When this was taken the handler is called exactly once, in the thread of `run`: with a
  /// reply, with why there is none, or after `within` with `timed_out`.
  sent request(std::string_view to, std::string_view payload, milliseconds within, answer_handler,
               const send_options& = {});
  /// Asks and waits. From within a handler it serves nothing but the socket meanwhile: no other
  /// handler runs, what comes waits within its window.
  answer request(std::string_view to, std::string_view payload, milliseconds within,
                 const send_options& = {});

  // -- handling that outlives its handler ------------------------------------------------

  /// Within the handler of that message: it is not handled yet when the handler returns. Call
  /// `done` or `failed` later, from any thread; its place in the window is taken until then. False:
  /// not in a handler of it.
  bool defer(const message&);
  void done(const message&);
  /// As if its handler had thrown that text.
  void failed(const message&, std::string_view text);

  /// Called with every final outcome: of `assured` and `durable` messages, and of others that were
  /// rejected. In the thread of `run`. The newest 8192 wait for it.
  void on_outcome(outcome_handler);
  /// Waits for the final outcome of an `assured` or `durable` message; `timed_out` when there is
  /// none by then. The last 1024 outcomes are remembered.
  code wait(const sent&, milliseconds within);
  /// Waits until the runtime has taken everything that was sent and every `assured` and `durable`
  /// message has its final outcome. False: not within that time.
  bool flush(milliseconds within);

  /// Between these, what this or another thread sends may wait here for up to 64 KiB more, so that
  /// a flood from outside of handlers costs few system calls. Calls nest.
  void cork();
  void uncork();

  // -- for the runtime -----------------------------------------------------------------

  /// For a bot with `"ready": "link"`. Said again on every new link.
  void ready();
  /// Shown by `troupe show`; the first 256 bytes.
  void status(std::string_view text);
  /// It is about to end by itself.
  void stopping();
  /// The late answer to an order; a text is why it failed.
  void drained(std::string_view problem = {});
  void flattened(std::string_view problem = {});

  // -- trace ---------------------------------------------------------------------------

  /// The trace that this thread is in: within a handler that of its message. What is sent in the
  /// meantime continues it.
  trace_context trace() const;
  /// Continues a trace on this thread, e.g. of a kept message; an empty one ends that.
  void trace(const trace_context&);

  // -- running -------------------------------------------------------------------------

  /// Serves the link and runs handlers until `stop`, or until the runtime closes the link for good
  /// (`stopping`, `old_incarnation`, …). Answers 0 after `stop` or `stopping`, else 1.
  int run();
  /// Serves what is there, waiting for up to that long when there is nothing. False: `run` would
  /// return now. For bots that have a loop of their own.
  bool step(milliseconds wait);
  /// Ends `run`. Async-signal-safe.
  void stop() noexcept;
  /// Becomes readable when `step` has something to do: for `poll` in a loop of one's own. Call
  /// `step(0)` once a second all the same.
  int handle() const;

private:
  friend struct detail::access;
  client(options, std::unique_ptr<detail::host>);
  std::unique_ptr<detail::core> core_;
};

} // namespace troupe::bot
