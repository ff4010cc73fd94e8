// The SDK and the hub, each as it is: connections that break and runtimes that die, at random, in
// one thread and on one clock. Nothing assured is lost, and nothing handled twice.

#include "../messaging/hub_fixture.hpp"
#include "actors/bot/letter.hpp"

#include <map>
#include <memory>
#include <random>
#include <sys/socket.h>
#include <troupe/bot.hpp>
#include <unistd.h>

namespace sdk = troupe::bot;
using hub_tests::json;
using troupe::messaging::link_hello;
namespace wire = troupe::wire;
using namespace std::chrono_literals;

namespace {

/// The hub's end of a connection.
struct connection {
  int fd = -1;
  troupe::messaging::link_id id = 0; ///< 0: it has not said hello
  std::string in;
};

struct world {
  hub_tests::hub_fixture hub;
  std::vector<connection> connections;

  ~world() {
    for (auto& each : connections)
      ::close(each.fd);
  }

  link_hello read_hello(std::string_view body) {
    const auto said = json::parse(body);
    link_hello result;
    result.instance = said["instance"];
    result.incarnation = said["incarnation"];
    result.version = 1;
    result.client = said["client"];
    result.zstd = true;
    result.drains = result.takes_config = true;
    result.window_messages = said["window"]["messages"];
    result.window_bytes = said["window"]["bytes"];
    result.next = said["next"];
    result.known = said["known"];
    return result;
  }

  /// Bytes go to and fro. False: none did.
  bool pump() {
    bool moved = false;
    for (auto& each : connections) {
      char bytes[16384];
      const auto size = ::recv(each.fd, bytes, sizeof bytes, MSG_DONTWAIT);
      if (size == 0) {
        end(each);
        continue;
      }
      if (size > 0) {
        moved = true;
        std::string_view got{bytes, static_cast<std::size_t>(size)};
        if (each.id == 0) {
          each.in += got;
          const auto frame = wire::parse_frame(each.in);
          if (frame.what != wire::parsed_frame::kind::whole)
            continue;
          BOOST_TEST_REQUIRE((frame.type == wire::frame_type::hello));
          each.id = ++hub.last_link;
          hub.core->on_link(each.id, read_hello(frame.body));
          const auto rest = each.in.substr(frame.consumed);
          if (!rest.empty() && !hub.port.closed.contains(each.id))
            hub.core->on_data(each.id, rest);
        } else if (!hub.port.closed.contains(each.id)) {
          hub.core->on_data(each.id, got);
        }
      }
      hub.run();
      moved |= give(each);
    }
    std::erase_if(connections, [](const connection& each) { return each.fd < 0; });
    return moved;
  }
  bool give(connection& to) {
    auto& out = hub.port.written[to.id];
    const auto size =
        out.empty() ? 0 : ::send(to.fd, out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size > 0)
      out.erase(0, static_cast<std::size_t>(size));
    if (hub.port.closed.contains(to.id) && out.empty())
      end(to);
    return size > 0;
  }
  void end(connection& which) {
    if (which.id != 0)
      hub.core->on_closed(which.id);
    ::close(which.fd);
    which.fd = -1;
  }
  /// A connection breaks, and what was in it is lost.
  void cut(std::size_t which) {
    end(connections.at(which));
    connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(which));
  }
  void new_runtime() {
    for (auto& each : connections)
      ::close(each.fd);
    connections.clear();
    hub.restart();
  }
};

struct world_host : sdk::detail::host {
  world& in;
  explicit world_host(world& of)
      : in{of} {
    // nop
  }
  sdk::detail::instant now() const override { return in.hub.port.clock; }
  int connect(const std::string&) override {
    int fds[2];
    BOOST_TEST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    in.connections.push_back({fds[1], 0, {}});
    return fds[0];
  }
  int wait(pollfd*, std::size_t, sdk::detail::instant timeout) override {
    if (!in.pump())
      in.hub.pass(std::min<sdk::detail::instant>(timeout, 1ms));
    return 0;
  }
  void random(void* into, std::size_t size) override {
    std::fill_n(static_cast<std::uint8_t*>(into), size, std::uint8_t{7});
  }
};

std::unique_ptr<sdk::client> make(world& in, const std::string& name, std::uint64_t incarnation) {
  sdk::options who;
  who.link = "/link.sock";
  who.token = "00";
  who.instance = name;
  who.incarnation = incarnation;
  return sdk::detail::access::make(who, std::make_unique<world_host>(in));
}

