#include "test/unit/keeper/fixture.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <signal.h>

using namespace keeper_test;

BOOST_AUTO_TEST_SUITE(adoption)

namespace {

const slot& find(const epoch::table& told, const std::string& instance) {
  const auto found = std::find_if(told.slots.begin(), told.slots.end(),
                                  [&](const slot& it) { return it.instance == instance; });
  BOOST_REQUIRE(found != told.slots.end());
  return *found;
}

} // namespace

BOOST_AUTO_TEST_CASE(the_first_runtime_finds_nothing_and_knows_where_it_is) {
  keeper_process keeper;
  auto runtime = keeper.next_epoch();
  BOOST_TEST(runtime.about.line == 3);
  BOOST_TEST(runtime.about.epoch == 1U);
  BOOST_TEST(runtime.about.keeper_pid == keeper.pid());
  BOOST_TEST(runtime.about.session == runtime.about.pid);
  BOOST_TEST(runtime.about.soft_files == runtime.about.hard_files);
  BOOST_TEST(runtime.about.input_is_null == 1);
  const auto told = runtime.greet();
  BOOST_TEST(told.slots.empty());
  BOOST_TEST(told.fds.empty());
  BOOST_TEST(told.end.epoch == 1U);
  BOOST_TEST(told.end.keeper_pid == keeper.pid());
  BOOST_TEST(!told.end.stop_pending);
}

BOOST_AUTO_TEST_CASE(bots_outlive_the_runtime_and_are_handed_to_the_next) {
  keeper_process keeper;
  auto first = keeper.next_greeted();
  auto to_bot = make_pipe();
  auto from_bot = make_pipe();
  auto echo = make_request("echo#0", {"cat"}, 7);
  echo.in = std::move(to_bot.read);
  echo.out = std::move(from_bot.write);
  echo.keep.push_back(std::move(from_bot.read));
  echo.blob = std::string{"link key\0with a zero", 20};
  const pid_t echo_pid = first.start(std::move(echo));
  const pid_t dies_pid = first.start(make_request("dies#0", {"sleep", "1000"}));
  const pid_t ended_pid = first.start(make_request("ended#0", {PROBE_BOT, "--exit", "9"}));
  first.end_of("ended#0");

  first.kill();
  ::kill(dies_pid, SIGTERM); // while nobody is there to hear of it
  auto second = keeper.next_epoch();
  BOOST_TEST(second.about.epoch == 2U);
  const auto told = second.greet();
  BOOST_TEST(told.end.epoch == 2U);
  BOOST_TEST(told.slots.size() == 3U);

  const auto& alive = find(told, "echo#0");
  BOOST_TEST(alive.pid == echo_pid);
  BOOST_TEST(alive.incarnation == 7U);
  BOOST_TEST((alive.state == slot_state::alive));
  BOOST_TEST(alive.blob == std::string("link key\0with a zero", 20));
  BOOST_TEST(!alive.exit.has_value());
  BOOST_REQUIRE(alive.keep.size() == 1U);
  BOOST_REQUIRE(::write(to_bot.write.get(), "still here\n", 11) == 11);
  BOOST_TEST(read_text(alive.keep[0].get(), "\n") == "still here\n");

  const auto& ended = find(told, "ended#0");
  BOOST_TEST(ended.pid == ended_pid);
  BOOST_REQUIRE(ended.exit.has_value());
  BOOST_TEST(ended.exit->code == 9);

  const auto& dies = find(told, "dies#0");
  BOOST_TEST(dies.pid == dies_pid);
  const int signal = dies.exit ? dies.exit->signal : second.end_of("dies#0").exit.signal;
  BOOST_TEST(signal == SIGTERM);
}

BOOST_AUTO_TEST_CASE(a_spawn_under_way_is_handed_on_and_its_failure_told_to_the_next) {
  keeper_process keeper;
  auto first = keeper.next_greeted();
  const spawn_gate early;
  const spawn_gate late;
  auto request = make_request("early#0", {"/nonexistent"});
  request.cgroup_fd = early.fd();
  first.send(request);
  request.instance = "late#0";
  request.cgroup_fd = late.fd();
  first.send(request);
  first.start(make_request("after#0", {"true"}));
  first.kill();

  auto second = keeper.next_epoch();
  early.open_once(); // fails before anybody listens, or soon after
  const auto told = second.greet();
  BOOST_TEST((find(told, "late#0").state == slot_state::pending));
  BOOST_TEST(second.expect<spawn_failed>("early#0").error == ENOENT);
  late.open_once();
  BOOST_TEST(second.expect<spawn_failed>("late#0").error == ENOENT);
  BOOST_TEST(second.greet().slots.size() == 1U);
}

BOOST_AUTO_TEST_CASE(many_slots_are_told_one_by_one) {
  keeper_process keeper;
  auto first = keeper.next_greeted();
  constexpr int count = 600;
  for (int i = 0; i < count; ++i) {
    auto output = make_pipe();
    auto request = make_request("many#" + std::to_string(i), {"sleep", "1000"});
    request.keep.push_back(std::move(output.read));
    request.out = std::move(output.write);
    request.blob.assign(1024, 'b');
    first.start(std::move(request));
  }
  first.kill();
  auto second = keeper.next_epoch();
  const auto told = second.greet();
  BOOST_TEST(told.slots.size() == count);
  for (const auto& it : told.slots) {
    BOOST_REQUIRE(it.keep.size() == 1U);
    BOOST_REQUIRE(it.blob.size() == 1024U);
  }
}

