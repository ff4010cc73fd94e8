// What the queue alone can do: a producer keeps so many requests under way; each is one durable
// message accepted and, a moment later, one that has ended. Prints one JSON document.
//
// usage: durable DIRECTORY [SECONDS] [OUTSTANDING] [MESSAGES A REQUEST] [BYTES]

#include "actors/queue.hpp"
#include "runtime/store/queue_store.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

using namespace troupe;
using clock_type = std::chrono::steady_clock;

namespace {

struct load {
  std::uint64_t outstanding = 1000;
  std::uint64_t messages = 1;
  std::size_t bytes = 200; // a body of a frame with 100 bytes of payload
  clock_type::time_point until;
  std::uint64_t row = 0;
  std::uint64_t under_way = 0;
  std::uint64_t done = 0;
  std::string problem;
};

void send_one(caf::event_based_actor* self, const queue_actor& queue, load& x) {
  auto batch = std::make_shared<messaging::queue_batch>();
  for (std::uint64_t i = 0; i < x.messages; ++i) {
    batch->accepted.push_back({++x.row, "bench/receiver#0", 0, 0, std::string(x.bytes, 'm')});
    if (x.row > 2 * x.outstanding * x.messages)
      batch->finished.push_back(x.row - 2 * x.outstanding * x.messages);
  }
  ++x.under_way;
  self->request(queue, std::chrono::seconds{30}, write_atom_v, messaging::queue_batch_ptr{batch})
      .then([self, queue, &x](const std::string& problem) {
        --x.under_way;
        x.done += x.messages;
        if (!problem.empty())
          x.problem = problem;
        if (problem.empty() && clock_type::now() < x.until)
          send_one(self, queue, x);
      });
}

std::uint64_t argument(int argc, char** argv, int index, std::uint64_t otherwise) {
  return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: durable DIRECTORY [SECONDS] [OUTSTANDING] [MESSAGES] [BYTES]\n");
    return 2;
  }
  std::filesystem::create_directories(argv[1]);
  const auto path = std::string{argv[1]} + "/queue.db";
  const auto seconds = argument(argc, argv, 2, 5);
  load x;
  x.outstanding = argument(argc, argv, 3, x.outstanding);
  x.messages = argument(argc, argv, 4, x.messages);
  x.bytes = argument(argc, argv, 5, x.bytes);
  caf::actor_system_config config;
  config.add_message_types<caf::id_block::troupe_admin>();
  config.add_message_types<caf::id_block::troupe_actors>();
  config.set("scheduler.policy", caf::atom("sharing"));
  caf::actor_system system{config};
  auto queue = system.spawn<caf::detached>(troupe::queue, store::open_queue(path), true);
  caf::scoped_actor self{system};
  self->request(queue, std::chrono::seconds{30}, view_atom_v)
      .receive([&](const messaging::queue_contents_ptr& found) { x.row = found->last_row; },
               [](const caf::error&) {});
  const auto first = x.row;
  const auto begin = clock_type::now();
  x.until = begin + std::chrono::seconds{seconds};
  auto producer = system.spawn<caf::detached>([&](caf::event_based_actor* who) {
    for (std::uint64_t i = 0; i < x.outstanding; ++i)
      send_one(who, queue, x);
  });
  self->wait_for(producer);
  const auto took = std::chrono::duration<double>{clock_type::now() - begin}.count();
  self->request(queue, std::chrono::seconds{30}, figures_atom_v)
      .receive(
          [&](const figures& now) {
            std::printf("{\"schema_version\":1,\"messages\":%llu,\"messages_per_s\":%.0f,"
                        "\"commits_per_s\":%.0f,\"requests_per_commit\":%.1f,"
                        "\"commit_longest_s\":%.4f,\"problem\":\"%s\"}\n",
                        static_cast<unsigned long long>(x.row - first),
                        static_cast<double>(x.done) / took, now.of.at("commits") / took,
                        now.of.at("requests") / now.of.at("commits"), now.of.at("commit_longest_s"),
                        x.problem.c_str());
          },
          [](const caf::error&) {});
  self->send_exit(queue, caf::exit_reason::user_shutdown);
  return x.problem.empty() ? 0 : 1;
}
