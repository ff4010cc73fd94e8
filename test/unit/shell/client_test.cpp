// A client and a runtime over a real socket, with CAF at both ends.

#include "fake_runtime.hpp"
#include "runtime/shell/client.hpp"
#include "runtime/shell/executor.hpp"
#include "runtime/shell/parse.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <atomic>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

using namespace troupe;
using namespace troupe::test;
using shell::client;
using std::chrono::milliseconds;

namespace {

/// An admin actor that answers «slow» never, and anything else with a megabyte.
shell::admin_handle odd_admin(caf::actor_system& system) {
  return caf::actor_cast<shell::admin_handle>(
      system.spawn([](shell::admin_handle::pointer self) -> shell::admin_handle::behavior_type {
        return {
            [self](const admin_request& what) -> caf::result<admin_reply> {
              if (what.command == "die")
                self->quit(caf::exit_reason::kill);
              if (what.command != "big")
                return self->make_response_promise<admin_reply>();
              return admin_reply{0, std::string(max_reply_bytes, 'a'), 1};
            },
            [](next_atom, std::uint64_t, std::uint64_t cursor) {
              return admin_reply{0, std::string(max_reply_bytes, static_cast<char>('a' + cursor)),
                                 cursor == 3 ? 0 : cursor + 1};
            },
        };
      }));
}

/// What is printed within goes nowhere.
struct silence {
  int before = dup(STDOUT_FILENO);