/// Two traders and a feed that sends to them while things break.
void run_story(unsigned seed, sdk::delivery how, bool runtimes_die) {
  std::mt19937 random{seed};
  world all;
  all.hub.instance("market/feed", 0);
  all.hub.instance("market/trader", 0);
  all.hub.instance("market/trader", 1);
  all.hub.apply();
  all.hub.restore();
  std::map<std::string, int> handled;
  int again = 0;
  std::map<std::pair<int, std::uint64_t>, int> ended;
  auto feed = make(all, "market/feed#0", 1);
  std::vector<std::unique_ptr<sdk::client>> traders;
  for (int i = 0; i < 2; ++i) {
    traders.push_back(make(all, "market/trader#" + std::to_string(i), 1));
    traders.back()->on_message([&](const sdk::message& m) {
      ++handled[std::string{m.payload()}];
      again += m.redelivered();
    });
  }
  const auto good = how == sdk::delivery::assured ? sdk::code::done : sdk::code::accepted;
  feed->on_outcome([&](const sdk::outcome& each) {
    BOOST_TEST_REQUIRE((each.code == good), to_string(each.code) << " " << each.text);
    ++ended[{static_cast<int>(each.lane), each.sequence}];
  });
  const char* addresses[] = {"market/trader", "market/trader#0", "market/trader#1"};
  const int count = 600;
  int sent = 0;
  for (int round = 0; round < 20'000; ++round) {
    if (sent < count && random() % 2 == 0) {
      const auto lane = static_cast<sdk::lane>(random() % 4);
      const auto text = std::to_string(sent) + std::string(random() % 3000, 'x');
      if (feed->send(addresses[random() % 3], text,
                     {.lane = lane, .delivery = how, .timeout = 0ms}))
        ++sent;
    }
    feed->step(0ms);
    for (auto& each : traders)
      if (random() % 3 != 0)
        each->step(0ms);
    all.pump();
    if (round % 4 == 0)
      all.hub.pass(1ms);
    if (sent < count && !all.connections.empty() && random() % 100 == 0)
      all.cut(random() % all.connections.size());
    if (runtimes_die && sent < count && random() % 300 == 0)
      all.new_runtime();
    if (sent == count && ended.size() == static_cast<std::size_t>(count)
        && handled.size() == static_cast<std::size_t>(count))
      break;
  }
  BOOST_TEST(sent == count);
  BOOST_TEST(all.hub.last_link > 6u); // things did break
  BOOST_TEST_MESSAGE("seed " << seed << ": " << all.hub.last_link << " links, "
                             << all.hub.options.epoch << " runtimes, " << again << " came again");
  BOOST_TEST(ended.size() == static_cast<std::size_t>(count));
  BOOST_TEST(handled.size() == static_cast<std::size_t>(count));
  for (const auto& [text, times] : handled)
    BOOST_TEST(times == 1, text.substr(0, 6) << " was handled " << times << " times");
  for (const auto& [which, times] : ended)
    BOOST_TEST(times == 1);
}

} // namespace

BOOST_AUTO_TEST_SUITE(sdk_and_hub)

BOOST_AUTO_TEST_CASE(assured_messages_survive_broken_connections) {
  for (unsigned seed = 1; seed <= 10; ++seed)
    BOOST_TEST_CONTEXT("seed " << seed)
  run_story(seed, sdk::delivery::assured, false);
}

BOOST_AUTO_TEST_CASE(assured_messages_survive_runtimes) {
  for (unsigned seed = 1; seed <= 10; ++seed)
    BOOST_TEST_CONTEXT("seed " << seed)
  run_story(seed, sdk::delivery::assured, true);
}

BOOST_AUTO_TEST_CASE(durable_messages_survive_runtimes) {
  for (unsigned seed = 1; seed <= 10; ++seed)
    BOOST_TEST_CONTEXT("seed " << seed)
  run_story(seed, sdk::delivery::durable, true);
}

BOOST_AUTO_TEST_CASE(a_request_crosses_the_hub_and_comes_back) {
  world all;
  all.hub.instance("market/feed", 0);
  all.hub.instance("market/trader", 0);
  all.hub.apply();
  all.hub.restore();
  auto feed = make(all, "market/feed#0", 1);
  auto trader = make(all, "market/trader#0", 1);
  trader->on_request([](const sdk::message& m) { return "re: " + std::string{m.payload()}; });
  std::string said;
  feed->request("market/trader", std::string(2000, 'q'), 5s,
                [&](const sdk::answer& a) { said = a.payload; });
  for (int i = 0; i < 200 && said.empty(); ++i) {
    feed->step(0ms);
    trader->step(0ms);
    all.pump();
    all.hub.pass(1ms);
  }
  BOOST_TEST(said == "re: " + std::string(2000, 'q'));
}

BOOST_AUTO_TEST_SUITE_END()
