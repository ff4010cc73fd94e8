#pragma once

// A bot, a clock to turn, and a runtime that says what a test wants it to say: both ends of a
// socketpair in one thread.

#include "actors/bot/letter.hpp"
#include "messages/wire/compression.hpp"
#include "messages/wire/frame.hpp"
#include "messages/wire/message.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <troupe/bot.hpp>
#include <unistd.h>
#include <vector>

namespace troupe::test {

using namespace std::chrono_literals;
using bot::detail::instant;
using nlohmann::json;
using wire::frame_type;

/// A frame that the bot has sent.
struct frame {
  frame_type type;
  std::string body;

  json object() const { return json::parse(body); }
};

/// The runtime's end of one connection.
class peer {
public:
  explicit peer(int fd)
      : fd_{fd} {
    // nop
  }
  ~peer() { close(); }
  peer(const peer&) = delete;
  peer& operator=(const peer&) = delete;

  void close() {
    if (fd_ >= 0)
      ::close(fd_);
    fd_ = -1;
  }
  int fd() const { return fd_; }

  void send(std::string_view bytes) {
    BOOST_TEST_REQUIRE(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL)
                       == static_cast<ssize_t>(bytes.size()));
  }
  void send(frame_type type, const json& body) {
    std::string out;
    wire::append_frame(out, type, body.dump());
    send(out);
  }
  template <class T>
  void send_list(const T& list) {
    std::string out;
    wire::append_frame(out, list);
    send(out);
  }
  void send(const wire::message_view& what) {
    std::string out;
    wire::append_frame(out, what);
    send(out);
  }

  void welcome(json more = json::object()) {
    json body{{"version", 1},
              {"fleet", "demo"},
              {"epoch", 3},
              {"instance", "market/trader#2"},
              {"incarnation", 118},
              {"features", json::array({"zstd"})},
              {"heartbeat_s", 10},
              {"window", {{"messages", 8192}, {"bytes", 8388608}}},
              {"unresolved", 1024},
              {"config",
               {{"version", 7}, {"labels", {{"env", "prod"}}}, {"settings", {{"symbol", "BTC"}}}}}};
    body.update(more);
    send(frame_type::welcome, body);
  }
  void outcome(wire::lane in, std::uint64_t sequence, wire::outcome_code code,
               std::string text = {}) {
    send_list(std::vector<wire::outcome>{{in, code, sequence, std::move(text)}});
  }
  void bye(std::string_view reason) { send(frame_type::bye, {{"reason", reason}, {"text", "so"}}); }

  /// Takes in what the bot has written so far.
  void read() {
    char bytes[65536];
    for (;;) {
      const auto size = ::recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
      if (size == 0)
        ended_ = true;
      if (size <= 0)
        return;
      in_.append(bytes, static_cast<std::size_t>(size));
      for (;;) {
        const auto each = wire::parse_frame(in_);
        BOOST_TEST_REQUIRE((each.what != wire::parsed_frame::kind::broken), each.problem);
        if (each.what == wire::parsed_frame::kind::partial)
          break;
        frames_.push_back({each.type, std::string{each.body}});
        in_.erase(0, each.consumed);
      }
    }
  }
  /// The next frame of that type; those before it are dropped.
  std::optional<frame> next(frame_type type) {
    read();
    while (!frames_.empty()) {
      auto each = std::move(frames_.front());
      frames_.pop_front();
      if (each.type == type)
        return each;
    }
    return std::nullopt;
  }
  /// Everything that has come.
  std::vector<frame> all() {
    read();
    std::vector<frame> result(std::make_move_iterator(frames_.begin()),
                              std::make_move_iterator(frames_.end()));
    frames_.clear();
    return result;
  }
  bool ended() {
    read();
    return ended_;
  }

private:
  int fd_;
  std::string in_;
  std::deque<frame> frames_;
  bool ended_ = false;
};