  silence() {
    std::fflush(stdout);
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    close(nowhere);
  }
  ~silence() {
    std::fflush(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(client_and_runtime)

BOOST_AUTO_TEST_CASE(more_than_fit_into_one_request_are_waited_for) {
  scratch dir;
  fake_runtime runtime{dir.socket(), {.bots = 9000}};
  client c{{dir.path}};
  const auto what = shell::parse({"start", "all", "--wait=20s", "--json"});
  BOOST_REQUIRE(what.has_value());
  const silence quiet;
  BOOST_TEST(shell::executor(c, {}).carry_out(*what) == 0);
  runtime.w->records.back().now = state::failed;
  BOOST_TEST(shell::executor(c, {}).carry_out(*what) == 1);
}

BOOST_AUTO_TEST_CASE(a_command_goes_there_and_back) {
  scratch dir;
  fake_runtime runtime{dir.socket()};
  client c{{dir.path}};
  const auto got = c.ask("status", "{}", true);
  BOOST_REQUIRE(got.has_value());
  BOOST_TEST(got->exit == 0);
  BOOST_TEST(nlohmann::json::parse(got->document)["instances"].size() == 4);
  BOOST_TEST(c.connect(milliseconds{0})->fleet == "demo fleet");
  const auto stop = c.ask("stop", R"({"targets":["flaky"]})", false);
  BOOST_TEST(stop->exit == 0);
  BOOST_TEST(runtime.w->batches.at(0).audits.at(0).uid == getuid());
}

BOOST_AUTO_TEST_CASE(many_requests_over_one_connection) {
  scratch dir;
  fake_runtime runtime{dir.socket()};
  client c{{dir.path}};
  for (int i = 0; i < 500; ++i)
    BOOST_REQUIRE(c.ask("ping", "{}", true).has_value());
  BOOST_TEST(runtime.sessions->size() == 1);
}

BOOST_AUTO_TEST_CASE(a_large_fleet_arrives_whole) {
  scratch dir;
  fake_runtime runtime{dir.socket(), {.bots = 5000}};
  client c{{dir.path}};
  const auto got = c.ask("status", "{}", true);
  BOOST_REQUIRE(got.has_value());
  BOOST_TEST(got->document.size() > 1'000'000);
  BOOST_TEST(nlohmann::json::parse(got->document)["instances"].size() == 5001);
}

BOOST_AUTO_TEST_CASE(a_megabyte_comes_in_pages_in_order) {
  scratch dir;
  fake_runtime runtime{dir.socket(), {.make = odd_admin}};
  client c{{dir.path}};
  const auto got = c.ask("big", "{}", true);
  BOOST_REQUIRE(got.has_value());
  BOOST_REQUIRE(got->document.size() == 4 * max_reply_bytes);
  for (std::size_t i = 0; i < 4; ++i)
    BOOST_TEST(got->document[i * max_reply_bytes] == static_cast<char>('a' + i));
}

BOOST_AUTO_TEST_CASE(nobody_there_is_told_at_once) {
  scratch dir;
  client c{{dir.path}};
  const auto got = c.ask("ping", "{}", true);
  BOOST_REQUIRE(!got.has_value());
  BOOST_TEST((got.error().exit == exit_code::not_running));
  BOOST_TEST(got.error().message == "no runtime answers at " + dir.socket());
  BOOST_TEST(got.error().hint.find("troupe run") != std::string::npos);
  { const auto left = bind_admin(dir.socket()); }
  BOOST_TEST(c.ask("ping", "{}", true).error().code == "no-runtime");
}

BOOST_AUTO_TEST_CASE(a_runtime_that_is_silent_is_waited_for_as_long_as_was_said) {
  scratch dir;
  const auto held = bind_admin(dir.socket());
  client c{{dir.path, milliseconds{50}}};
  const auto got = c.ask("ping", "{}", true);
  BOOST_REQUIRE(!got.has_value());
  BOOST_TEST((got.error().exit == exit_code::not_running));
  BOOST_TEST(got.error().code == "no-answer");
}

BOOST_AUTO_TEST_CASE(who_connects_while_the_runtime_is_away_is_served_by_the_next) {
  scratch dir;
  // As the keeper holds it.
  auto held = bind_admin(dir.socket());
  BOOST_REQUIRE(held.has_value());
  auto answered = std::async(std::launch::async, [&] {
    client c{{dir.path}};
    return c.ask("ping", "{}", true).has_value();
  });
  fake_runtime runtime{dir.socket(), {.socket = os::unique_fd{dup(held->get())}}};
  BOOST_TEST(answered.get());
}

BOOST_AUTO_TEST_CASE(a_client_goes_on_with_the_next_runtime) {
  scratch dir;
  auto held = bind_admin(dir.socket());
  BOOST_REQUIRE(held.has_value());
  client c{{dir.path}};
  for (int epoch = 0; epoch < 3; ++epoch) {
    fake_runtime runtime{dir.socket(), {.socket = os::unique_fd{dup(held->get())}}};
    BOOST_REQUIRE(c.ask("ping", "{}", true).has_value());
    BOOST_TEST(c.connected());
  }
  BOOST_TEST(eventually([&] { return !c.connected(); }));
}

BOOST_AUTO_TEST_CASE(a_changing_command_is_not_sent_twice) {
  scratch dir;
  auto held = bind_admin(dir.socket());
  client c{{dir.path, milliseconds{500}}};
  std::future<config::expected<shell::answer, refusal>> got;
  {
    fake_runtime runtime{dir.socket(),
                         {.make = odd_admin, .socket = os::unique_fd{dup(held->get())}}};
    BOOST_REQUIRE(c.ask("big", "{}", true).has_value());
    got = std::async(std::launch::async, [&] { return c.ask("slow", "{}", false); });
    // On its way: the session is known and the runtime ends with it.
  }
  const auto answer = got.get();
  BOOST_REQUIRE(!answer.has_value());
  BOOST_TEST((answer.error().code == "lost" || answer.error().code == "no-answer"),
             answer.error().code);
}

BOOST_AUTO_TEST_CASE(an_admin_actor_that_dies_is_noticed_at_once) {
  scratch dir;
  fake_runtime runtime{dir.socket(), {.make = odd_admin}};
  client c{{dir.path, milliseconds{200}}};
  const auto got = c.ask("die", "{}", false);
  BOOST_REQUIRE(!got.has_value());
  BOOST_TEST(got.error().code == "lost");
}

BOOST_AUTO_TEST_CASE(no_answer_in_time_is_an_error) {
  scratch dir;
  fake_runtime runtime{dir.socket(), {.make = odd_admin}};
  client c{{dir.path}};
  const auto got = c.ask("slow", "{}", true, milliseconds{50});
  BOOST_REQUIRE(!got.has_value());
  BOOST_TEST(got.error().code == "no-answer");
  BOOST_TEST((got.error().exit == exit_code::failed));
}

BOOST_AUTO_TEST_CASE(sessions_are_forgotten_when_clients_go) {
  scratch dir;
  fake_runtime runtime{dir.socket()};
  for (int i = 0; i < 20; ++i) {
    client c{{dir.path}};
    BOOST_REQUIRE(c.ask("ping", "{}", true).has_value());
  }
  BOOST_TEST(eventually([&] { return runtime.sessions->size() == 0; }));
}

BOOST_AUTO_TEST_CASE(several_clients_at_once) {
  scratch dir;
  fake_runtime runtime{dir.socket()};
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      client c{{dir.path}};
      for (int k = 0; k < 20; ++k)
        good += c.ask("status", "{}", true).has_value();
    });
  for (auto& one : threads)
    one.join();
  BOOST_TEST(good == 160);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_runtime_is_seen) {
  scratch dir;
  auto held = bind_admin(dir.socket());
  client c{{dir.path}};
  BOOST_TEST(!c.wait_until_gone(milliseconds{50}));
  auto gone =
      std::async(std::launch::async, [&] { return c.wait_until_gone(std::chrono::seconds{20}); });
  held->reset();
  BOOST_TEST(gone.get());
}

BOOST_AUTO_TEST_SUITE_END()
