// The fuzz target of the hub: a bot that says whatever it likes, beside one that behaves. What the
// hub writes must be whole frames, the memory it takes must keep within its bounds, and the
// neighbour must stay linked. Two bytes before each frame: its type, and how time goes on; frames
// get a right checksum here, or nothing would ever get by the decoder.
#include "actors/messaging/hub.hpp"
#include "messages/wire/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>

namespace {

using namespace troupe;
using namespace troupe::messaging;

void require(bool holds, const char* what) {
  if (holds)
    return;
  std::fprintf(stderr, "fuzz_hub: %s\n", what);
  std::abort();
}

/// Takes everything at once.
struct world : hub_port {
  monotonic clock{std::chrono::hours{1}};
  std::map<link_id, std::string> written;
  std::map<link_id, bool> closed;
  std::vector<std::function<void()>> jobs;

  monotonic now() const override { return clock; }
  std::int64_t wall() const override { return clock.count() / 1000; }
  void write(link_id id, std::string_view bytes) override {
    require(!closed[id], "nothing is written to a link that was closed");
    written[id] += bytes;
  }
  std::size_t unsent(link_id) const override { return 0; }
  void close(link_id id) override { closed[id] = true; }
  void tell(notice) override {}
  void store(queue_batch_ptr, std::function<void(std::string)> done) override {
    jobs.push_back([done] { done({}); });
  }
  void spill(spill_batch_ptr, std::function<void(std::string)> done) override {
    jobs.push_back([done] { done({}); });
  }
  void unspill(const std::string&, std::uint8_t, std::uint32_t, std::uint64_t,
               std::function<void(spill_list)> done) override {
    jobs.push_back([done] { done({}); });
  }
  void drop_spilled(const std::string&) override {}
  void dead_letters(dead_letter_query, std::function<void(dead_letter_list)> done) override {
    jobs.push_back([done] { done({}); });
  }

  void settle() {
    for (auto work = std::exchange(jobs, {}); !work.empty(); work = std::exchange(jobs, {}))
      for (const auto& each : work)
        each();
  }

  void check() {
    for (auto& [id, bytes] : written) {
      std::string_view rest = bytes;
      while (!rest.empty()) {
        const auto frame = wire::parse_frame(rest);
        require(frame.what == wire::parsed_frame::kind::whole, "what is written are whole frames");
        rest.remove_prefix(frame.consumed);
      }
      bytes.clear();
    }
  }
};

routes_ptr two_bots() {
  auto table = std::make_shared<routing_table>();
  table->fleet = "fuzz";
  for (const auto* name : {"m/a", "m/b"}) {
    auto spec = std::make_shared<config::bot_spec>();
    spec->command = {"x"};
    spec->mailbox.messages = 100;
    spec->mailbox.bytes = 64 << 10;
    spec->mailbox.when_full = config::overflow::drop_oldest;
    auto one = std::make_shared<route>();
    one->bot = name;
    one->instance = one->bot + "#0";
    one->group = "m";
    one->incarnation = 7;
    one->now = state::running;
    one->wanted = true;
    one->spec = spec;
    table->instances[one->instance] = one;
    auto members = std::make_shared<pool>();
    members->members = {one};
    table->bots[one->bot] = members;
  }
  return table;
}

link_hello hello(const char* instance) {
  link_hello result;
  result.instance = instance;
  result.incarnation = 7;
  result.version = 1;
  result.client = "fuzz";
  result.window_messages = 8;
  result.window_bytes = 64 << 10;
  return result;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  world around;
  hub_options options;
  options.memory = 1 << 20;
  hub subject{around, options};
  subject.set_routes(two_bots());
  subject.restore({});
  subject.on_link(1, hello("m/a#0"));
  subject.on_link(2, hello("m/b#0"));
  std::size_t at = 0;
  while (at + 4 <= size && !around.closed[1]) {
    const auto type = data[at];
    const auto wait = data[at + 1];
    const auto length =
        std::min<std::size_t>(data[at + 2] | (std::size_t{data[at + 3]} << 8), size - at - 4);
    at += 4;
    const std::string_view body{reinterpret_cast<const char*>(data) + at, length};
    at += length;
    std::string bytes;
    if (type == 255)
      bytes = body; // as it is, checksum and all
    else
      wire::append_frame(bytes, static_cast<wire::frame_type>(type), body);
    const auto cut = wait % (bytes.size() + 1);
    subject.on_data(1, std::string_view{bytes}.substr(0, cut));
    if (!around.closed[1])
      subject.on_data(1, std::string_view{bytes}.substr(cut));
    around.clock += std::chrono::milliseconds{wait};
    if (const auto due = subject.next_tick(); due && *due <= around.clock)
      subject.tick();
    around.settle();
    around.check();
    require(!around.closed[2], "a neighbour stays linked");
  }
  const auto counts = subject.counts();
  require(counts.of.at("mailbox_bytes") <= 1 << 20, "mailboxes keep within their memory");
  subject.on_closed(1);
  subject.ask("queues", "{}", [](const std::string& answer) {
    require(!answer.empty(), "a question has an answer");
  });
  subject.stop();
  around.settle();
  around.check();
  return 0;
}