BOOST_AUTO_TEST_CASE(fds_are_kept_across_epochs) {
  scratch files;
  const auto inherited_path = files.write("inherited", "from the keeper's parent", 0644);
  keeper_process::settings with_fd;
  with_fd.options = {"--fd", "lock=100"};
  with_fd.before_exec = [&] {
    const int fd = open(inherited_path.c_str(), O_RDONLY);
    dup2(fd, 100);
    close(fd);
  };
  keeper_process keeper{with_fd};
  auto first = keeper.next_epoch();
  auto told = first.greet();
  BOOST_REQUIRE(told.fds.size() == 1U);
  BOOST_TEST(told.fds[0].name == "lock");
  BOOST_TEST(read_text(told.fds[0].fd.get()) == "from the keeper's parent");

  auto old = make_pipe();
  auto kept = make_pipe();
  first.send(store_request{"pipe", old.read.get()});
  first.send(store_request{"pipe", kept.read.get()}); // replaces
  first.send(store_request{"dropped", kept.read.get()});
  first.send(drop_request{"dropped"});
  first.send(fetch_request{"dropped"});
  BOOST_TEST(first.expect<no_fd>().name == "dropped");
  old.read.reset();
  BOOST_TEST(::write(old.write.get(), "x", 1) == -1); // nobody has the other end any more
  BOOST_TEST(errno == EPIPE);
  BOOST_REQUIRE(::write(kept.write.get(), "later", 5) == 5);
  kept.read.reset();
  first.send(fetch_request{"pipe"});
  BOOST_TEST(first.expect<stored_fd>().name == "pipe");

  first.kill();
  auto second = keeper.next_epoch();
  told = second.greet();
  BOOST_TEST(told.fds.size() == 2U);
  second.send(fetch_request{"pipe"});
  const auto fetched = second.expect<stored_fd>();
  BOOST_REQUIRE(fetched.fd.get() >= 0);
  BOOST_TEST(read_text(fetched.fd.get(), "later") == "later");
}

BOOST_AUTO_TEST_CASE(the_last_words_count_of_a_runtime_that_did_not_read_all) {
  keeper_process keeper;
  auto first = keeper.next_greeted();
  first.start(make_request("ended#0", {"true"}));
  first.end_of("ended#0");
  first.send(fetch_request{"none"});
  BOOST_REQUIRE(wait_readable(first.client.fd())); // and now it stays unread
  keeper.signal(SIGSTOP);
  BOOST_REQUIRE(eventually([&] { return state_of(keeper.pid()) == 'T'; }));
  first.send(store_request{"said last", STDERR_FILENO});
  first.send(release_request{{"ended#0", 1}});
  first.send(make_request("last#0", {"sleep", "1000"}));
  first.kill();
  keeper.signal(SIGCONT);
  auto second = keeper.next_epoch();
  const auto told = second.greet();
  BOOST_REQUIRE(told.fds.size() == 1U);
  BOOST_TEST(told.fds[0].name == "said last");
  BOOST_REQUIRE(told.slots.size() == 1U);
  BOOST_TEST(told.slots[0].instance == "last#0");
}

BOOST_AUTO_TEST_CASE(the_fd_store_is_bounded) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  for (int i = 0; i < 4096; ++i) {
    runtime.send(store_request{"fd " + std::to_string(i), STDERR_FILENO});
  }
  runtime.send(fetch_request{"fd 4095"});
  BOOST_TEST(runtime.expect<stored_fd>().name == "fd 4095");
  runtime.send(store_request{"one more", STDERR_FILENO});
  const auto refused = runtime.expect<bad_request>();
  BOOST_TEST(refused.error == ENOSPC);
  BOOST_REQUIRE(refused.of.has_value());
  BOOST_TEST(refused.of->instance == "one more");
}

BOOST_AUTO_TEST_CASE(killing_the_runtime_again_and_again_costs_no_bot) {
  keeper_process keeper;
  auto runtime = keeper.next_greeted();
  const pid_t pid = runtime.start(make_request("bot#0", {"sleep", "1000"}));
  for (std::uint64_t incarnation = 1; incarnation <= 4; ++incarnation) {
    // Killed with a request on the way: it counts, or it does not, but never twice.
    runtime.client.send(make_request("new#0", {"sleep", "1000"}, incarnation));
    runtime.kill();
    runtime = keeper.next_epoch();
    const auto told = runtime.greet();
    BOOST_TEST(find(told, "bot#0").pid == pid);
    const auto same = std::count_if(told.slots.begin(), told.slots.end(), [&](const slot& it) {
      return it.instance == "new#0" && it.incarnation == incarnation;
    });
    BOOST_TEST(same <= 1);
  }
  BOOST_TEST(runtime.start(make_request("last#0", {"true"})) > 0);
}

BOOST_AUTO_TEST_SUITE_END()
