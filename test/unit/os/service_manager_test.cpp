#include "runtime/os/service_manager.hpp"

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <map>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace troupe::os;

namespace {

/// Stands for systemd.
struct manager {
  manager() {
    path = (std::filesystem::temp_directory_path()
            / ("troupe-notify-" + std::to_string(getpid()) + "-" + std::to_string(++count)))
               .string();
    bind_to(path);
    const int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  }
  ~manager() { unlink(path.c_str()); }

  void bind_to(const std::string& where) {
    fd.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, where.data(), where.size());
    if (where.front() == '@')
      address.sun_path[0] = '\0';
    const auto size =
        offsetof(sockaddr_un, sun_path) + where.size() + (where.front() == '/' ? 1 : 0);
    BOOST_REQUIRE(
        bind(fd.get(), reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(size)) == 0);
  }

  /// What was said, and in whose name; empty: nothing.
  std::string hear(pid_t* who = nullptr) {
    char text[512];
    alignas(cmsghdr) char control[128];
    iovec part{text, sizeof text};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const auto size = recvmsg(fd.get(), &message, 0);
    if (auto* header = CMSG_FIRSTHDR(&message); size >= 0 && who && header) {
      ucred found{};
      std::memcpy(&found, CMSG_DATA(header), sizeof found);
      *who = found.pid;
    }
    return size < 0 ? "" : std::string(text, static_cast<std::size_t>(size));
  }

  static inline int count = 0;
  std::string path;
  unique_fd fd;
};

environment_lookup with(std::map<std::string, std::string> variables) {
  return [variables](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional{found->second};
  };
}

} // namespace

BOOST_AUTO_TEST_SUITE(telling_the_service_manager)

BOOST_AUTO_TEST_CASE(without_the_variable_nothing_is_said) {
  const service_manager none{with({}), getpid()};
  BOOST_TEST(!none);
  BOOST_TEST(none.trouble() == "");
  none.say("READY=1");
  service_manager{}.say("READY=1");
}

BOOST_AUTO_TEST_CASE(a_datagram_comes_in_the_name_of_the_keeper) {
  manager systemd;
  // Root may speak for any process; others speak for themselves.
  const auto keeper = geteuid() == 0 ? getppid() : getpid();
  const service_manager out{with({{"NOTIFY_SOCKET", systemd.path}}), keeper};
  BOOST_REQUIRE(static_cast<bool>(out));
  BOOST_TEST(!out.wants_life());
  out.say("READY=1\nSTATUS=up");
  pid_t who = 0;
  BOOST_TEST(systemd.hear(&who) == "READY=1\nSTATUS=up");
  BOOST_TEST(who == keeper);
}

BOOST_AUTO_TEST_CASE(a_keeper_that_has_gone_is_not_spoken_for) {
  manager systemd;
  const service_manager out{with({{"NOTIFY_SOCKET", systemd.path}}), 0x3fffffff};
  out.say("STOPPING=1");
  pid_t who = 0;
  BOOST_TEST(systemd.hear(&who) == "STOPPING=1");
  BOOST_TEST(who == getpid());
}

BOOST_AUTO_TEST_CASE(abstract_names_work) {
  manager systemd;
  const auto name = "@troupe-test-" + std::to_string(getpid());
  systemd.bind_to(name);
  service_manager{with({{"NOTIFY_SOCKET", name}}), getpid()}.say("READY=1");
  BOOST_TEST(systemd.hear() == "READY=1");
}

BOOST_AUTO_TEST_CASE(a_manager_that_does_not_read_holds_nobody_up) {
  manager systemd;
  const service_manager out{with({{"NOTIFY_SOCKET", systemd.path}}), getpid()};
  for (int i = 0; i < 5000; ++i) // far beyond what a queue of datagrams holds
    out.say("WATCHDOG=1");
  BOOST_TEST(systemd.hear() == "WATCHDOG=1");
}

BOOST_AUTO_TEST_CASE(nonsense_is_told_and_harmless) {
  for (const auto& path : {std::string{"relative"}, std::string{"@"}, std::string{"vsock:2:1"},
                           "/" + std::string(200, 'x'), std::string{"/nonexistent/notify"}}) {
    const service_manager out{with({{"NOTIFY_SOCKET", path}}), getpid()};
    BOOST_TEST(!out, path);
    BOOST_TEST(!out.trouble().empty(), path);
    out.say("READY=1");
  }
}

BOOST_AUTO_TEST_CASE(life_is_wanted_for_the_keeper_only) {
  manager systemd;
  const auto wants = [&](const std::map<std::string, std::string>& more) {
    auto all = more;
    all["NOTIFY_SOCKET"] = systemd.path;
    return service_manager{with(all), 42}.wants_life();
  };
  BOOST_TEST(wants({{"WATCHDOG_USEC", "1000000"}}));
  BOOST_TEST(wants({{"WATCHDOG_USEC", "1000000"}, {"WATCHDOG_PID", "42"}}));
  BOOST_TEST(!wants({{"WATCHDOG_USEC", "1000000"}, {"WATCHDOG_PID", "43"}}));
  BOOST_TEST(!wants({}));
}

BOOST_AUTO_TEST_SUITE_END()
