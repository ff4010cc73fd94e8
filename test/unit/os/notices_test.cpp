// The notify protocol between real processes and the host.

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

// `say TEXT` sends a datagram from a process of its own that has ended when it is read,
// as systemd-notify has.
constexpr const char* say =
    "say() { python3 -c 'import os,socket,sys\n"
    "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
    "s.sendto(sys.argv[1].encode(\"latin-1\"),os.environ[\"NOTIFY_SOCKET\"])' \"$1\"; }; ";

std::shared_ptr<config::bot_spec> speaker(const std::string& script) {
  auto spec = keeper_fixture::shell(say + script);
  spec->ready.how = config::ready_spec::kind::notify;
  return spec;
}

std::string status(keeper_fixture& f, const std::string& instance, std::uint64_t incarnation) {
  const auto x = f.host->sample(instance, incarnation);
  return x ? x->says : "";
}

} // namespace

BOOST_AUTO_TEST_SUITE(notices_suite)

BOOST_AUTO_TEST_CASE_TEMPLATE(what_a_bot_says_is_told, fixture, both) {
  fixture f;
  auto spec = speaker("say 'STATUS=warming up'; say 'READY=1\nSTATUS=here'; say STOPPING=1;"
                      " say EXTEND_TIMEOUT_USEC=2500000; say 'X=1\nRELOADING=1\nERRNO=5';"
                      " say WATCHDOG=trigger; say MAINPID=1; say WATCHDOG_USEC=5; say last;"
                      " echo done; exec sleep 1000");
  f.host->spawn({"a#0", 1, spec});
  const auto pid = f.template wait_for<spawned>("a#0").pid;
  BOOST_TEST(f.wait_notice("a#0", kind::ready).text == "it said READY=1");
  f.wait_notice("a#0", kind::stopping);
  const auto asked = f.wait_notice("a#0", kind::extend);
  BOOST_TEST(asked.time.count() > 0);
  BOOST_TEST(asked.time.count() <= 2'500'000);
  f.wait_notice("a#0", kind::hung);
  BOOST_TEST(f.wait_notice("a#0", kind::remark).text
             == "MAINPID=1 is not followed: process " + std::to_string(pid)
                    + " is the bot; run the program in the foreground");
  BOOST_TEST(f.wait_notice("a#0", kind::remark).text
             == "WATCHDOG_USEC=5 changes nothing: the time is what \"watchdog\" says");
  BOOST_REQUIRE(f.said("a#0", 1, "done"));
  BOOST_TEST(f.eventually([&] { return status(f, "a#0", 1) == "here"; }));
  BOOST_TEST(f.notices("a#0", kind::remark) == 0u);
  const auto socket = f.path + "/n";
  BOOST_TEST(!fs::is_empty(socket));
  f.finish("a#0", 1);
  BOOST_TEST(f.eventually([&] { return fs::is_empty(socket); }));
  BOOST_TEST(status(f, "a#0", 1) == "");
}

BOOST_AUTO_TEST_CASE(what_it_said_last_is_told_before_its_end) {
  keeper_fixture f;
  for (std::uint64_t i = 1; i <= 5; ++i) {
    f.host->spawn({"a#0", i, speaker("say READY=1; exit 0")});
    f.wait_for<exited>("a#0");
    // wait_for takes the end out; ready must have come before it.
    BOOST_TEST(f.notices("a#0", kind::ready) == 1u);
    f.wait_notice("a#0", kind::ready);
    f.host->release("a#0", i);
  }
}

