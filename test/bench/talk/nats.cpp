// NATS's text protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol

#include "stream.hpp"
#include "transport.hpp"

#include <charconv>

namespace talk {

namespace {

class nats : public transport {
public:
  explicit nats(std::uint16_t port)
      : line_{stream::connect_tcp(port)} {
    line_.write("CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\nPING\r\n");
    line_.flush();
    while (!ponged_)
      receive(std::chrono::milliseconds{1000}, [](std::string_view) {});
  }

  void listen(const std::string& channel) override {
    line_.write("SUB " + channel + " 1\r\nPING\r\n");
    line_.flush();
    for (ponged_ = false; !ponged_;)
      receive(std::chrono::milliseconds{1000}, [](std::string_view) {});
  }

  void send(const std::string& channel, std::string_view payload, bool) override {
    put(channel, "", payload);
  }

  void flush() override { line_.flush(); }

  /// To a JetStream stream over the subjects «durable.>», which answers on the reply subject.
  void send_durable(const std::string& channel, std::string_view payload) override {
    if (!has_stream_) {
      listen("acks");
      has_stream_ = true;
      put("$JS.API.STREAM.CREATE.BENCH", "acks",
          R"({"name":"BENCH","subjects":["durable.>"],"storage":"file","retention":"limits"})");
      line_.flush();
      for (const auto before = acknowledged_; acknowledged_ == before;)
        receive(std::chrono::milliseconds{1000}, [](std::string_view) {});
      acknowledged_ = 0;
    }
    put("durable." + channel, "acks", payload);
  }

  std::uint64_t acknowledged() const override { return acknowledged_; }

  void receive(std::chrono::milliseconds wait, const receiver& each) override {
    line_.read(wait);
    for (;;) {
      const auto input = line_.input();
      const auto end = input.find("\r\n");
      if (end == std::string_view::npos)
        return;
      const auto head = input.substr(0, end);
      if (head.starts_with("MSG ")) {
        std::size_t size = 0;
        std::from_chars(head.data() + head.rfind(' ') + 1, head.data() + head.size(), size);
        if (input.size() < end + 2 + size + 2)
          return;
        const auto payload = input.substr(end + 2, size);
        if (head.starts_with("MSG acks ")) {
          ++acknowledged_;
          if (payload.find("\"error\"") != std::string_view::npos)
            die("JetStream: " + std::string{payload});
        } else {
          each(payload);
        }
        line_.consume(end + 2 + size + 2);
        continue;
      }
      if (head == "PING") {
        line_.write("PONG\r\n");
        line_.flush();
      } else if (head == "PONG") {
        ponged_ = true;
      } else if (head.starts_with("-ERR")) {
        die("NATS says " + std::string{head});
      }
      line_.consume(end + 2);
    }
  }

private:
  void put(std::string_view subject, std::string_view reply, std::string_view payload) {
    char size[16];
    const auto end = std::to_chars(size, size + sizeof size, payload.size()).ptr;
    line_.write("PUB ");
    line_.write(subject);
    line_.write(" ");
    line_.write(reply);
    line_.write(reply.empty() ? "" : " ");
    line_.write({size, static_cast<std::size_t>(end - size)});
    line_.write("\r\n");
    line_.write(payload);
    line_.write("\r\n");
  }

  stream line_;
  bool ponged_ = false;
  bool has_stream_ = false;
  std::uint64_t acknowledged_ = 0;
};

} // namespace

std::unique_ptr<transport> make_nats(const std::string& port) {
  return std::make_unique<nats>(static_cast<std::uint16_t>(std::stoi(port)));
}

} // namespace talk
