// Commands beside a bot, under a real keeper.

#include "test/unit/os/keeper_fixture.hpp"

#include <boost/mpl/list.hpp>

#include <fcntl.h>
#include <iostream>
#include <sys/stat.h>

using namespace troupe;
using namespace std::chrono_literals;
using troupe::test::keeper_fixture;
using troupe::test::keeper_without_cgroups;
using kind = notice::kind;
namespace fs = std::filesystem;

namespace {

using both = boost::mpl::list<keeper_fixture, keeper_without_cgroups>;

config::hook_spec hook_of(const std::string& script) {
  return {{"/bin/sh", "-c", script}, 20s};
}

// «… after 0.1 s …» without the time.
std::string timeless(std::string text) {
  if (const auto at = text.find(" after "); at != std::string::npos)
    if (const auto end = text.find(" s", at + 7); end != std::string::npos)
      text.erase(at, end + 2 - at);
  return text;
}

struct hook_fixture : keeper_fixture {
  explicit hook_fixture(bool with_cgroups = true)
      : keeper_fixture(with_cgroups) {
    spec->directory = path;
  }
  hook_end run(hook which) {
    host->run_hook({"a#0", 1, spec}, which);
    return wait_for<hook_end>("a#0");
  }
  std::shared_ptr<config::bot_spec> spec = shell("exec sleep 1000");
};

struct hook_without_cgroups : hook_fixture {
  hook_without_cgroups()
      : hook_fixture(false) {}
};

using both_hooks = boost::mpl::list<hook_fixture, hook_without_cgroups>;

} // namespace

