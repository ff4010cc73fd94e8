// Several threads, the real clock, and a runtime in a thread of its own.

#include "fixture.hpp"

#include <atomic>
#include <fcntl.h>
#include <thread>

using namespace troupe;
using namespace troupe::test;

namespace {

/// Welcomes, then answers: receipts for everything, `done` for what is assured, its own payload for
/// a request.
class echo_runtime {
public:
  int end() const { return fds_[0]; }

  echo_runtime() {
    BOOST_TEST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds_) == 0);
    const int flags = ::fcntl(fds_[0], F_GETFL);
    ::fcntl(fds_[0], F_SETFL, flags | O_NONBLOCK);
    thread_ = std::thread{[this] { serve(); }};
  }
  ~echo_runtime() {
    ::shutdown(fds_[1], SHUT_RDWR);
    thread_.join();
    ::close(fds_[1]);
  }

  std::atomic<std::uint64_t> messages = 0;

private:
  void serve() {
    std::string in;
    std::vector<char> bytes(1 << 20);
    wire::receipts taken{};
    for (;;) {
      const auto size = ::recv(fds_[1], bytes.data(), bytes.size(), 0);
      if (size <= 0)
        return;
      in.append(bytes.data(), static_cast<std::size_t>(size));
      std::string out;
      std::vector<wire::outcome> outcomes;
      std::size_t at = 0;
      for (;;) {
        const auto each = wire::parse_frame(std::string_view{in}.substr(at));
        if (each.what != wire::parsed_frame::kind::whole)
          break;
        at += each.consumed;
        if (each.type == frame_type::hello)
          wire::append_frame(out, frame_type::welcome, R"({"version": 1})");
        if (each.type != frame_type::message)
          continue;
        wire::message_view m;
        wire::decode(each.body, m);
        ++messages;
        taken[static_cast<std::size_t>(m.in)] = m.sequence;
        if (m.how == wire::delivery::assured)
          outcomes.push_back({m.in, wire::outcome_code::done, m.sequence, {}});
        if (m.request != 0) {
          wire::message_view reply;
          reply.flags = wire::reply;
          reply.request = m.request;
          reply.sequence = ++sequence_;
          reply.to = "a/b#0";
          reply.from = m.to;
          reply.payload = m.payload;
          reply.length = m.length;
          wire::append_frame(out, reply);
        }
      }
      in.erase(0, at);
      wire::append_frame(out, taken);
      wire::append_frame(out, outcomes);
      if (::send(fds_[1], out.data(), out.size(), MSG_NOSIGNAL) < 0)
        return;
    }
  }

  int fds_[2];
  std::thread thread_;
  std::uint64_t sequence_ = 0;
};

struct threaded_host : bot::detail::host {
  std::unique_ptr<host> real = bot::detail::make_host();
  std::deque<echo_runtime>& runtimes;
  explicit threaded_host(std::deque<echo_runtime>& into)
      : runtimes{into} {
    // nop
  }
  instant now() const override { return real->now(); }
  int connect(const std::string&) override { return runtimes.emplace_back().end(); }
  int wait(pollfd* fds, std::size_t count, instant timeout) override {
    return real->wait(fds, count, timeout);
  }
  void random(void* into, std::size_t size) override { real->random(into, size); }
};

struct threads {
  std::deque<echo_runtime> runtimes;
  std::unique_ptr<bot::client> bot =
      bot::detail::access::make(fixture::who(), std::make_unique<threaded_host>(runtimes));
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(threads_, threads)

BOOST_AUTO_TEST_CASE(many_threads_send_and_ask_while_one_runs) {
  std::atomic<int> outcomes = 0;
  std::atomic<int> wrong = 0; // Boost.Test is for one thread
  bot->on_outcome([&](const bot::outcome&) { ++outcomes; });
  std::thread loop{[&] { bot->run(); }};
  std::vector<std::thread> senders;
  for (int i = 0; i < 4; ++i)
    senders.emplace_back([&, i] {
      for (int k = 0; k < 500; ++k) {
        const auto text = std::to_string(i) + " " + std::to_string(k);
        const auto said = bot->request("a/b", text, 1min);
        wrong += !said || said.payload != text;
        const auto sent =
            bot->send("a/b", text, {.delivery = bot::delivery::assured, .timeout = 1min});
        wrong += !sent || bot->wait(sent, 1min) != bot::code::done;
        wrong += !bot->send("a/b", text, {.lane = bot::lane::urgent, .timeout = 1min});
      }
    });
  for (auto& each : senders)
    each.join();
  BOOST_TEST(bot->flush(1min));
  bot->stop();
  loop.join();
  BOOST_TEST(wrong == 0);
  BOOST_TEST(runtimes.at(0).messages == 6000u);
}

BOOST_AUTO_TEST_CASE(without_a_loop_whoever_waits_serves_the_link) {
  std::atomic<int> wrong = 0;
  std::vector<std::thread> senders;
  for (int i = 0; i < 3; ++i)
    senders.emplace_back([&] {
      for (int k = 0; k < 300; ++k)
        wrong += !bot->request("a/b", "x", 1min);
    });
  for (auto& each : senders)
    each.join();
  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(stop_ends_a_loop_that_waits) {
  std::thread loop{[&] { BOOST_TEST(bot->run() == 0); }};
  while (!bot->linked())
    std::this_thread::yield();
  bot->stop();
  loop.join();
}

BOOST_AUTO_TEST_CASE(a_flood_arrives_whole) {
  const auto count = 200'000;
  std::thread loop{[&] { bot->run(); }};
  int wrong = 0;
  const std::string payload(100, 'x');
  for (int i = 0; i < count; ++i)
    wrong += !bot->send("a/b", payload, {.timeout = 1min});
  BOOST_TEST(bot->flush(1min));
  bot->stop();
  loop.join();
  BOOST_TEST(wrong == 0);
  BOOST_TEST(runtimes.at(0).messages == static_cast<std::uint64_t>(count));
}

BOOST_AUTO_TEST_SUITE_END()