BOOST_AUTO_TEST_CASE(the_environment_of_a_watchdog) {
  keeper_fixture f;
  auto spec =
      keeper_fixture::shell("echo $${NOTIFY_SOCKET:-none} $${WATCHDOG_USEC:-none}"
                            " $${WATCHDOG_PID:-none} $${TROUPE_HOOK:-none}; exec sleep 1000");
  spec->environment = {{"WATCHDOG_PID", "1"}, {"TROUPE_HOOK", "x"}};
  f.host->spawn({"plain#0", 1, spec});
  BOOST_TEST(f.said("plain#0", 1, "none none none none"));
  auto watched = std::make_shared<config::bot_spec>(*spec);
  watched->watchdog = 1500ms;
  f.host->spawn({"watched#0", 1, watched});
  BOOST_TEST(f.said("watched#0", 1, " 1500000 none none\n"));
  const auto socket = f.host->tail("watched#0", 1).substr(0, f.path.size() + 3);
  BOOST_TEST(socket == f.path + "/n/");
  f.finish("plain#0", 1);
  f.finish("watched#0", 1);
}

BOOST_AUTO_TEST_CASE(signs_of_life_are_told_now_and_then) {
  keeper_fixture f;
  auto spec = keeper_fixture::shell("exec python3 -u -c 'import os,socket,time\n"
                                    "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
                                    "s.connect(os.environ[\"NOTIFY_SOCKET\"])\n"
                                    "for i in range(2000): s.send(b\"WATCHDOG=1\")\n"
                                    "s.send(b\"STATUS=done\")\n"
                                    "time.sleep(1000)'");
  spec->watchdog = 1h;
  f.host->spawn({"a#0", 1, spec});
  f.wait_notice("a#0", kind::alive);
  BOOST_TEST(f.eventually([&] { return status(f, "a#0", 1) == "done"; }));
  BOOST_TEST(f.notices("a#0", kind::alive) == 0u);
  f.finish("a#0", 1);
  // Without a watchdog nobody waits for it.
  f.host->spawn({"b#0", 1, speaker("say WATCHDOG=1; say READY=1; exec sleep 1000")});
  f.wait_notice("b#0", kind::ready);
  BOOST_TEST(f.notices("b#0", kind::alive) == 0u);
  f.finish("b#0", 1);
}