/// A machine whose time passes only when somebody waits.
struct virtual_host : bot::detail::host {
  instant time{1s};
  int refuse = 0;                           ///< errno of the next connects
  std::deque<std::unique_ptr<peer>>* peers; ///< where the other ends go
  std::vector<instant> connects;
  std::uint8_t random_byte = 1;
  std::function<void()> idle; ///< called when the bot would wait

  explicit virtual_host(std::deque<std::unique_ptr<peer>>& into)
      : peers{&into} {
    // nop
  }
  instant now() const override { return time; }
  int connect(const std::string&) override {
    connects.push_back(time);
    if (refuse != 0)
      return -refuse;
    int fds[2];
    BOOST_TEST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds)
                       == 0);
    peers->push_back(std::make_unique<peer>(fds[1]));
    return fds[0];
  }
  int wait(pollfd* fds, std::size_t count, instant timeout) override {
    if (const auto now_idle = idle) // a copy: it may replace itself
      now_idle();
    const int ready = ::poll(fds, count, 0);
    if (ready == 0)
      time += timeout;
    return ready;
  }
  void random(void* into, std::size_t size) override {
    std::fill_n(static_cast<std::uint8_t*>(into), size, random_byte++);
  }
};

/// A message for the bot.
struct incoming : wire::message_view {
  std::string payload_text;

  incoming(std::uint64_t number, std::string text, wire::delivery delivery = wire::delivery::fire,
           wire::lane lane = wire::lane::normal) {
    in = lane;
    how = delivery;
    sequence = number;
    incarnation = 9;
    tag = number;
    to = "market/trader#2";
    from = "market/feed#0";
    payload_text = std::move(text);
    payload = payload_text;
    length = static_cast<std::uint32_t>(payload.size());
  }
  incoming(const incoming&) = delete;
};

struct fixture {
  std::deque<std::unique_ptr<peer>> peers;
  virtual_host* machine;
  std::unique_ptr<bot::client> bot;
  std::vector<std::string> heard;

  static bot::options who() {
    bot::options result;
    result.link = "/run/troupe/link.sock";
    result.token = "0123456789abcdef0123456789abcdef";
    result.instance = "market/trader#2";
    result.incarnation = 118;
    return result;
  }

  explicit fixture(bot::options from = who()) {
    auto host = std::make_unique<virtual_host>(peers);
    machine = host.get();
    bot = bot::detail::access::make(std::move(from), std::move(host));
  }

  bool step() { return bot->step(0ms); }
  peer& runtime() { return *peers.back(); }
  /// Time passes; the bot does what is due.
  void pass(instant time) {
    machine->time += time;
    step();
  }
  void link(json more = json::object()) {
    step();
    runtime().welcome(std::move(more));
    step();
    BOOST_TEST_REQUIRE(bot->linked());
    runtime().all();
  }
  /// The connection breaks and is made again.
  void relink() {
    runtime().close();
    step();
    step();
    BOOST_TEST_REQUIRE(peers.size() > 1u);
  }
  void hear() {
    bot->on_message([this](const bot::message& m) { heard.emplace_back(m.payload()); });
  }
  /// Payloads of the messages that the bot has sent.
  std::vector<std::string> sent() {
    std::vector<std::string> result;
    for (const auto& each : runtime().all())
      if (each.type == frame_type::message)
        result.emplace_back(view(each).payload);
    return result;
  }
  static wire::message_view view(const frame& of) {
    wire::message_view result;
    BOOST_TEST_REQUIRE(!wire::decode(of.body, result));
    return result;
  }
  std::vector<wire::done> dones() {
    std::vector<wire::done> result;
    for (const auto& each : runtime().all()) {
      std::vector<wire::done> part;
      if (each.type == frame_type::done && !wire::decode(each.body, part))
        result.insert(result.end(), part.begin(), part.end());
    }
    return result;
  }
};

inline const bot::send_options assured{.delivery = bot::delivery::assured};

} // namespace troupe::test
