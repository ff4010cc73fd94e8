// How fast the hub's core is on one core: messages a second from one bot to another, through
// `on_data`, without sockets. Not a test; docs/benchmarks has the figures of the whole.

#include "actors/messaging/hub.hpp"
#include "messages/wire/frame.hpp"
#include "messages/wire/message.hpp"

#include <chrono>
#include <cstdio>
#include <string>

using namespace troupe;
using namespace troupe::messaging;

namespace {

struct sink : hub_port {
  monotonic clock{std::chrono::seconds{1}};
  std::uint64_t bytes = 0;

  monotonic now() const override { return clock; }
  std::int64_t wall() const override { return 1; }
  void write(link_id, std::string_view out) override { bytes += out.size(); }
  std::size_t unsent(link_id) const override { return 0; }
  void close(link_id) override { std::puts("a link was closed"); }
  void tell(notice) override {}
  void store(queue_batch_ptr, std::function<void(std::string)>) override {}
  void spill(spill_batch_ptr, std::function<void(std::string)>) override {}
  void unspill(const std::string&, std::uint8_t, std::uint32_t, std::uint64_t,
               std::function<void(spill_list)>) override {}
  void drop_spilled(const std::string&) override {}
  void dead_letters(dead_letter_query, std::function<void(dead_letter_list)>) override {}
};

link_hello hello(const char* name) {
  link_hello h;
  h.instance = name;
  h.incarnation = 1;
  h.version = 1;
  h.window_messages = 65'536;
  h.window_bytes = 16 << 20;
  return h;
}

} // namespace

int main() {
  sink port;
  hub core{port, {}};
  auto spec = std::make_shared<config::bot_spec>();
  auto table = std::make_shared<routing_table>();
  for (const char* bot : {"market/feed", "market/trader"}) {
    auto r = std::make_shared<route>();
    r->bot = bot;
    r->group = "market";
    r->instance = std::string{bot} + "#0";
    r->incarnation = 1;
    r->now = state::running;
    r->spec = spec;
    table->instances[r->instance] = r;
    auto p = std::make_shared<pool>();
    p->members = {r};
    table->bots[bot] = p;
  }
  core.set_routes(table);
  core.on_link(1, hello("market/feed#0"));
  core.on_link(2, hello("market/trader#0"));
  for (const char* to : {"market/trader#0", "market/trader"}) {
    std::uint64_t messages = 0;
    std::chrono::duration<double> took{};
    static std::uint64_t sequence = 1;
    static wire::credits all{};
    while (took.count() < 1.5) {
      std::string batch;
      const std::string payload(100, 'x');
      for (int i = 0; i < 300; ++i) {
        wire::message_view v;
        v.sequence = sequence++;
        v.to = to;
        v.payload = payload;
        v.length = 100;
        append_frame(batch, v);
      }
      const auto before = std::chrono::steady_clock::now();
      core.on_data(1, batch);
      took += std::chrono::steady_clock::now() - before;
      messages += 300;
      all[2].messages += 300;
      all[2].bytes += 300
                      * (wire::message_head_size + std::string_view{to}.size()
                         + std::string_view{"market/feed#0"}.size() + 100);
      std::string credit;
      append_frame(credit, all);
      core.on_data(2, credit);
    }
    std::printf("%-16s %.2f M messages/s, %.0f ns each\n", to, messages / took.count() / 1e6,
                took.count() / messages * 1e9);
  }
  std::printf("out: %.0f messages\n", core.counts().of.at("messages_out"));
}