BOOST_AUTO_TEST_CASE(hostile_datagrams_do_no_harm) {
  keeper_fixture f;
  auto spec = keeper_fixture::shell(
      "exec python3 -u -c 'import os,socket,time,array\n"
      "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
      "s.connect(os.environ[\"NOTIFY_SOCKET\"])\n"
      "s.send(b\"\")\n"
      "s.send(b\"\\0\"*100)\n"
      "s.send(b\"READY\")\n"
      "s.send(b\"READY=11\")\n"
      "s.send(b\"=\\n=\\n\\n\")\n"
      "s.send(b\"READY=1\\n\"+b\"x\"*5000)\n"
      "s.send(b\"EXTEND_TIMEOUT_USEC=-5\\nEXTEND_TIMEOUT_USEC=1e9\")\n"
      "s.send(b\"MAINPID=\\x1b[2J\\nSTOPPING=0\")\n"
      "fds=array.array(\"i\",[0]*200)\n"
      "for i in range(20): "
      "s.sendmsg([b\"FDSTORE=1\"],[(socket.SOL_SOCKET,socket.SCM_RIGHTS,fds)])\n"
      "for i in range(300): s.send(b\"EXTEND_TIMEOUT_USEC=%d\" % (i*1000000))\n"
      "s.send(b\"STATUS=\\x1b[31m\\xff\\xc3\\xa4\"+b\"y\"*3000)\n"
      "time.sleep(1000)'");
  spec->ready.how = config::ready_spec::kind::notify;
  const auto fds = [] {
    return std::distance(fs::directory_iterator{"/proc/self/fd"}, fs::directory_iterator{});
  };
  f.host->spawn({"a#0", 1, spec});
  f.wait_for<spawned>("a#0");
  const auto before = fds();
  BOOST_TEST(f.wait_notice("a#0", kind::remark).text
             == "a notification of more than 4096 bytes was not heard");
  BOOST_TEST(f.wait_notice("a#0", kind::remark).text.find("MAINPID=\\x1b[2J is not followed")
             == 0u);
  BOOST_TEST(f.eventually([&] { return status(f, "a#0", 1).starts_with("\\x1b[31m\\xffäyyy"); }));
  BOOST_TEST(status(f, "a#0", 1).size() <= 256u);
  BOOST_TEST(fds() <= before);
  BOOST_TEST(f.notices("a#0", kind::ready) == 0u);
  BOOST_TEST(f.notices("a#0", kind::stopping) == 0u);
  // The last one counts, the flood is not passed on.
  f.wait_for<notice>("a#0", [](const notice& x) {
    return x.what == kind::extend && x.time > 290s && x.time <= 299s;
  });
  BOOST_TEST(f.notices("a#0", kind::extend) < 100u);
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE(what_takes_long_to_be_closed_holds_up_nobody) {
  keeper_fixture f;
  // The last of a connection with unsent data and SO_LINGER: whoever closes it waits.
  auto spec = speaker("exec python3 -u -c 'import os,socket,struct,time\n"
                      "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
                      "s.connect(os.environ[\"NOTIFY_SOCKET\"])\n"
                      "open(\"go\").read()\n"
                      "l=socket.create_server((\"127.0.0.1\",0))\n"
                      "c=socket.create_connection(l.getsockname())\n"
                      "c.setsockopt(socket.SOL_SOCKET,socket.SO_LINGER,struct.pack(\"ii\",1,3))\n"
                      "c.setblocking(False)\n"
                      "try:\n"
                      "  while True: c.send(b\"x\"*65536)\n"
                      "except BlockingIOError: pass\n"
                      "socket.send_fds(s,[b\"STATUS=before\"],[c.fileno()])\n"
                      "c.close()\n"
                      "s.send(b\"STATUS=after\")\n"
                      "open(\"sent\",\"w\")\n"
                      "time.sleep(1000)'");
  spec->directory = f.path;
  BOOST_REQUIRE(::mkfifo((f.path + "/go").c_str(), 0600) == 0);
  f.host->spawn({"a#0", 1, spec});
  f.wait_for<spawned>("a#0");
  // In the gap, so that the bot has closed its own before anybody reads.
  f.next_epoch([&] {
    test::put(f.path + "/go", "");
    BOOST_REQUIRE(f.eventually([&] { return fs::exists(f.path + "/sent"); }));
  });
  f.host->attend({"a#0", 1, spec}, true);
  BOOST_TEST(f.eventually([&] { return status(f, "a#0", 1) == "before"; }));
  f.host->spawn({"b#0", 1, speaker("say READY=1; exec sleep 1000")});
  f.wait_notice("b#0", kind::ready);
  BOOST_TEST(status(f, "a#0", 1) == "before"); // still busy with it
  BOOST_TEST(f.eventually([&] { return status(f, "a#0", 1) == "after"; }));
  f.finish("a#0", 1);
  f.finish("b#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(others_are_not_heard, fixture, both) {
  fixture f;
  f.host->spawn({"a#0", 1, speaker("echo at $NOTIFY_SOCKET.; exec sleep 1000")});
  f.template wait_for<spawned>("a#0");
  BOOST_REQUIRE(f.said("a#0", 1, ".\n"));
  auto socket = f.host->tail("a#0", 1).substr(3);
  socket.erase(socket.find('.', f.path.size()));
  // Another bot of the same user, and a process of no bot.
  auto other = speaker("python3 -c 'import os,socket,time\n"
                       "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
                       "s.sendto(b\"READY=1\",\""
                       + socket
                       + "\")\n"
                         "time.sleep(1000)'");
  f.host->spawn({"b#0", 1, other});
  f.template wait_for<spawned>("b#0");
  BOOST_TEST(f.wait_notice("a#0", kind::remark).text.find("a notification of process ") == 0u);
  BOOST_TEST(f.notices("a#0", kind::ready) == 0u);
  f.finish("a#0", 1);
  f.finish("b#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(descendants_and_those_that_ran_away_are_heard, fixture, both) {
  fixture f;
  // A daemon of its own session whose parent has ended.
  f.host->spawn({"a#0", 1,
                 speaker("setsid sh -c 'setsid python3 -c \"import os,socket,time\n"
                         "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
                         "time.sleep(0.1)\n"
                         "s.sendto(b\\\"READY=1\\\",os.environ[\\\"NOTIFY_SOCKET\\\"])\n"
                         "time.sleep(1000)\" &'; exec sleep 1000")});
  BOOST_TEST(f.wait_notice("a#0", kind::ready).text == "it said READY=1");
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE(a_bot_of_another_user_reaches_its_socket) {
  if (::geteuid() != 0) {
    std::cout << "skipped: only root starts bots as others\n";
    BOOST_TEST(::geteuid() != 0u);
    return;
  }
  keeper_fixture f;
  auto spec = speaker("say READY=1; say 'STATUS=as nobody'; exec sleep 1000");
  spec->user = "nobody";
  f.host->spawn({"a#0", 1, spec});
  BOOST_TEST(f.wait_notice("a#0", kind::ready).text == "it said READY=1");
  BOOST_TEST(f.eventually([&] { return status(f, "a#0", 1) == "as nobody"; }));
  // A bot of yet another user cannot even open it.
  std::string socket;
  for (const auto& file : fs::directory_iterator{f.path + "/n"})
    socket = file.path();
  auto other = keeper_fixture::shell("python3 -c 'import socket\n"
                                     "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
                                     "s.sendto(b\"STATUS=stolen\",\""
                                     + socket + "\")' 2>&1 | tail -1; exec sleep 1000");
  other->user = "daemon";
  f.host->spawn({"b#0", 1, other});
  BOOST_TEST(f.said("b#0", 1, "Permission denied"));
  BOOST_TEST(status(f, "a#0", 1) == "as nobody");
  f.finish("a#0", 1);
  f.finish("b#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(notifications_wait_for_the_next_runtime, fixture, both) {
  fixture f;
  for (const auto* name : {"/go", "/more"})
    BOOST_REQUIRE(::mkfifo((f.path + name).c_str(), 0600) == 0);
  auto spec = speaker("read line < " + f.path + "/go; say READY=1; echo said; read line < " + f.path
                      + "/more; say STOPPING=1; exec sleep 1000");
  f.host->spawn({"a#0", 1, spec});
  f.template wait_for<spawned>("a#0");
  f.next_epoch([&] { test::put(f.path + "/go", "x\n"); });
  BOOST_REQUIRE(f.said("a#0", 1, "said"));
  f.host->attend({"a#0", 1, spec}, true);
  BOOST_TEST(f.wait_notice("a#0", kind::ready).text == "it said READY=1");
  // One that heard it and died before it could do anything leaves it to the next.
  f.next_epoch();
  f.host->attend({"a#0", 1, spec}, true);
  BOOST_TEST(f.wait_notice("a#0", kind::ready).text == "it said READY=1");
  test::put(f.path + "/more", "x\n");
  f.wait_notice("a#0", kind::stopping);
  f.finish("a#0", 1);
  BOOST_TEST(f.eventually([&] { return fs::is_empty(f.path + "/n"); }));
}

BOOST_AUTO_TEST_CASE(sockets_that_nobody_uses_are_removed) {
  keeper_fixture f;
  f.host->spawn({"a#0", 1, speaker("exec sleep 1000")});
  f.wait_for<spawned>("a#0");
  test::put(f.path + "/n/left", "");
  f.next_epoch();
  BOOST_TEST(!fs::exists(f.path + "/n/left"));
  BOOST_TEST(!fs::is_empty(f.path + "/n"));
  f.finish("a#0", 1);
  // Nor does a start that fails leave one.
  auto spec = speaker("");
  spec->command = {"/nonexistent"};
  f.host->spawn({"b#0", 1, spec});
  f.wait_for<spawn_failed>("b#0");
  BOOST_TEST(f.eventually([&] { return fs::is_empty(f.path + "/n"); }));
}

BOOST_AUTO_TEST_SUITE_END()
