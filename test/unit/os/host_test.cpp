// The host over a real keeper and real processes. What depends on cgroups runs twice,
// with and without them.

#include "test/unit/os/keeper_fixture.hpp"

#include <boost/mpl/list.hpp>

#include <algorithm>
#include <fcntl.h>
#include <iostream>
#include <map>
#include <set>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace troupe;
using troupe::test::keeper_fixture;
using troupe::test::keeper_without_cgroups;
namespace fs = std::filesystem;

namespace {

using both = boost::mpl::list<keeper_fixture, keeper_without_cgroups>;

// Leaves a process with a session of its own that holds the output, and ends.
constexpr const char* daemonize =
    "setsid sh -c 'setsid sleep 1000 & sleep 1000' & echo left; exit 3";

// With a lease on it, an exec of the file blocks until the lease is given back.
struct slow_program {
  explicit slow_program(const std::string& directory)
      : script(directory + "/slow.sh") {
    troupe::test::put(script, "#!/nonexistent/interpreter\n");
    ::chmod(script.c_str(), 0755);
    ::signal(SIGIO, SIG_IGN);
    lease.reset(::open(script.c_str(), O_RDONLY | O_CLOEXEC));
    BOOST_REQUIRE(::fcntl(lease.get(), F_SETLEASE, F_WRLCK) == 0);
  }

  std::string script;
  os::unique_fd lease;
};

} // namespace

BOOST_AUTO_TEST_SUITE(host_suite)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_process_starts_speaks_and_ends, fixture, both) {
  fixture f;
  std::cout << f.host->isolation() << '\n';
  const auto pid = f.start("market/trader#0", 1, "echo hello; echo world >&2; exit 7");
  BOOST_TEST(pid > 0);
  const auto end = f.template wait_for<exited>("market/trader#0");
  BOOST_TEST(end.incarnation == 1u);
  BOOST_TEST((end.status == exit_status{7, 0, false}));
  BOOST_TEST(end.uptime >= 0);
  BOOST_TEST(end.max_memory > 0);
  BOOST_TEST(!end.out_of_memory);
  BOOST_TEST(std::abs(end.at / 1'000'000 - ::time(nullptr)) <= 5);
  BOOST_TEST(f.host->tail("market/trader#0", 1) == "hello\nworld\n");
  BOOST_TEST(f.host->sweep("market/trader#0", 1, false) == 0u);
  // Pinned until it is released.
  BOOST_TEST(::kill(pid, 0) == 0);
  f.host->release("market/trader#0", 1);
  BOOST_TEST(f.eventually([&] { return ::kill(pid, 0) != 0; }));
  BOOST_TEST(f.host->tail("market/trader#0", 1) == "");
  BOOST_TEST(!fs::exists(f.tree_path + "/market:trader#0@1"));
}

