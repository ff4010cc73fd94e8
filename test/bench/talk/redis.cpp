// Redis pub/sub over RESP 2: https://redis.io/docs/latest/develop/reference/protocol-spec/
// What is subscribed may not publish, so there are two connections.

#include "stream.hpp"
#include "transport.hpp"

#include <charconv>

namespace talk {

namespace {

std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string{text} + "\r\n";
}

class redis : public transport {
public:
  explicit redis(const std::string& path)
      : out_{stream::connect_unix(path)}
      , in_{stream::connect_unix(path)} {
    // nop
  }

  void listen(const std::string& channel) override {
    in_.write("*2\r\n" + bulk("SUBSCRIBE") + bulk(channel));
    in_.flush();
    // «*3 $9 subscribe $n channel :1»
    while (in_.input().find("\r\n:1\r\n") == std::string_view::npos)
      in_.read(std::chrono::milliseconds{1000});
    in_.consume(in_.input().size());
  }

  void send(const std::string& channel, std::string_view payload, bool) override {
    out_.write("*3\r\n$7\r\nPUBLISH\r\n$");
    number(channel.size());
    out_.write(channel);
    out_.write("\r\n$");
    number(payload.size());
    out_.write(payload);
    out_.write("\r\n");
    if ((++sent_ & 255) == 0)
      drop_answers();
  }

  void flush() override {
    out_.flush();
    drop_answers();
  }

  void send_durable(const std::string&, std::string_view) override {
    die("Redis pub/sub keeps nothing");
  }
  std::uint64_t acknowledged() const override { return 0; }

  void receive(std::chrono::milliseconds wait, const receiver& each) override {
    in_.read(wait);
    // «*3 $7 message $n channel $m payload»
    for (;;) {
      auto rest = in_.input();
      const auto before = rest.size();
      std::string_view part;
      std::size_t count = 0;
      if (!take_number(rest, '*', count))
        return;
      for (std::size_t i = 0; i < count; ++i) {
        std::size_t size = 0;
        if (!take_number(rest, '$', size) || rest.size() < size + 2)
          return;
        part = rest.substr(0, size);
        rest.remove_prefix(size + 2);
      }
      each(part);
      in_.consume(before - rest.size());
    }
  }

private:
  static bool take_number(std::string_view& from, char mark, std::size_t& into) {
    const auto end = from.find("\r\n");
    if (end == std::string_view::npos)
      return false;
    if (from.front() != mark)
      die("Redis says " + std::string{from.substr(0, end)});
    std::from_chars(from.data() + 1, from.data() + end, into);
    from.remove_prefix(end + 2);
    return true;
  }

  void number(std::size_t value) {
    char text[16];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    out_.write({text, static_cast<std::size_t>(end - text)});
    out_.write("\r\n");
  }

  void drop_answers() {
    out_.read(std::chrono::milliseconds{0});
    out_.consume(out_.input().size());
  }

  stream out_;
  stream in_;
  std::uint64_t sent_ = 0;
};

} // namespace

std::unique_ptr<transport> make_redis(const std::string& path) {
  return std::make_unique<redis>(path);
}

} // namespace talk
