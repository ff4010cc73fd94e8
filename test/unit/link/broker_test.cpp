// The hub in the middleman's thread, over real sockets.

#include "messages/wire/message.hpp"
#include "raw_bot.hpp"
#include "runtime/link/hub_broker.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

/// What the hub tells the launcher.
struct told {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<notice> notices;

  bool wait(notice::kind what, const std::string& instance) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, 20s, [&] {
      return std::any_of(notices.begin(), notices.end(),
                         [&](const notice& x) { return x.what == what && x.instance == instance; });
    });
  }
};

/// Of the launcher only what the hub needs.
caf::behavior fake_launcher(caf::event_based_actor*, const std::shared_ptr<told>& to) {
  return {[to](const notice& x) {
    const std::lock_guard lock{to->mutex};
    to->notices.push_back(x);
    to->changed.notify_all();
  }};
}

/// A queue that keeps nothing, and answers so.
caf::behavior fake_queue(caf::event_based_actor* self) {
  return {
      [self](write_atom, const messaging::queue_batch_ptr& x) -> std::string {
        if (!x->accepted.empty() && x->accepted.front().body.find("die") != std::string::npos)
          self->quit(caf::exit_reason::kill);
        return {};
      },
      [](view_atom) -> messaging::queue_contents_ptr {
        return std::make_shared<const messaging::queue_contents>();
      },
  };
}

struct settings : caf::actor_system_config {
  settings() {
    load<caf::io::middleman>();
    add_message_types<caf::id_block::troupe_admin>();
    add_message_types<caf::id_block::troupe_actors>();
    set("scheduler.max-threads", std::size_t{1});
  }
};

messaging::routes_ptr table(std::uint64_t incarnation, state now = state::running) {
  auto result = std::make_shared<messaging::routing_table>();
  auto members = std::make_shared<messaging::pool>();
  const auto spec = std::make_shared<config::bot_spec>();
  for (std::uint32_t i = 0; i < 4; ++i) {
    auto one = std::make_shared<messaging::route>();
    one->bot = "a";
    one->instance = "a#" + std::to_string(i);
    one->index = i;
    one->incarnation = incarnation;
    one->now = now;
    one->wanted = true;
    one->spec = spec;
    result->instances[one->instance] = one;
    members->members.push_back(one);
  }
  result->bots["a"] = members;
  result->groups[""] = std::make_shared<const std::vector<std::string>>(1, "a");
  return result;
}

struct broker_fixture {
  settings config;
  caf::actor_system system{config};
  std::shared_ptr<told> launcher_heard = std::make_shared<told>();
  services_ptr all;
  hub_actor hub;
  link::hub_broker_options options;

  void start(bool with_queue = false, bool with_table = true) {
    hub = link::make_hub(system, options);
    auto given = std::make_shared<services>();
    given->launcher = caf::actor_cast<launcher_actor>(system.spawn(fake_launcher, launcher_heard));
    if (with_queue)
      given->queue = caf::actor_cast<queue_actor>(system.spawn(fake_queue));
    given->hub = hub;
    all = given;
    caf::anon_send(hub, wire_atom_v, all);
    if (with_table)
      caf::anon_send(hub, apply_atom_v, table(7));
  }