BOOST_AUTO_TEST_CASE(what_cannot_start_says_why) {
  keeper_fixture f;
  const auto reason = [&](const char* instance, auto change) {
    auto spec = f.shell("true");
    change(*spec);
    f.host->spawn({instance, 1, spec});
    return f.wait_for<spawn_failed>(instance).reason;
  };
  BOOST_TEST(reason("a#0", [](auto& x) { x.command = {"/nonexistent/program"}; })
             == "exec /nonexistent/program: No such file or directory");
  BOOST_TEST(reason("b#0", [](auto& x) { x.directory = "/nonexistent"; })
             == "chdir /nonexistent: No such file or directory");
  BOOST_TEST(reason("c#0", [](auto& x) { x.user = "no-such-user-here"; })
             == "no such user \"no-such-user-here\"; create it or name another");
  test::put(f.path + "/text", "just text\n");
  BOOST_TEST(reason("d#0", [&](auto& x) { x.command = {f.path + "/text"}; })
             == "exec " + f.path + "/text: Permission denied");
  fs::permissions(f.path + "/text", fs::perms::owner_all);
  BOOST_TEST(reason("e#0", [&](auto& x) { x.command = {f.path + "/text"}; }).find("#!")
             != std::string::npos);
  BOOST_TEST(
      reason("f#0", [](auto& x) { x.environment["X"] = "${secret:none}"; }).find("environment.X")
      != std::string::npos);
  // Nothing stays behind.
  for (const auto* name : {"a#0@1", "b#0@1", "c#0@1", "d#0@1", "e#0@1", "f#0@1"})
    BOOST_TEST(!fs::exists(f.tree_path + '/' + name));
  BOOST_TEST(f.host->signal("a#0", 1, SIGTERM, false) == "no such process is known");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(signals_reach_the_main_process_or_all, fixture, both) {
  fixture f;
  f.start("a#0", 1,
          "trap 'echo main; exit 0' USR1; sh -c 'trap \"echo child; exit 0\" USR1; echo up;"
          " while :; do sleep 0.01; done' & wait; wait");
  BOOST_REQUIRE(f.said("a#0", 1, "up"));
  BOOST_TEST(f.host->signal("a#0", 1, SIGUSR1, true) == "");
  BOOST_TEST((f.template wait_for<exited>("a#0").status == exit_status{0, 0, false}));
  BOOST_TEST(f.said("a#0", 1, "main"));
  BOOST_TEST(f.said("a#0", 1, "child"));
  BOOST_TEST(f.host->signal("a#0", 1, SIGTERM, false) == "it has ended already");
  BOOST_TEST(f.eventually([&] { return f.host->sweep("a#0", 1, true) == 0; }));
  f.host->release("a#0", 1);

  f.start("b#0", 1, "exec sleep 1000");
  BOOST_TEST(f.host->signal("b#0", 1, SIGTERM, false) == "");
  BOOST_TEST((f.template wait_for<exited>("b#0").status == exit_status{-1, SIGTERM, false}));
  f.host->release("b#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_sweep_finds_what_ran_away, fixture, both) {
  fixture f;
  f.start("a#0", 1, daemonize);
  f.start("innocent#0", 1, "echo here; exec sleep 1000");
  BOOST_REQUIRE(f.said("innocent#0", 1, "here"));
  // The end is told although the output is still held.
  BOOST_TEST(f.template wait_for<exited>("a#0").status.code == 3);
  BOOST_TEST(f.host->tail("a#0", 1) == "left\n");
  BOOST_TEST(f.eventually([&] { return f.marked() >= 2; }));
  BOOST_TEST(f.eventually([&] { return f.host->sweep("a#0", 1, false) == 0; }));
  BOOST_TEST(f.eventually([&] { return f.marked() == 1; }));
  f.host->release("a#0", 1);
  f.finish("innocent#0", 1);
  BOOST_TEST(f.marked() == 0u);
  BOOST_TEST(fs::is_empty(f.path + "/bots/a.0"));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_sweep_that_cannot_look_finds_something, fixture, both) {
  fixture f;
  f.start("a#0", 1, "setsid sleep 1000 & echo up; wait");
  BOOST_REQUIRE(f.said("a#0", 1, "up"));
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  const rlimit none{0, files.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  const auto beside = f.host->sweep("a#0", 1, false);
  const auto all = f.host->sweep("a#0", 1, true);
  ::setrlimit(RLIMIT_NOFILE, &files);
  BOOST_TEST(beside >= 1u);
  BOOST_TEST(all >= 1u);
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_sweep_spares_the_main_process_unless_told, fixture, both) {
  fixture f;
  const auto pid = f.start("a#0", 1,
                           "sleep 1000 & setsid sleep 1000 & echo up; while :; do sleep"
                           " 1000 & wait; done");
  BOOST_REQUIRE(f.said("a#0", 1, "up"));
  BOOST_TEST(f.eventually([&] { return f.marked() >= 3; }));
  f.host->sweep("a#0", 1, false);
  BOOST_TEST(::kill(pid, 0) == 0);
  BOOST_TEST(!os::read_process(pid)->dead());
  BOOST_TEST(f.eventually([&] { return f.host->sweep("a#0", 1, true) == 0; }));
  BOOST_TEST((f.template wait_for<exited>("a#0").status == exit_status{-1, SIGKILL, false}));
  BOOST_TEST(f.marked() == 0u);
  f.host->release("a#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_cannot_be_killed_holds_up_nobody, fixture, both) {
  // Frozen by the old kind of freezer, a process is as deaf to KILL as one that hangs in the
  // kernel.
  const auto ice = "/sys/fs/cgroup/freezer/troupe-test-" + std::to_string(::getpid());
  std::error_code failed;
  if (!fs::create_directory(ice, failed)) {
    std::cout << "skipped: no cgroup v1 freezer\n";
    BOOST_TEST(!fs::exists(ice));
    return;
  }
  fixture f;
  f.start("a#0", 1, "setsid sleep 1000 & echo $!");
  f.template wait_for<exited>("a#0");
  const auto pid = f.host->tail("a#0", 1);
  test::put(ice + "/cgroup.procs", pid);
  test::put(ice + "/freezer.state", "FROZEN");
  BOOST_REQUIRE(f.eventually([&] { return test::get(ice + "/freezer.state") == "FROZEN\n"; }));
  BOOST_TEST(f.host->sweep("a#0", 1, false) == 1u);
  const auto before = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i)
    BOOST_TEST(f.host->sweep("a#0", 1, i % 2 == 0) == 1u);
  BOOST_TEST((std::chrono::steady_clock::now() - before < std::chrono::milliseconds{400}));
  test::put(ice + "/freezer.state", "THAWED");
  BOOST_TEST(f.eventually([&] { return f.host->sweep("a#0", 1, false) == 0; }));
  f.host->release("a#0", 1);
  BOOST_TEST(f.eventually([&] { return ::rmdir(ice.c_str()) == 0; }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_old_incarnation_is_swept_without_the_new, fixture, both) {
  fixture f;
  f.start("a#0", 1, daemonize);
  f.template wait_for<exited>("a#0");
  const auto pid = f.start("a#0", 2, "echo two; exec sleep 1000");
  BOOST_REQUIRE(f.said("a#0", 2, "two"));
  BOOST_TEST(f.eventually([&] { return f.host->sweep("a#0", 1, true) == 0; }));
  f.host->release("a#0", 1);
  BOOST_TEST(f.eventually([&] { return f.marked() == 1; }));
  BOOST_TEST(!os::read_process(pid)->dead());
  f.finish("a#0", 2);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(freezing_holds_all_of_it, fixture, both) {
  fixture f;
  const auto pid = f.start("a#0", 1, "while :; do echo tick; sleep 0.01; done");
  BOOST_REQUIRE(f.said("a#0", 1, "tick"));
  BOOST_TEST(f.host->freeze("a#0", 1, true) == "");
  // Frozen: it uses no more time.
  BOOST_TEST(f.eventually([&] {
    const auto before = os::read_process(pid)->cpu_ticks;
    const auto text = f.host->tail("a#0", 1);
    ::poll(nullptr, 0, 60);
    return os::read_process(pid)->cpu_ticks == before && f.host->tail("a#0", 1) == text;
  }));
  BOOST_TEST(f.host->freeze("a#0", 1, false) == "");
  BOOST_TEST(f.host->signal("a#0", 1, SIGTERM, false) == "");
  BOOST_TEST(f.template wait_for<exited>("a#0").status.signal == SIGTERM);
  BOOST_TEST(f.eventually([&] { return f.host->sweep("a#0", 1, true) == 0; }));
  f.host->release("a#0", 1);
}

BOOST_AUTO_TEST_CASE(a_stop_from_outside_is_told_and_ends_with_a_signal) {
  keeper_fixture f;
  const auto pid = f.start("a#0", 1, "exec sleep 1000");
  ::kill(pid, SIGSTOP);
  const auto stop = f.wait_for<stalled>("a#0");
  BOOST_TEST(stop.stopped);
  BOOST_TEST(stop.signal == SIGSTOP);
  ::kill(pid, SIGCONT);
  BOOST_TEST(!f.wait_for<stalled>("a#0").stopped);
  ::kill(pid, SIGSTOP);
  BOOST_TEST(f.wait_for<stalled>("a#0").stopped);
  BOOST_TEST(f.host->signal("a#0", 1, SIGTERM, false) == "");
  BOOST_TEST(f.wait_for<exited>("a#0").status.signal == SIGTERM);
  f.host->release("a#0", 1);
}

BOOST_AUTO_TEST_CASE(the_environment_is_exactly_what_was_promised) {
  keeper_fixture f;
  auto spec = f.shell("tr '\\0' '\\n' < /proc/self/environ; ls -l /proc/self/fd");
  spec->command = {"cat", "/proc/self/environ"};
  spec->environment = {{"MINE", "${bot.name}/${bot.index}"}};
  f.host->spawn({"g/a#4", 8, spec});
  f.wait_for<exited>("g/a#4");
  std::set<std::string> names;
  std::string text = f.host->tail("g/a#4", 8);
  std::map<std::string, std::string> found;
  for (std::size_t at = 0; at < text.size();) {
    const auto entry = text.substr(at, text.find('\0', at) - at);
    at += entry.size() + 1;
    found[entry.substr(0, entry.find('='))] = entry.substr(entry.find('=') + 1);
  }
  for (const auto& [name, value] : found)
    if (name != "LANG" && name != "TZ")
      names.insert(name);
  BOOST_TEST((names
              == std::set<std::string>{"PATH", "HOME", "USER", "MINE", "TROUPE_BOT",
                                       "TROUPE_INSTANCE", "TROUPE_INCARNATION", "TROUPE_BOT_DIR",
                                       "TROUPE_LINK", "TROUPE_TOKEN"}));
  BOOST_TEST(found["MINE"] == "g/a/4");
  BOOST_TEST(found["TROUPE_BOT"] == "g/a");
  BOOST_TEST(found["TROUPE_INSTANCE"] == "4");
  BOOST_TEST(found["TROUPE_INCARNATION"] == "8");
  BOOST_TEST(found["TROUPE_BOT_DIR"] == f.path + "/bots/g/a.4");
  BOOST_TEST(found["TROUPE_LINK"] == f.path + "/link.sock");
  BOOST_TEST(os::link_key_from(found["TROUPE_TOKEN"]).has_value());
  f.host->release("g/a#4", 8);
}

BOOST_AUTO_TEST_CASE(a_user_of_its_own) {
  if (::geteuid() != 0) {
    std::cout << "skipped: only root starts bots as others\n";
    BOOST_TEST(::geteuid() != 0u);
    return;
  }
  keeper_fixture f;
  auto spec = f.shell("id -u; echo x > $TROUPE_BOT_DIR/file && cat $TROUPE_BOT_DIR/file; umask");
  spec->user = "nobody";
  spec->umask = 027;
  f.host->spawn({"a#0", 1, spec});
  BOOST_TEST(f.wait_for<exited>("a#0").status.code == 0);
  BOOST_TEST(f.host->tail("a#0", 1) == "65534\nx\n0027\n");
  f.host->release("a#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_new_epoch_takes_everything_over, fixture, both) {
  fixture f;
  for (const auto* name : {"/go", "/end"})
    BOOST_REQUIRE(::mkfifo((f.path + name).c_str(), 0600) == 0);
  const auto stays = f.start(
      "stays#0", 3, "echo before; read line < " + f.path + "/go; echo after; exec sleep 1000");
  const auto ends = f.start("ends#0", 4, "read line < " + f.path + "/end; echo bye; exit 9");
  BOOST_REQUIRE(f.said("stays#0", 3, "before"));
  BOOST_TEST(f.host->epoch() == 1u);
  f.next_epoch([&] {
    test::put(f.path + "/go", "x\n");
    test::put(f.path + "/end", "x\n");
    BOOST_TEST(f.eventually([&] { return os::read_process(ends)->dead(); }));
  });
  BOOST_TEST(f.host->epoch() == 2u);
  auto slots = f.host->adoptable();
  BOOST_REQUIRE(slots.size() == 2u);
  std::sort(slots.begin(), slots.end(),
            [](const auto& a, const auto& b) { return a.instance < b.instance; });
  BOOST_TEST(slots[0].instance == "ends#0");
  BOOST_TEST(slots[0].incarnation == 4u);
  BOOST_TEST(slots[0].pid == ends);
  BOOST_REQUIRE(slots[0].end.has_value());
  BOOST_TEST(slots[0].end->status.code == 9);
  BOOST_TEST(slots[1].instance == "stays#0");
  BOOST_TEST(slots[1].pid == stays);
  BOOST_TEST(!slots[1].end.has_value());
  // Who lives may link with the key that the runtime before gave it.
  BOOST_TEST(f.host->keys().living("ends#0") == 0u);
  BOOST_TEST(f.host->keys().living("stays#0") == 3u);
  const auto given = os::variables_of(stays);
  const auto token = std::find_if(given.begin(), given.end(),
                                  [](const auto& x) { return x.first == "TROUPE_TOKEN"; });
  BOOST_REQUIRE((token != given.end()));
  BOOST_TEST((f.host->keys().check("stays#0", 3, *os::link_key_from(token->second), ::geteuid())
              == os::link_keys::verdict::good));
  BOOST_TEST(std::abs(slots[1].started / 1'000'000 - ::time(nullptr)) <= 30);
  // What was said in the gap waited in the pipe.
  BOOST_TEST(f.host->tail("ends#0", 4) == "bye\n");
  BOOST_TEST(f.said("stays#0", 3, "after"));
  BOOST_TEST(f.host->sweep("ends#0", 4, true) == 0u);
  f.host->release("ends#0", 4);
  BOOST_TEST(f.host->adoptable().size() == 1u);
  f.finish("stays#0", 3);
  BOOST_TEST(!fs::exists(f.tree_path + "/stays#0@3"));
}

BOOST_AUTO_TEST_CASE(a_cgroup_without_a_slot_is_ended) {
  keeper_fixture f;
  if (f.tree_path.empty() || f.host->isolation().find("cgroup2") != 0) {
    std::cout << "skipped: " << f.host->isolation() << '\n';
    BOOST_TEST(!f.host->isolation().empty());
    return;
  }
  pid_t child = 0;
  f.next_epoch([&] {
    fs::create_directory(f.tree_path + "/lost#0@9");
    fs::create_directory(f.tree_path + "/empty#0@9");
    child = ::fork();
    if (child == 0)
      for (;;)
        ::pause();
    test::put(f.tree_path + "/lost#0@9/cgroup.procs", std::to_string(child));
  });
  int status = 0;
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  BOOST_TEST(WTERMSIG(status) == SIGKILL);
  BOOST_TEST(!fs::exists(f.tree_path + "/empty#0@9"));
  // The killed one goes with the next release, if it could not at once.
  f.start("a#0", 1, "true");
  f.wait_for<exited>("a#0");
  f.host->release("a#0", 1);
  BOOST_TEST(!fs::exists(f.tree_path + "/lost#0@9"));
}

BOOST_AUTO_TEST_CASE(the_keeper_asks_to_stop_hurry_and_reload) {
  keeper_fixture f;
  ::kill(f.keeper, SIGHUP);
  BOOST_TEST(f.noted("reload"));
  ::kill(f.keeper, SIGTERM);
  BOOST_TEST(f.noted("stop"));
  ::kill(f.keeper, SIGTERM);
  BOOST_TEST(f.noted("hurry"));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(without_a_keeper_everything_ends, fixture, both) {
  fixture f;
  f.start("a#0", 1, "setsid sleep 1000 & echo up; exec sleep 1000");
  f.start("b#0", 1, daemonize);
  BOOST_REQUIRE(f.said("a#0", 1, "up"));
  f.template wait_for<exited>("b#0");
  BOOST_TEST(f.eventually([&] { return f.marked() >= 3; }));
  ::kill(f.keeper, SIGKILL);
  BOOST_TEST(f.noted("gone"));
  BOOST_TEST(f.eventually([&] { return f.marked() == 0; }));
}

BOOST_AUTO_TEST_CASE(a_keeper_that_is_dead_already_ends_everything) {
  const troupe::test::temporary directory;
  int ends[2];
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  ::close(ends[1]);
  const auto mark = "TROUPE_BOT_DIR=" + directory.path + "/bots/a.0";
  const auto bot = ::fork();
  if (bot == 0) {
    ::execl("/usr/bin/env", "env", mark.c_str(), "sleep", "1000", nullptr);
    ::_exit(127);
  }
  BOOST_REQUIRE(keeper_fixture::eventually(
      [&] { return os::variable_of(bot, "TROUPE_BOT_DIR").has_value(); }));
  boost::asio::io_context io;
  os::keeper_host host{io, os::unique_fd{ends[0]}, *os::state_directory::open(directory.path),
                       os::host_options{}};
  bool told = false;
  host.on_keeper_gone([&] { told = true; });
  BOOST_TEST(host.connect() == "the keeper is gone");
  BOOST_TEST(told);
  int status = 0;
  ::waitpid(bot, &status, 0);
  BOOST_TEST(WTERMSIG(status) == SIGKILL);
}

BOOST_AUTO_TEST_CASE(what_happens_before_anybody_listens_is_put_off) {
  keeper_fixture f;
  const auto pid = f.start("a#0", 1, "exec sleep 1000");
  f.host->on_event(nullptr);
  ::kill(pid, SIGKILL);
  BOOST_TEST(f.eventually([&] { return os::read_process(pid)->dead(); }));
  ::kill(f.keeper, SIGHUP);
  BOOST_TEST(f.noted("reload"));
  ::poll(nullptr, 0, 50);
  BOOST_REQUIRE(f.host->adoptable().size() == 1u);
  BOOST_TEST(!f.host->adoptable()[0].end.has_value());
  f.listen();
  BOOST_TEST(f.wait_for<exited>("a#0").status.signal == SIGKILL);
  BOOST_TEST(f.host->adoptable()[0].end.has_value());
  f.host->release("a#0", 1);
}

BOOST_AUTO_TEST_CASE(stored_fds_wait_for_the_next_epoch) {
  keeper_fixture f;
  int ends[2];
  BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  f.host->store_fd("admin", ends[0]);
  f.host->store_fd("lock", ends[0]);
  ::close(ends[0]);
  // An answer to something sent later shows that it has arrived.
  f.start("a#0", 1, "true");
  f.wait_for<exited>("a#0");
  f.host->release("a#0", 1);
  BOOST_TEST(!f.host->fetch_fd("admin"));
  f.next_epoch();
  BOOST_TEST(!f.host->fetch_fd("other"));
  BOOST_TEST(!f.host->fetch_fd("lock")); // it must not outlive the keeper
  const auto fd = f.host->fetch_fd("admin");
  BOOST_REQUIRE(static_cast<bool>(fd));
  BOOST_TEST(!f.host->fetch_fd("admin"));
  BOOST_TEST((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  BOOST_TEST(::write(ends[1], "x", 1) == 1);
  char byte = 0;
  BOOST_TEST(::read(fd.get(), &byte, 1) == 1);
  BOOST_TEST(byte == 'x');
  ::close(ends[1]);
}

BOOST_AUTO_TEST_CASE(an_fd_that_is_none_is_told_and_holds_up_nothing) {
  keeper_fixture f;
  f.host->store_fd("bad", -1);
  BOOST_TEST(f.noted("ask the keeper to store bad: Bad file descriptor"));
  f.start("a#0", 1, "true");
  f.wait_for<exited>("a#0");
  f.host->release("a#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_busy_process_shows_in_a_sample, fixture, both) {
  fixture f;
  f.start("busy#0", 1, "echo up; while :; do :; done");
  f.start("idle#0", 1, "echo up; exec sleep 1000");
  BOOST_REQUIRE(f.said("busy#0", 1, "up"));
  BOOST_REQUIRE(f.said("idle#0", 1, "up"));
  BOOST_TEST(f.eventually([&] {
    const auto x = f.host->sample("busy#0", 1);
    return x && x->cpu_percent > 5 && x->memory > 0;
  }));
  // In the middle of its exec it has no memory.
  BOOST_TEST(f.eventually([&] {
    const auto x = f.host->sample("idle#0", 1);
    return x && x->memory > 0;
  }));
  BOOST_TEST(!f.host->sample("none#0", 1).has_value());
  f.finish("busy#0", 1);
  f.finish("idle#0", 1);
  BOOST_TEST(!f.host->sample("busy#0", 1).has_value());
}

BOOST_AUTO_TEST_CASE(a_known_incarnation_is_not_started_twice) {
  keeper_fixture f;
  const auto pid =
      f.start("a#0", 1, "trap 'echo twice' USR1; echo once; while :; do sleep 0.01; done");
  BOOST_REQUIRE(f.said("a#0", 1, "once"));
  f.next_epoch();
  // As if the launcher had lost its memory.
  f.host->spawn({"a#0", 1, f.shell("echo twice")});
  BOOST_TEST(f.wait_for<spawned>("a#0").pid == pid);
  // Its output is still heard.
  BOOST_TEST(f.host->signal("a#0", 1, SIGUSR1, false) == "");
  BOOST_TEST(f.said("a#0", 1, "twice"));
  f.host->signal("a#0", 1, SIGKILL, true);
  f.wait_for<exited>("a#0");
  f.host->spawn({"a#0", 1, f.shell("echo never")});
  BOOST_TEST(f.wait_for<spawned>("a#0").pid == pid);
  BOOST_TEST(f.wait_for<exited>("a#0").status.signal == SIGKILL);
  f.host->release("a#0", 1);
}

BOOST_AUTO_TEST_CASE(output_is_logged_counted_and_its_end_is_told) {
  keeper_fixture f;
  f.start("g/a#0", 1, "echo hello; exec >&- 2>&-; exec sleep 1000");
  const auto told = f.wait_for<notice>("g/a#0");
  BOOST_TEST((told.what == notice::kind::remark));
  BOOST_TEST(told.text == "closed its output");
  BOOST_TEST(told.incarnation == 1u);
  const auto used = f.host->sample("g/a#0", 1);
  BOOST_REQUIRE(used.has_value());
  BOOST_TEST(used->written == 6u);
  BOOST_TEST(used->unlogged == 0u);
  BOOST_TEST(f.eventually([&] { return test::get(f.path + "/logs/g/a.0.log") == "hello\n"; }));
  f.finish("g/a#0", 1);
}

BOOST_AUTO_TEST_CASE(a_new_epoch_logs_on_in_the_same_form) {
  keeper_fixture f;
  BOOST_REQUIRE(::mkfifo((f.path + "/go").c_str(), 0600) == 0);
  auto spec = f.shell("echo before; read line < " + f.path + "/go; echo after; exec sleep 1000");
  spec->log.format = config::log_spec::line_format::json;
  f.host->spawn({"a#0", 1, spec});
  f.wait_for<spawned>("a#0");
  const auto has = [&](const char* text) {
    return f.eventually(
        [&] { return test::get(f.path + "/logs/a.0.log").find(text) != std::string::npos; });
  };
  BOOST_TEST(has("\"text\":\"before\"}"));
  f.next_epoch([&] { test::put(f.path + "/go", "x\n"); });
  BOOST_TEST(has("\"text\":\"after\"}"));
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE(what_a_process_was_started_with_is_known_to_the_next_epoch) {
  keeper_fixture f;
  auto spec = f.shell("exec sleep 1000");
  spec->fingerprint = 0xfedcba9876543210;
  f.host->spawn({"a#0", 1, spec});
  BOOST_TEST(f.wait_for<spawned>("a#0").settings == 0xfedcba9876543210);
  f.next_epoch();
  BOOST_REQUIRE(f.host->adoptable().size() == 1u);
  BOOST_TEST(f.host->adoptable().front().settings == 0xfedcba9876543210);
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(limits_of_a_process_that_runs_are_changed, fixture, both) {
  fixture f;
  auto spec = f.shell("exec sleep 1000");
  spec->limits.open_files = 100;
  f.host->spawn({"a#0", 1, spec});
  const auto pid = f.template wait_for<spawned>("a#0").pid;
  const auto files = [pid] {
    rlimit now{};
    BOOST_TEST(::prlimit(pid, RLIMIT_NOFILE, nullptr, &now) == 0);
    return now.rlim_max;
  };
  BOOST_TEST(files() == 100u);
  auto next = std::make_shared<config::bot_spec>(*spec);
  next->limits.open_files = 50;
  next->limits.core_size = 0;
  next->limits.memory = 64 << 20;
  BOOST_TEST(f.host->adjust({"a#0", 1, next}) == "");
  BOOST_TEST(files() == 50u);
  rlimit core{};
  BOOST_TEST(::prlimit(pid, RLIMIT_CORE, nullptr, &core) == 0);
  BOOST_TEST(core.rlim_max == 0u);
  const auto memory = f.tree_path + "/a#0@1/memory.max";
  if (f.cgroups && fs::exists(memory))
    BOOST_TEST(std::stoll(test::get(memory)) == 64 << 20);
  // What it would be without is not known while it runs.
  auto last = std::make_shared<config::bot_spec>(*next);
  last->limits = {};
  BOOST_TEST(f.host->adjust({"a#0", 1, last}).find("limits.open_files could not be changed")
             != std::string::npos);
  if (f.cgroups && fs::exists(memory))
    BOOST_TEST(test::get(memory).starts_with("max"));
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE(a_limit_of_its_own_does_not_reach_children_that_run) {
  keeper_fixture f;
  f.start("a#0", 1, "sleep 1000 & echo up; exec sleep 1000");
  BOOST_REQUIRE(f.said("a#0", 1, "up"));
  auto next = f.shell("");
  next->limits.open_files = 50;
  const auto told = f.host->adjust({"a#0", 1, next});
  BOOST_TEST(told.find("limits.open_files changed for the main process; 1 other process of it "
                       "keeps")
                 == 0u,
             told);
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE(the_log_and_awaited_lines_of_a_process_that_runs_change) {
  keeper_fixture f;
  BOOST_REQUIRE(::mkfifo((f.path + "/go").c_str(), 0600) == 0);
  // Opened once: who reads it a second time may meet the first writer, and then nobody.
  const auto script = "exec 3<>" + f.path
                      + "/go; echo before; read line <&3; echo open for business; read line <&3; "
                        "echo last; exec sleep 1000";
  auto spec = f.shell(script);
  f.host->spawn({"a#0", 1, spec});
  f.wait_for<spawned>("a#0");
  BOOST_REQUIRE(f.said("a#0", 1, "before"));
  auto next = std::make_shared<config::bot_spec>(*spec);
  next->log.format = config::log_spec::line_format::json;
  next->awaited_output = {"^open"};
  BOOST_TEST(f.host->adjust({"a#0", 1, next}) == "");
  test::put(f.path + "/go", "x\n");
  BOOST_TEST(f.wait_notice("a#0", notice::kind::printed).text == "^open");
  const auto has = [&](const char* text) {
    return f.eventually(
        [&] { return test::get(f.path + "/logs/a.0.log").find(text) != std::string::npos; });
  };
  BOOST_TEST(has("\"text\":\"open for business\"}"));
  // The keeper's slot has the form that it was started with; whoever attends it knows better.
  f.next_epoch();
  f.host->attend({"a#0", 1, next}, false);
  BOOST_TEST(f.eventually([&] { return f.host->sample("a#0", 1).has_value(); }));
  test::put(f.path + "/go", "x\n");
  BOOST_TEST(has("\"text\":\"last\"}"));
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE(a_start_that_hangs_across_the_death_of_a_runtime_is_told_of) {
  keeper_fixture f;
  slow_program slow{f.path};
  auto spec = f.shell("");
  spec->command = {slow.script};
  f.host->spawn({"slow#0", 1, spec});
  f.start("after#0", 1, "exec sleep 1000"); // requests are taken in order
  f.next_epoch();
  const auto found = f.host->adoptable();
  const auto hangs = std::find_if(found.begin(), found.end(),
                                  [](const slot_info& x) { return x.instance == "slow#0"; });
  BOOST_REQUIRE(hangs != found.end());
  BOOST_TEST(hangs->pid == 0);
  slow.lease.reset();
  BOOST_TEST(f.wait_for<spawn_failed>("slow#0").reason
             == "exec its command: No such file or directory");
  f.finish("after#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_start_that_hangs_can_be_ended, fixture, both) {
  fixture f;
  slow_program slow{f.path};
  auto spec = f.shell("");
  spec->command = {slow.script};
  f.host->spawn({"swept#0", 1, spec});
  f.host->spawn({"killed#0", 1, spec});
  f.start("after#0", 1, "exec sleep 1000"); // requests are taken in order
  BOOST_TEST(f.host->sweep("swept#0", 1, false) == 0u);
  BOOST_TEST(f.host->sweep("swept#0", 1, true) == 1u);
  BOOST_TEST(f.host->signal("killed#0", 1, SIGKILL, true) == "");
  for (const auto* name : {"swept#0", "killed#0"}) {
    BOOST_TEST(f.template wait_for<exited>(name).status.signal == SIGKILL);
    BOOST_TEST(f.eventually([&] { return f.host->sweep(name, 1, true) == 0; }));
    f.host->release(name, 1);
  }
  f.finish("after#0", 1);
}

BOOST_AUTO_TEST_CASE(a_start_that_hangs_in_its_preparation_holds_up_no_supervision) {
  keeper_fixture f;
  const auto mount = f.path + "/mount";
  fs::create_directory(mount);
  // A file system that nobody serves hangs as a dead mount does, until its line is closed.
  os::unique_fd line{::open("/dev/fuse", O_RDWR | O_CLOEXEC)};
  const auto options = "fd=" + std::to_string(line.get()) + ",rootmode=40000,user_id=0,group_id=0";
  if (!line || ::mount("fuse", mount.c_str(), "fuse", 0, options.c_str()) != 0) {
    std::cout << "skipped: no fuse\n";
    return;
  }
  f.start("lives#0", 1, "exec sleep 1000");
  auto spec = f.shell("true");
  spec->environment_file = mount + "/file";
  for (const auto* name : {"hangs#0", "killed#0", "swept#0"})
    f.host->spawn({name, 1, spec});
  f.host->spawn({"waits#0", 1, f.shell("exec sleep 1000")});
  const auto slots = f.host->adoptable();
  BOOST_TEST(std::count_if(slots.begin(), slots.end(), [](const auto& x) { return x.pid == 0; })
             == 4);
  f.finish("lives#0", 1);
  BOOST_TEST(f.host->signal("hangs#0", 1, SIGTERM, false) == "it is still being started");
  BOOST_TEST(f.host->signal("killed#0", 1, SIGKILL, true) == "");
  BOOST_TEST(f.host->sweep("swept#0", 1, true) == 0u);
  for (const auto* name : {"killed#0", "swept#0"})
    BOOST_TEST(f.wait_for<spawn_failed>(name).reason == "ended before it was started");
  line.reset();
  BOOST_TEST(f.wait_for<spawn_failed>("hangs#0").reason.find("environment_file " + mount) == 0u);
  f.wait_for<spawned>("waits#0");
  f.finish("waits#0", 1);
  BOOST_TEST(f.host->adoptable().empty());
  ::umount2(mount.c_str(), MNT_DETACH);
}

BOOST_AUTO_TEST_CASE(a_replaced_launcher_finds_the_table_of_the_moment) {
  keeper_fixture f;
  f.start("ended#0", 1, "exec sleep 1000");
  f.finish("ended#0", 1);
  const auto living = f.start("lives#0", 3, "exec sleep 1000");
  const auto stuck = f.start("stopped#0", 4, "exec sleep 1000");
  ::kill(stuck, SIGSTOP);
  BOOST_TEST(f.wait_for<stalled>("stopped#0").stopped);
  f.start("dead#0", 5, "exit 3");
  f.wait_for<exited>("dead#0");
  std::map<std::string, slot_info> found;
  for (auto& slot : f.host->adoptable())
    found.emplace(slot.instance, slot);
  BOOST_TEST(found.size() == 3u);
  BOOST_TEST(found["lives#0"].incarnation == 3u);
  BOOST_TEST(found["lives#0"].pid == living);
  BOOST_TEST(!found["lives#0"].end.has_value());
  BOOST_TEST(found["lives#0"].stopped_by == 0);
  BOOST_TEST(found["stopped#0"].stopped_by == SIGSTOP);
  BOOST_REQUIRE(found["dead#0"].end.has_value());
  BOOST_TEST(found["dead#0"].end->status.code == 3);
  f.finish("lives#0", 3);
  f.finish("stopped#0", 4);
  f.host->release("dead#0", 5);
}

BOOST_AUTO_TEST_SUITE_END()
