// Troupe's own client; this process is a bot of a fleet. Channels are names of bots, or topics.

#include "stream.hpp"
#include "transport.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <troupe/bot.hpp>
#include <unistd.h>
#include <utility>

namespace talk {

namespace {

using namespace ::troupe::bot;

class link : public transport {
public:
  link() {
    bot_.on_message([this](const message& what) {
      ++got_;
      if (each_)
        (*each_)(what.payload());
    });
    bot_.on_outcome([this](const outcome& what) {
      if (!what.good())
        die("a message was not taken: " + what.text);
      ++acknowledged_;
    });
    while (!bot_.linked())
      bot_.step(milliseconds{100});
  }

  void listen(const std::string& channel) override {
    if (!channel.starts_with("topic:"))
      return; // to a bot's own name everything comes anyway
    bot_.subscribe(channel.substr(6), [this](const message& what) {
      ++got_;
      if (each_)
        (*each_)(what.payload());
    });
    bot_.flush(milliseconds{5000});
    bot_.step(milliseconds{100});
  }

  void send(const std::string& channel, std::string_view payload, bool urgent) override {
    send_options how;
    how.lane = urgent ? lane::urgent : lane::normal;
    how.timeout = milliseconds{60'000};
    const auto said = channel.starts_with("topic:")
                          ? bot_.publish(std::string_view{channel}.substr(6), payload, how)
                          : bot_.send(channel, payload, how);
    if (!said)
      die("cannot send to " + channel);
    if (!corked_ && ++sent_ > 1) { // more than one without `flush`: a flood
      bot_.cork();
      corked_ = true;
    }
  }

  // What is sent goes out by itself.
  void flush() override {
    sent_ = 0;
    if (std::exchange(corked_, false))
      bot_.uncork();
  }

  void send_durable(const std::string& channel, std::string_view payload) override {
    send_options how;
    how.delivery = delivery::durable;
    if (!bot_.send(channel, payload, how))
      die("cannot send to " + channel);
  }
  std::uint64_t acknowledged() const override { return acknowledged_; }

  void receive(milliseconds wait, const receiver& each) override {
    each_ = &each;
    const auto before = got_;
    if (!bot_.step(wait) && got_ == before)
      std::exit(0); // the fleet ends
    each_ = nullptr;
  }

private:
  const receiver* each_ = nullptr;
  std::uint64_t got_ = 0;
  std::uint64_t sent_ = 0;
  bool corked_ = false;
  std::uint64_t acknowledged_ = 0;
  client bot_;
};

} // namespace

std::unique_ptr<transport> make_troupe(const std::string&) {
  return std::make_unique<link>();
}

} // namespace talk