  ~broker_fixture() {
    caf::anon_send_exit(hub, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(all->launcher, caf::exit_reason::user_shutdown);
    if (all->queue)
      caf::anon_send_exit(all->queue, caf::exit_reason::user_shutdown);
  }

  /// What the listener hands over.
  raw_bot hand_over(const std::string& instance, std::uint64_t incarnation = 7,
                    std::string read = {}) {
    int ends[2];
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    messaging::link_hello hello;
    hello.instance = instance;
    hello.incarnation = incarnation;
    hello.version = 1;
    hello.window_messages = 65'536;
    hello.window_bytes = 16u << 20;
    const auto owned = std::make_shared<os::unique_fd>(ends[1]);
    caf::anon_send(hub, link_atom_v,
                   new_link{hello, std::move(read), [owned] { return owned->release(); }});
    return raw_bot{os::unique_fd{ends[0]}};
  }

  raw_bot link(const std::string& instance) {
    auto result = hand_over(instance);
    const auto welcome = result.hear();
    BOOST_REQUIRE(welcome.has_value());
    BOOST_REQUIRE(welcome->type == wire::frame_type::welcome);
    return result;
  }

  double figure(const std::string& name) {
    caf::scoped_actor self{system};
    double result = -1;
    self->request(hub, 20s, figures_atom_v)
        .receive([&](const figures& x) { result = x.of.count(name) ? x.of.at(name) : -1; },
                 [](const caf::error&) { BOOST_FAIL("no figures"); });
    return result;
  }
};

std::string message(const std::string& to, std::uint64_t sequence, std::string_view payload,
                    wire::delivery how = wire::delivery::fire, wire::lane in = wire::lane::normal) {
  wire::message_view x;
  x.in = in;
  x.how = how;
  x.sequence = sequence;
  x.incarnation = 7;
  x.to = to;
  x.payload = payload;
  x.length = static_cast<std::uint32_t>(payload.size());
  std::string result;
  wire::append_frame(result, x);
  return result;
}

heard next(raw_bot& bot, wire::frame_type type) {
  for (const auto until = std::chrono::steady_clock::now() + 20s;;) {
    auto got = bot.hear();
    BOOST_REQUIRE(got.has_value());
    // PINGs would let it hear for ever.
    BOOST_REQUIRE((got->type == type || std::chrono::steady_clock::now() < until));
    if (got->type == type)
      return std::move(*got);
  }
}

std::string payload_of(const heard& x) {
  wire::message_view view;
  BOOST_REQUIRE(wire::decode(x.body, view) == nullptr);
  return std::string{view.payload};
}

wire::outcome outcome_for(raw_bot& bot) {
  std::vector<wire::outcome> result;
  const auto got = next(bot, wire::frame_type::outcome);
  BOOST_REQUIRE(wire::decode(got.body, result) == nullptr);
  BOOST_REQUIRE(!result.empty());
  return result.front();
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(hub_broker, broker_fixture)

// R01: after the death of a runtime bots are back before anybody knows who they are.
BOOST_AUTO_TEST_CASE(a_link_that_comes_before_the_first_table_waits_for_it) {
  start(false, false);
  auto a = hand_over("a#0", 7, message("a#1", 1, "early", wire::delivery::assured));
  auto b = hand_over("a#1");
  BOOST_TEST(figure("links") == 0);
  caf::anon_send(hub, apply_atom_v, table(7));
  BOOST_TEST(payload_of(next(b, wire::frame_type::message)) == "early");
  BOOST_TEST(figure("links") == 2);
}

BOOST_AUTO_TEST_CASE(a_message_goes_from_link_to_link) {
  start();
  auto a = link("a#0");
  auto b = link("a#1");
  BOOST_TEST(launcher_heard->wait(notice::kind::linked, "a#0"));
  for (std::uint64_t i = 1; i <= 100; ++i) {
    a.say(message("a#1", i, "ping " + std::to_string(i)));
    BOOST_TEST(payload_of(next(b, wire::frame_type::message)) == "ping " + std::to_string(i));
    b.say(message("a#0", i, "pong " + std::to_string(i)));
    BOOST_TEST(payload_of(next(a, wire::frame_type::message)) == "pong " + std::to_string(i));
  }
}

BOOST_AUTO_TEST_CASE(what_came_with_the_hello_is_not_lost) {
  start();
  auto b = link("a#1");
  auto a = hand_over("a#0", 7, message("a#1", 1, "early") + message("a#1", 2, "bird").substr(0, 9));
  a.say(message("a#1", 2, "bird").substr(9));
  BOOST_TEST(payload_of(next(b, wire::frame_type::message)) == "early");
  BOOST_TEST(payload_of(next(b, wire::frame_type::message)) == "bird");
}

BOOST_AUTO_TEST_CASE(time_passes_without_anything_being_said) {
  options.hub.heartbeat = 1s;
  start();
  auto a = link("a#0");
  auto b = link("a#1");
  a.say(message("a#1", 1, "x"));
  // The receipt comes ten milliseconds later, then after a silent second a PING.
  BOOST_TEST((next(a, wire::frame_type::receipt).type == wire::frame_type::receipt));
  BOOST_TEST((next(a, wire::frame_type::ping).type == wire::frame_type::ping));
}

BOOST_AUTO_TEST_CASE(large_amounts_pass_through_small_buffers) {
  start();
  auto a = link("a#0");
  auto b = link("a#1");
  // Of one round all has room in the mailbox, however slow the reader is.
  constexpr std::uint64_t in_a_round = 20;
  const std::string large(600'000, 'x');
  wire::credits credit{};
  auto& normal = credit[static_cast<std::size_t>(wire::lane::normal)];
  for (int round = 0; round < 5; ++round) {
    const auto before = normal.messages;
    std::jthread writer{[&] {
      for (auto i = before + 1; i <= before + in_a_round; ++i)
        a.say(message("a#1", i, std::to_string(i) + ' ' + large));
    }};
    while (normal.messages < before + in_a_round) {
      const auto got = next(b, wire::frame_type::message);
      normal.bytes += got.body.size();
      BOOST_TEST(payload_of(got).starts_with(std::to_string(++normal.messages) + ' '));
      std::string back;
      wire::append_frame(back, credit);
      b.say(back);
    }
  }
}

BOOST_AUTO_TEST_CASE(one_that_reads_nothing_costs_little_and_the_others_nothing) {
  start();
  auto a = link("a#0");
  auto stuck = link("a#1");
  auto c = link("a#2");
  auto d = link("a#3");
  std::thread writer{[&] {
    const std::string large(100'000, 'x');
    for (std::uint64_t i = 1; i <= 50; ++i)
      a.say(message("a#1", i, large));
  }};
  for (std::uint64_t i = 1; i <= 50; ++i) {
    c.say(message("a#3", i, std::to_string(i)));
    BOOST_TEST(payload_of(next(d, wire::frame_type::message)) == std::to_string(i));
  }
  writer.join();
  const auto unsent = figure("unsent_bytes");
  BOOST_TEST(unsent > 0);
  BOOST_TEST(unsent <= (64 << 10) + (1 << 20));
}

BOOST_AUTO_TEST_CASE(a_flood_does_not_keep_others_from_their_turn) {
  start();
  std::vector<raw_bot> flooders;
  flooders.push_back(link("a#0"));
  flooders.push_back(link("a#1"));
  auto b = link("a#2");
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (auto& each : flooders)
    threads.emplace_back([&over, &each] {
      std::string burst;
      for (int i = 0; i < 1000; ++i)
        burst += frame(wire::frame_type::ping, std::string_view{"12345678"});
      while (!over && each.say(burst)) {
        char answers[1 << 16];
        while (::recv(each.fd.get(), answers, sizeof answers, MSG_DONTWAIT) > 0)
          ;
      }
    });
  for (int i = 0; i < 200; ++i) {
    b.say(frame(wire::frame_type::ping, std::string_view{"abcdefgh"}));
    BOOST_TEST(next(b, wire::frame_type::pong).body == "abcdefgh");
  }
  over = true;
  for (auto& each : threads)
    each.join();
}

BOOST_AUTO_TEST_CASE(the_end_of_a_connection_is_noticed) {
  start();
  { auto a = link("a#0"); }
  BOOST_TEST(launcher_heard->wait(notice::kind::unlinked, "a#0"));
  // The last words before it count.
  auto b = link("a#1");
  {
    auto a = link("a#0");
    a.say(message("a#1", 1, "last words"));
  }
  BOOST_TEST(payload_of(next(b, wire::frame_type::message)) == "last words");
}

BOOST_AUTO_TEST_CASE(a_broken_link_gets_its_bye_and_ends) {
  start();
  auto a = link("a#0");
  a.say(std::string(9, '\0') + std::string(100'000, 'x'));
  BOOST_TEST(next(a, wire::frame_type::bye).json()["reason"] == "bad_frame");
  BOOST_TEST(a.ended());
  // It has gone from the hub too.
  BOOST_TEST(link("a#0").fd.get() >= 0);
}

BOOST_AUTO_TEST_CASE(who_does_not_read_his_bye_is_closed_all_the_same) {
  options.linger = 50ms;
  start();
  auto a = link("a#0");
  auto b = link("a#1");
  // Its buffers are full of what it does not read.
  const std::string large(200'000, 'x');
  for (std::uint64_t i = 1; i <= 20; ++i)
    a.say(message("a#1", i, large));
  b.say(std::string(9, '\0'));
  BOOST_TEST(launcher_heard->wait(notice::kind::unlinked, "a#1"));
  pollfd gone{b.fd.get(), 0, 0};
  BOOST_TEST(::poll(&gone, 1, 20'000) == 1);
  BOOST_TEST((gone.revents & POLLHUP) != 0);
}

BOOST_AUTO_TEST_CASE(durable_needs_a_queue_that_answers) {
  start(true);
  auto a = link("a#0");
  auto b = link("a#1");
  a.say(message("a#1", 1, "kept", wire::delivery::durable));
  BOOST_TEST((outcome_for(a).code == wire::outcome_code::accepted));
  BOOST_TEST(payload_of(next(b, wire::frame_type::message)) == "kept");
  a.say(message("a#1", 2, "die", wire::delivery::durable));
  static_cast<void>(outcome_for(a)); // the queue ends with it
  a.say(message("a#1", 3, "too late", wire::delivery::durable));
  BOOST_TEST((outcome_for(a).code == wire::outcome_code::store_unavailable));
}

BOOST_AUTO_TEST_CASE(without_a_queue_nothing_is_durable) {
  start();
  auto a = link("a#0");
  a.say(message("a#1", 1, "x", wire::delivery::durable));
  BOOST_TEST((outcome_for(a).code == wire::outcome_code::store_unavailable));
}

BOOST_AUTO_TEST_CASE(the_end_of_the_fleet_is_said) {
  start();
  auto a = link("a#0");
  caf::anon_send(hub, stop_atom_v);
  BOOST_TEST(next(a, wire::frame_type::bye).json()["reason"] == "stopping");
  BOOST_TEST(a.ended());
  auto late = hand_over("a#1");
  BOOST_TEST(next(late, wire::frame_type::bye).json()["reason"] == "stopping");
}

BOOST_AUTO_TEST_CASE(a_hub_that_is_replaced_leaves_nothing_open) {
  start();
  auto a = link("a#0");
  caf::anon_send_exit(hub, caf::exit_reason::kill);
  BOOST_TEST(a.ended());
  hub = link::make_hub(system, options);
  caf::anon_send(hub, wire_atom_v, all);
  caf::anon_send(hub, apply_atom_v, table(7));
  BOOST_TEST(link("a#0").fd.get() >= 0);
}

BOOST_AUTO_TEST_CASE(a_process_that_has_ended_loses_its_link) {
  start();
  auto a = link("a#0");
  caf::anon_send(hub, apply_atom_v, table(7, state::backoff));
  BOOST_TEST(next(a, wire::frame_type::bye).json()["reason"] == "old_incarnation");
  BOOST_TEST(a.ended());
}

BOOST_AUTO_TEST_CASE(a_shell_is_answered) {
  start();
  auto a = link("a#0");
  caf::scoped_actor self{system};
  std::string answer;
  self->request(hub, 20s, hub_request{"links", "{}"})
      .receive([&](const std::string& x) { answer = x; },
               [&](const caf::error& why) { BOOST_FAIL(system.render(why)); });
  BOOST_TEST(json::parse(answer).is_object());
  self->request(hub, 20s, hub_request{"no such operation", "not json"})
      .receive([&](const std::string& x) { answer = x; },
               [&](const caf::error& why) { BOOST_FAIL(system.render(why)); });
  BOOST_TEST(json::parse(answer).contains("error"));
}

BOOST_AUTO_TEST_SUITE_END()