BOOST_AUTO_TEST_SUITE(hooks_suite)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_start_command_comes_first, fixture, both_hooks) {
  fixture f;
  f.spec->command = {"/bin/sh", "-c", "cat made; exec sleep 1000"};
  f.spec->start_command = hook_of("echo $TROUPE_HOOK $TROUPE_BOT $TROUPE_INCARNATION"
                                  " $${NOTIFY_SOCKET:-none} > made");
  f.spec->watchdog = 1h;
  f.host->spawn({"a#0", 1, f.spec});
  f.template wait_for<spawned>("a#0");
  BOOST_TEST(timeless(f.wait_notice("a#0", kind::remark).text)
             == "start_command exited with code 0");
  BOOST_TEST(f.said("a#0", 1, "start_command a 1 none\n"));
  BOOST_TEST(f.host->adoptable().size() == 1u);
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_start_command_that_fails_is_a_failed_start, fixture, both_hooks) {
  fixture f;
  f.spec->command = {"/bin/sh", "-c", "touch started"};
  f.spec->start_command = hook_of("echo first; echo no disk >&2; exit 3");
  const auto reason = [&] {
    f.host->spawn({"a#0", 1, f.spec});
    return timeless(f.template wait_for<spawn_failed>("a#0").reason);
  };
  BOOST_TEST(reason() == "start_command exited with code 3: no disk");
  f.spec->start_command->command = {"./nothing-here"};
  BOOST_TEST(reason() == "start_command: exec ./nothing-here: No such file or directory");
  f.spec->start_command->command = {"sh", "-c", "kill -SEGV $$$$"};
  BOOST_TEST(reason().find("start_command was killed by signal 11 (SEGV)") == 0u);
  f.spec->start_command->command = {"sh", "-c", "setsid sleep 1000 & echo hm; sleep 1000"};
  f.spec->start_command->timeout = 200ms;
  f.host->spawn({"a#0", 1, f.spec});
  BOOST_TEST(f.template wait_for<spawn_failed>("a#0").reason
             == "start_command was killed after its timeout of 0.2 s: hm");
  BOOST_TEST(f.eventually([&] { return f.marked() == 0; }));
  BOOST_TEST(!fs::exists(f.path + "/started"));
  BOOST_TEST(f.host->adoptable().empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_start_can_be_called_off_during_its_start_command, fixture,
                              both_hooks) {
  fixture f;
  f.spec->start_command = hook_of("touch runs; exec sleep 1000");
  for (std::uint64_t i = 1; i <= 2; ++i) {
    f.host->spawn({"a#0", i, f.spec});
    BOOST_REQUIRE(f.eventually([&] { return fs::exists(f.path + "/runs"); }));
    const auto slots = f.host->adoptable();
    BOOST_REQUIRE(slots.size() == 1u);
    BOOST_TEST(slots[0].instance == "a#0");
    BOOST_TEST(slots[0].pid == 0);
    BOOST_TEST(f.host->signal("a#0", i, SIGTERM, false) == "it is still being started");
    if (i == 1)
      BOOST_TEST(f.host->signal("a#0", i, SIGKILL, true) == "");
    else
      BOOST_TEST(f.eventually([&] { return f.host->sweep("a#0", i, true) == 0; }));
    f.template wait_for<spawn_failed>("a#0");
    BOOST_TEST(f.eventually([&] { return f.marked() == 0; }));
    fs::remove(f.path + "/runs");
  }
  BOOST_TEST(f.host->adoptable().empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_start_command_is_joined_by_the_next_runtime, fixture, both_hooks) {
  fixture f;
  BOOST_REQUIRE(::mkfifo((f.path + "/go").c_str(), 0600) == 0);
  f.spec->start_command = hook_of("echo run >> runs; read line < go");
  f.host->spawn({"a#0", 1, f.spec});
  BOOST_REQUIRE(f.eventually([&] { return fs::exists(f.path + "/runs"); }));
  f.next_epoch();
  BOOST_TEST(f.host->adoptable().empty());
  f.host->spawn({"a#0", 1, f.spec});
  test::put(f.path + "/go", "x\n");
  f.template wait_for<spawned>("a#0");
  BOOST_TEST(test::get(f.path + "/runs") == "run\n");
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(there_are_never_two_start_commands, fixture, both_hooks) {
  fixture f;
  f.spec->start_command =
      hook_of("mkdir lock || touch twice; trap '' TERM; echo $TROUPE_INCARNATION >> runs;"
              " test $TROUPE_INCARNATION = 2 || sleep 1000");
  f.host->spawn({"a#0", 1, f.spec});
  BOOST_REQUIRE(f.eventually([&] { return test::get(f.path + "/runs") == "1\n"; }));
  f.next_epoch([&] { fs::remove(f.path + "/lock"); });
  f.host->spawn({"a#0", 2, f.spec});
  f.template wait_for<spawned>("a#0");
  BOOST_TEST(f.marked() == 1u); // the old one is gone
  BOOST_TEST(test::get(f.path + "/runs") == "1\n2\n");
  BOOST_TEST(!fs::exists(f.path + "/twice"));
  f.finish("a#0", 2);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_stop_command_knows_whom_to_stop, fixture, both_hooks) {
  fixture f;
  f.spec->stop_command = hook_of("echo stopping $MAINPID; kill $MAINPID; setsid sleep 1000 &");
  f.host->spawn({"a#0", 1, f.spec});
  f.template wait_for<spawned>("a#0");
  const auto end = f.run(hook::stop_command);
  BOOST_TEST(end.ok);
  BOOST_TEST(end.incarnation == 1u);
  BOOST_TEST((end.which == hook::stop_command));
  BOOST_TEST(timeless(end.text) == "stop_command exited with code 0");
  BOOST_TEST(f.template wait_for<exited>("a#0").status.signal == SIGTERM);
  // What it left is gone before its end is told.
  BOOST_TEST(f.marked() == 0u);
  f.host->release("a#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_stop_command_may_tidy_up_until_the_next_start, fixture,
                              both_hooks) {
  fixture f;
  BOOST_REQUIRE(::mkfifo((f.path + "/go").c_str(), 0600) == 0);
  f.spec->stop_command = hook_of("kill $MAINPID; read line < go; echo tidy >&2; exit 1");
  for (std::uint64_t i = 1; i <= 2; ++i) {
    f.host->spawn({"a#0", i, f.spec});
    f.template wait_for<spawned>("a#0");
    f.host->run_hook({"a#0", i, f.spec}, hook::stop_command);
    f.template wait_for<exited>("a#0");
    BOOST_TEST(f.host->sweep("a#0", i, false) == 0u);
    f.host->release("a#0", i);
    if (i == 1) {
      test::put(f.path + "/go", "x\n");
      BOOST_TEST(f.template wait_for<hook_end>("a#0").text.ends_with(": tidy"));
    }
  }
  f.host->spawn({"a#0", 3, f.spec});
  f.template wait_for<spawned>("a#0");
  const auto end = f.template wait_for<hook_end>("a#0");
  BOOST_TEST(end.incarnation == 2u);
  BOOST_TEST(end.text == "stop_command was ended for the next start");
  f.finish("a#0", 3);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_hook_that_fails_says_how, fixture, both_hooks) {
  fixture f;
  f.host->spawn({"a#0", 1, f.spec});
  f.template wait_for<spawned>("a#0");
  f.spec->stop_command = hook_of("echo no such order >&2; exit 1");
  auto end = f.run(hook::stop_command);
  BOOST_TEST(!end.ok);
  BOOST_TEST(timeless(end.text) == "stop_command exited with code 1: no such order");
  f.spec->stop_command = {{"./x"}, 10s};
  BOOST_TEST(f.run(hook::stop_command).text == "stop_command: exec ./x: No such file or directory");
  f.spec->stop_command = hook_of("trap '' TERM; sleep 1000 & setsid sleep 1000 & wait");
  f.spec->stop_command->timeout = 300ms;
  end = f.run(hook::stop_command);
  BOOST_TEST(!end.ok);
  BOOST_TEST(end.text == "stop_command was killed after its timeout of 0.3 s");
  BOOST_TEST(f.eventually([&] { return f.marked() == 1; }));
  BOOST_TEST(f.run(hook::on_crash).text == "on_crash: the bot has none");
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(on_crash_knows_what_happened, fixture, both_hooks) {
  fixture f;
  f.spec->on_crash = hook_of("echo \"$TROUPE_CAUSE,$${TROUPE_EXIT_CODE-},$${TROUPE_EXIT_SIGNAL-}\""
                             " >&2; exit 1");
  const auto crash = [&](std::uint64_t incarnation, const std::string& script, bool released) {
    f.spec->command = {"/bin/sh", "-c", script};
    f.host->spawn({"a#0", incarnation, f.spec});
    f.template wait_for<exited>("a#0");
    BOOST_TEST(f.eventually([&] { return f.host->sweep("a#0", incarnation, true) == 0; }));
    if (released)
      f.host->release("a#0", incarnation);
    f.host->run_hook({"a#0", incarnation, f.spec}, hook::on_crash);
    auto text = f.template wait_for<hook_end>("a#0").text;
    if (!released)
      f.host->release("a#0", incarnation);
    return text.substr(text.find(": ") + 2);
  };
  BOOST_TEST(crash(1, "exit 7", false) == "exit,7,");
  BOOST_TEST(crash(2, "exit 7", true) == "exit,7,");
  BOOST_TEST(crash(3, "kill -KILL $$$$", false) == "signal,,KILL");
  BOOST_TEST(f.host->adoptable().empty());
  f.host->run_hook({"a#0", 9, f.spec}, hook::on_crash);
  const auto unknown = f.template wait_for<hook_end>("a#0").text;
  BOOST_TEST(unknown.ends_with(": unknown,,"));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_sweep_ends_all_but_on_crash, fixture, both_hooks) {
  fixture f;
  f.spec->stop_command = hook_of("touch stops; exec sleep 1000");
  f.spec->on_crash = hook_of("touch mourns; exec sleep 1000");
  f.host->spawn({"a#0", 1, f.spec});
  f.template wait_for<spawned>("a#0");
  f.host->run_hook({"a#0", 1, f.spec}, hook::stop_command);
  f.host->run_hook({"a#0", 1, f.spec}, hook::on_crash);
  BOOST_REQUIRE(f.eventually(
      [&] { return fs::exists(f.path + "/stops") && fs::exists(f.path + "/mourns"); }));
  // They are neither members nor strays of it.
  BOOST_TEST(f.host->strays("a#0", 1) == 0u);
  BOOST_TEST(f.host->sweep("a#0", 1, false) == 0u);
  BOOST_TEST(f.eventually([&] { return f.marked() == 3; })); // touch has gone
  BOOST_TEST(f.eventually([&] { return f.host->sweep("a#0", 1, true) == 0; }));
  const auto end = f.template wait_for<hook_end>("a#0");
  BOOST_TEST((end.which == hook::stop_command));
  BOOST_TEST(!end.ok);
  f.template wait_for<exited>("a#0");
  f.host->release("a#0", 1);
  BOOST_TEST(f.marked() == 1u);
  f.spec->on_crash->timeout = 1ms;
  BOOST_TEST(f.host->adoptable().empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_end_of_a_hook_is_told_to_the_next_runtime, fixture, both_hooks) {
  fixture f;
  for (const auto* name : {"/one", "/two"})
    BOOST_REQUIRE(::mkfifo((f.path + name).c_str(), 0600) == 0);
  f.spec->stop_command = hook_of("echo >> runs; read line < one; echo bye; exit 4");
  f.spec->on_crash = hook_of("echo >> runs; read line < two; exit 5");
  f.host->spawn({"a#0", 1, f.spec});
  f.template wait_for<spawned>("a#0");
  f.host->run_hook({"a#0", 1, f.spec}, hook::stop_command);
  f.host->run_hook({"a#0", 1, f.spec}, hook::on_crash);
  BOOST_REQUIRE(f.eventually([&] { return test::get(f.path + "/runs").size() == 2; }));
  f.next_epoch([&] { test::put(f.path + "/one", "x\n"); });
  // One has ended in the gap, the other goes on; neither is run again.
  const auto stopped = f.run(hook::stop_command);
  BOOST_TEST(timeless(stopped.text) == "stop_command exited with code 4: bye");
  f.host->run_hook({"a#0", 1, f.spec}, hook::on_crash);
  f.host->run_hook({"a#0", 1, f.spec}, hook::on_crash);
  test::put(f.path + "/two", "x\n");
  BOOST_TEST(timeless(f.template wait_for<hook_end>("a#0").text) == "on_crash exited with code 5");
  BOOST_TEST(test::get(f.path + "/runs").size() == 2u);
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_hook_that_nobody_asks_for_is_ended, fixture, both_hooks) {
  fixture f;
  f.spec->on_crash = hook_of("touch runs; exec sleep 1000");
  f.spec->stop_command = hook_of("touch ended; exit 0");
  f.host->spawn({"a#0", 1, f.spec});
  f.template wait_for<spawned>("a#0");
  f.host->run_hook({"a#0", 1, f.spec}, hook::on_crash);
  BOOST_REQUIRE(f.eventually([&] { return fs::exists(f.path + "/runs"); }));
  f.unclaimed = 50ms;
  f.next_epoch();
  BOOST_TEST(f.eventually([&] { return f.marked() == 1; }));
  f.finish("a#0", 1);
  BOOST_TEST(f.host->adoptable().empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_hook_has_the_power_of_its_bot_and_no_more, fixture, both_hooks) {
  if (::geteuid() != 0) {
    std::cout << "skipped: only root starts bots as others\n";
    BOOST_TEST(::geteuid() != 0u);
    return;
  }
  fixture f;
  f.spec->user = "nobody";
  f.spec->umask = 027;
  f.spec->limits.open_files = 77;
  f.spec->environment = {{"MINE", "x"}};
  f.spec->stop_command = hook_of("echo $(id -u) $(umask) $(ulimit -n) $MINE"
                                 " $(grep -c 'NoNewPrivs:.1' /proc/self/status)"
                                 " $(ls /proc/self/fd | wc -l) >&2; exit 1");
  f.host->spawn({"a#0", 1, f.spec});
  f.template wait_for<spawned>("a#0");
  const auto text = f.run(hook::stop_command).text;
  BOOST_TEST(text.substr(text.find(": ") + 2) == "65534 0027 77 x 1 4");
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE(nothing_of_a_hook_survives_the_keeper) {
  hook_fixture f;
  f.spec->on_crash = hook_of("setsid sleep 1000 & touch runs; exec sleep 1000");
  f.host->spawn({"a#0", 1, f.spec});
  f.wait_for<spawned>("a#0");
  f.host->run_hook({"a#0", 1, f.spec}, hook::on_crash);
  BOOST_REQUIRE(f.eventually([&] { return fs::exists(f.path + "/runs"); }));
  ::kill(f.keeper, SIGKILL);
  BOOST_TEST(f.noted("gone"));
  BOOST_TEST(f.eventually([&] { return f.marked() == 0; }));
}

BOOST_AUTO_TEST_SUITE_END()
