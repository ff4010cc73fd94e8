// The side of a bot that links, and misbehaves on the link.

#include "messages/wire/frame.hpp"
#include "messages/wire/message.hpp"
#include "test/e2e/faultbot.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace faultbot {

namespace {

using troupe::wire::frame_type;

constexpr std::size_t flood_window = 4096; ///< half of what the WELCOME allows
constexpr std::size_t most_unsent = 256 << 10;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

int connected() {
  const auto path = variable("TROUPE_LINK");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return -1;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    std::fprintf(stderr, "faultbot: %s: %s\n", path.c_str(), std::strerror(errno));
    close(fd);
    return -1;
  }
  return fd;
}

class linked {
public:
  linked(const options& given, int fd)
      : given_{given}
      , fd_{fd} {}

  void hello() {
    const auto body = "{\"version\":1,\"oldest\":1,\"instance\":"
                      + quoted(variable("TROUPE_BOT") + '#' + variable("TROUPE_INSTANCE"))
                      + ",\"incarnation\":" + variable("TROUPE_INCARNATION") + ",\"token\":"
                      + quoted(variable("TROUPE_TOKEN")) + ",\"client\":\"faultbot 1\""
                      + (given_.no_orders ? "" : ",\"handles\":[\"drain\",\"flatten\"]") + "}";
    append_frame(out_, frame_type::hello, body);
  }

  /// False once the connection has ended.
  bool run(double until) {
    while (!term_received) {
      const auto now = clock_now();
      if (now >= until || (given_.hang_after > 0 && now >= began_ + given_.hang_after)
          || (given_.close_link > 0 && now >= began_ + given_.close_link))
        return true;
      answer_late(now);
      flood();
      pollfd one{
          fd_, static_cast<short>((out_.empty() ? 0 : POLLOUT) | (may_read(now) ? POLLIN : 0)), 0};
      poll(&one, 1, 20);
      if ((one.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && may_read(now) && !read_some(now))
        return false;
      if ((one.revents & POLLOUT) != 0)
        write_some();
    }
    return true;
  }

private:
  bool may_read(double now) const {
    return given_.read_rate <= 0 || static_cast<double>(got_) < (now - began_) * given_.read_rate;
  }

  bool read_some(double now) {
    char bytes[64 << 10];
    const auto most = given_.read_rate > 0 ? std::min<std::size_t>(
                          sizeof bytes, static_cast<std::size_t>(given_.read_rate / 50 + 1))
                                           : sizeof bytes;
    const auto count = recv(fd_, bytes, most, MSG_DONTWAIT);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
      return false;
    if (count < 0)
      return true;
    got_ += static_cast<std::size_t>(count);
    in_.append(bytes, static_cast<std::size_t>(count));
    std::size_t at = 0;
    for (;;) {
      const auto frame = troupe::wire::parse_frame(std::string_view{in_}.substr(at));
      if (frame.what != troupe::wire::parsed_frame::kind::whole)
        break;
      on_frame(frame.type, frame.body, now);
      at += frame.consumed;
    }
    in_.erase(0, at);
    if (std::exchange(handled_, false))
      troupe::wire::append_frame(out_, finished_);
    return true;
  }

  void on_frame(frame_type type, std::string_view body, double now) {
    switch (type) {
    case frame_type::welcome:
      welcome_ = true;
      note(given_, "linked");
      if (!given_.not_ready)
        append_frame(out_, frame_type::tell, "{\"op\":\"ready\"}");
      break;
    case frame_type::bye:
      std::printf("bye %.*s\n", static_cast<int>(body.size()), body.data());
      std::fflush(stdout);
      break;
    case frame_type::ping:
      later_.push_back({now + given_.pong_delay, frame_type::pong, std::string{body}});
      break;
    case frame_type::order:
      on_order(body, now);
      break;
    case frame_type::message:
      on_message(body);
      break;
    case frame_type::receipt:
      static_cast<void>(troupe::wire::decode(body, taken_));
      break;
    default:
      break;
    }
  }

  void on_order(std::string_view body, double now) {
    for (const char* order : {"drain", "flatten"})
      if (body.find("\"" + std::string{order} + "\"") != std::string_view::npos) {
        note(given_, order);
        const std::string done = order[0] == 'd' ? "drained" : "flattened";
        later_.push_back({now + (order[0] == 'd' ? given_.drain_takes : 0), frame_type::tell,
                          "{\"op\":\"" + done + "\",\"ok\":true}"});
      }
  }

  void on_message(std::string_view body) {
    troupe::wire::message_view message;
    if (const char* problem = decode(body, message))
      return static_cast<void>(std::printf("a bad message: %s\n", problem));
    auto& credit = finished_[static_cast<std::size_t>(message.in)];
    ++credit.messages;
    credit.bytes += body.size();
    handled_ = true;
    if (message.how != troupe::wire::delivery::fire)
      append_frame(out_, std::vector{troupe::wire::done{message.tag, {}}});
  }

  void answer_late(double now) {
    for (std::size_t left = later_.size(); left > 0; --left) {
      auto each = std::move(later_.front());
      later_.pop_front();
      if (each.at <= now)
        append_frame(out_, each.type, each.body);
      else
        later_.push_back(std::move(each));
    }
  }

  void flood() {
    if (given_.flood_link.empty() || !welcome_)
      return;
    static const std::string payload(100, 'x');
    const auto lane = static_cast<std::size_t>(troupe::wire::lane::normal);
    while (out_.size() < most_unsent && sent_ - taken_[lane] < flood_window) {
      troupe::wire::message_view message;
      message.sequence = ++sent_;
      message.incarnation = std::strtoull(variable("TROUPE_INCARNATION").c_str(), nullptr, 10);
      message.to = given_.flood_link;
      message.payload = payload;
      message.length = static_cast<std::uint32_t>(payload.size());
      append_frame(out_, message);
    }
  }

  void write_some() {
    const auto count = send(fd_, out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0)
      out_.erase(0, static_cast<std::size_t>(count));
  }

  struct later {
    double at;
    frame_type type;
    std::string body;
  };

  const options& given_;
  int fd_;
  double began_ = clock_now();
  std::string in_;
  std::string out_;
  std::size_t got_ = 0;
  bool welcome_ = false;
  bool handled_ = false;
  std::uint64_t sent_ = 0;
  troupe::wire::receipts taken_{};
  troupe::wire::credits finished_{};
  std::deque<later> later_;
};

/// Holds the connection open when we have ended.
void leak() {
  if (fork() != 0)
    return;
  setsid();
  for (;;)
    sleep(1000);
}

} // namespace

bool live_linked(const options& given) {
  const int fd = connected();
  if (fd < 0)
    return false;
  if (given.before_hello)
    return false; // the connection stays, and says nothing
  linked link{given, fd};
  link.hello();
  if (given.leak_link)
    leak();
  const bool ends = given.after || given.exit || given.signal != 0;
  const bool lives = link.run(ends ? clock_now() + given.after.value_or(0) : 1e300);
  if (term_received || (ends && lives && given.hang_after <= 0 && given.close_link <= 0))
    return true;
  if (given.hang_after <= 0) { // closed by us or by the runtime
    note(given, "unlinked");
    close(fd);
  }
  return false;
}

} // namespace faultbot
