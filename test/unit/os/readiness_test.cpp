// Ready checks of real processes under a real keeper.

#include "test/unit/os/keeper_fixture.hpp"

#include <boost/mpl/list.hpp>

#include <fcntl.h>
#include <netinet/in.h>

using namespace troupe;
using namespace std::chrono_literals;
using troupe::test::keeper_fixture;
using troupe::test::keeper_without_cgroups;
using check = config::ready_spec::kind;
using kind = notice::kind;
namespace fs = std::filesystem;

namespace {

using both = boost::mpl::list<keeper_fixture, keeper_without_cgroups>;

std::shared_ptr<config::bot_spec> checked(const std::string& script, check how,
                                          const std::string& value = {}) {
  auto spec = keeper_fixture::shell(script);
  spec->ready.how = how;
  spec->ready.value = value;
  spec->ready.interval = 10ms;
  spec->ready.timeout = 20s;
  return spec;
}

std::uint16_t free_port() {
  const os::unique_fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  BOOST_REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

} // namespace

BOOST_AUTO_TEST_SUITE(readiness_suite)

BOOST_AUTO_TEST_CASE(a_file_makes_it_ready) {
  keeper_fixture f;
  BOOST_REQUIRE(::mkfifo((f.path + "/go").c_str(), 0600) == 0);
  auto spec = checked("read line < go; touch ready; exec sleep 1000", check::file, "ready");
  spec->directory = f.path;
  f.host->spawn({"a#0", 1, spec});
  f.wait_for<spawned>("a#0");
  BOOST_TEST(f.wait_notice("a#0", kind::not_ready).text
             == "file " + f.path + "/ready: No such file or directory");
  test::put(f.path + "/go", "x\n");
  BOOST_TEST(f.wait_notice("a#0", kind::ready).text == "file " + f.path + "/ready exists");
  // Told once, and again to who asks.
  BOOST_TEST(f.notices("a#0", kind::not_ready) == 0u);
  f.host->attend({"a#0", 1, spec}, true);
  BOOST_TEST(f.wait_notice("a#0", kind::ready).text == "file " + f.path + "/ready exists");
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE(a_port_makes_it_ready_with_the_number_of_its_instance) {
  keeper_fixture f;
  const auto port = free_port();
  const auto text = std::to_string(port);
  auto spec = checked("exec python3 -m http.server --bind 127.0.0.1 " + text, check::tcp,
                      "127.0.0.1:" + text.substr(0, text.size() - 1) + "${bot.index}");
  spec->directory = f.path;
  const auto name = "web#" + text.substr(text.size() - 1);
  f.host->spawn({name, 1, spec});
  BOOST_TEST(f.wait_notice(name, kind::ready).text
             == "tcp 127.0.0.1:" + text + " accepts connections");
  auto http = std::make_shared<config::bot_spec>(*spec);
  http->ready.how = check::http;
  http->ready.value = "http://127.0.0.1:" + text + "/none";
  http->command = {"sleep", "1000"};
  f.host->spawn({"http#0", 2, http});
  BOOST_TEST(f.wait_notice("http#0", kind::not_ready).text
             == "GET " + http->ready.value + " answered 404, not 2xx");
  test::put(f.path + "/none", "now there is");
  BOOST_TEST(f.wait_notice("http#0", kind::ready).text
             == "GET " + http->ready.value + " answered 200");
  f.finish(name, 1);
  f.finish("http#0", 2);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_command_makes_it_ready, fixture, both) {
  fixture f;
  auto spec = checked("exec sleep 1000", check::exec);
  spec->directory = f.path;
  spec->ready.command = {"sh", "-c", "echo not yet; echo $TROUPE_HOOK; test -e ready"};
  f.host->spawn({"a#0", 1, spec});
  BOOST_TEST(f.wait_notice("a#0", kind::not_ready).text == "check exited with code 1: check");
  test::put(f.path + "/ready", "");
  BOOST_TEST(f.wait_notice("a#0", kind::ready).text == "check exited with code 0");
  // Its slots are nobody else's business, and go by themselves.
  BOOST_TEST(f.host->adoptable().size() == 1u);
  BOOST_TEST(f.host->strays("a#0", 1) == 0u);
  if (f.cgroups && fs::exists(f.tree_path))
    BOOST_TEST(f.eventually([&] { return !fs::exists(f.tree_path + "/a#0:check@1"); }));
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_check_that_hangs_is_killed_with_all_of_it, fixture, both) {
  fixture f;
  auto spec = checked("exec sleep 1000", check::exec);
  spec->ready.command = {"sh", "-c", "setsid sleep 1000 & sleep 1000"};
  spec->ready.timeout = 100ms;
  spec->ready.interval = 1h;
  f.host->spawn({"a#0", 1, spec});
  BOOST_TEST(f.wait_notice("a#0", kind::not_ready).text
             == "check was killed after its timeout of 0.1 s");
  BOOST_TEST(f.eventually([&] { return f.marked() == 1; }));
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_check_ends_with_its_bot, fixture, both) {
  fixture f;
  auto spec = checked("exec sleep 1000", check::exec);
  spec->ready.command = {"sh", "-c", "exec sleep 1000"};
  f.host->spawn({"dies#0", 1, spec});
  f.host->spawn({"swept#0", 1, spec});
  const auto pid = f.template wait_for<spawned>("dies#0").pid;
  f.template wait_for<spawned>("swept#0");
  BOOST_REQUIRE(f.eventually([&] { return f.marked() == 4; }));
  BOOST_TEST(f.host->sweep("swept#0", 1, false) == 0u);
  BOOST_TEST(f.marked() == 4u);
  ::kill(pid, SIGKILL);
  f.template wait_for<exited>("dies#0");
  BOOST_TEST(f.eventually([&] { return f.marked() == 2; }));
  BOOST_TEST(f.eventually([&] { return f.host->sweep("swept#0", 1, true) == 0; }));
  BOOST_TEST(f.marked() == 0u);
  f.template wait_for<exited>("swept#0");
  f.host->release("dies#0", 1);
  f.host->release("swept#0", 1);
  BOOST_TEST(f.host->adoptable().empty());
}

BOOST_AUTO_TEST_CASE(a_line_of_output_makes_it_ready) {
  keeper_fixture f;
  auto spec = checked("echo starting; echo 'listening on 80'; echo got 7; exec sleep 1000",
                      check::output, "^listening on [0-9]+$");
  spec->awaited_output = {"got [0-9]", "^listening on [0-9]+$", "never"};
  f.host->spawn({"a#0", 1, spec});
  f.wait_for<spawned>("a#0");
  BOOST_TEST(f.wait_notice("a#0", kind::ready).text
             == "it wrote a line that matches ^listening on [0-9]+$");
  std::set<std::string> printed;
  for (int i = 0; i < 2; ++i)
    printed.insert(f.wait_notice("a#0", kind::printed).text);
  BOOST_TEST((printed == std::set<std::string>{"got [0-9]", "^listening on [0-9]+$"}));
  // Told again to who asks.
  f.host->attend({"a#0", 1, spec}, true);
  f.wait_notice("a#0", kind::ready);
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE(a_line_that_was_written_while_nobody_read_makes_it_ready) {
  keeper_fixture f;
  BOOST_REQUIRE(::mkfifo((f.path + "/go").c_str(), 0600) == 0);
  auto spec = checked("read line < go; echo listening; echo and more; touch done; exec sleep 1000",
                      check::output, "^listening$");
  spec->directory = f.path;
  spec->awaited_output = {"more"};
  f.host->spawn({"a#0", 1, spec});
  f.wait_for<spawned>("a#0");
  f.next_epoch([&] {
    test::put(f.path + "/go", "x\n");
    BOOST_REQUIRE(f.eventually([&] { return fs::exists(f.path + "/done"); }));
  });
  ::poll(nullptr, 0, 50); // it is not read before it is known what for
  f.host->attend({"a#0", 1, spec}, true);
  BOOST_TEST(f.wait_notice("a#0", kind::ready).text == "it wrote a line that matches ^listening$");
  BOOST_TEST(f.wait_notice("a#0", kind::printed).text == "more");
  BOOST_TEST(f.said("a#0", 1, "listening\nand more\n"));
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_CASE(a_check_that_cannot_be_made_says_why) {
  keeper_fixture f;
  auto spec = checked("exec sleep 1000", check::tcp, "${env:NO_SUCH_VARIABLE_HERE}:80");
  f.host->spawn({"a#0", 1, spec});
  BOOST_TEST(f.wait_notice("a#0", kind::not_ready).text.find("NO_SUCH_VARIABLE_HERE")
             != std::string::npos);
  auto secret = checked("exec sleep 1000", check::http, "http://h/${secret:x}");
  f.host->spawn({"b#0", 1, secret});
  BOOST_TEST(f.wait_notice("b#0", kind::not_ready).text.find("its ready check: ") == 0u);
  f.finish("a#0", 1);
  f.finish("b#0", 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_new_runtime_goes_on_with_the_check, fixture, both) {
  fixture f;
  auto spec = checked("exec sleep 1000", check::exec);
  spec->directory = f.path;
  // One that an earlier runtime began is joined, not run beside another.
  spec->ready.command = {"sh", "-c",
                         "echo x >> runs; mkdir lock || echo >> twice; read line < go; rmdir lock"};
  BOOST_REQUIRE(::mkfifo((f.path + "/go").c_str(), 0600) == 0);
  f.host->spawn({"a#0", 1, spec});
  f.template wait_for<spawned>("a#0");
  BOOST_REQUIRE(f.eventually([&] { return fs::exists(f.path + "/runs"); }));
  f.next_epoch();
  BOOST_TEST(f.host->adoptable().size() == 1u);
  f.host->attend({"a#0", 1, spec}, true);
  f.host->attend({"a#0", 1, spec}, true);
  test::put(f.path + "/go", "x\n");
  BOOST_TEST(f.wait_notice("a#0", kind::ready).text == "check exited with code 0");
  BOOST_TEST(test::get(f.path + "/runs") == "x\n");
  BOOST_TEST(!fs::exists(f.path + "/twice"));
  f.finish("a#0", 1);
}

BOOST_AUTO_TEST_SUITE_END()
