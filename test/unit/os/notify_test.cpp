#include "runtime/os/notify.hpp"
#include "test/unit/os/temporary.hpp"

#include <boost/test/unit_test.hpp>

#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace troupe::os;
namespace fs = std::filesystem;

namespace {

struct socket_fixture : troupe::test::temporary {
  socket_fixture() {
    BOOST_REQUIRE(clean_notify_directory(path, {}) == "");
    file = notify_path(path, "market/trader#0", 7);
    auto made = make_notify_socket(file, ::geteuid(), ::getegid());
    BOOST_REQUIRE_MESSAGE(made.has_value(), (made ? std::string{} : made.error()));
    socket = std::move(*made);
  }

  // Returns 0 or errno.
  int send(const std::string& text, const std::vector<int>& fds = {}) {
    const unique_fd from{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, file.c_str());
    iovec part{const_cast<char*>(text.data()), text.size()};
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = sizeof address;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 200)]{};
    if (!fds.empty()) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
      auto* rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
      std::memcpy(CMSG_DATA(rights), fds.data(), sizeof(int) * fds.size());
    }
    return ::sendmsg(from.get(), &message, 0) >= 0 ? 0 : errno;
  }

  std::optional<notification> receive() {
    auto result = look_at_notification(socket.get());
    if (result)
      drop_notification(socket.get());
    return result;
  }

  static std::size_t open_fds() {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator{"/proc/self/fd"}, fs::directory_iterator{}));
  }

  std::string file;
  unique_fd socket;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(notify_suite, socket_fixture)

BOOST_AUTO_TEST_CASE(its_owner_alone_may_write) {
  struct stat info {};
  BOOST_REQUIRE(::stat(file.c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 07777) == 0600u);
  BOOST_REQUIRE(::stat((path + "/n").c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 07777) == 0711u);
  BOOST_TEST(file.size() <= path.size() + 26);
  if (::geteuid() != 0)
    return;
  auto other = make_notify_socket(notify_path(path, "b#0", 1), 65534, 65534);
  BOOST_REQUIRE(other.has_value());
  BOOST_REQUIRE(::stat(notify_path(path, "b#0", 1).c_str(), &info) == 0);
  BOOST_TEST(info.st_uid == 65534u);
  fs::permissions(path, fs::perms{0711});
  const auto child = ::fork();
  if (child == 0) {
    ::_exit(::setresgid(65534, 65534, 65534) == 0 && ::setresuid(65534, 65534, 65534) == 0
                ? send("READY=1")
                : 127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  BOOST_TEST(WEXITSTATUS(status) == EACCES);
}

BOOST_AUTO_TEST_CASE(a_datagram_says_who_sent_it) {
  BOOST_TEST(!receive().has_value());
  BOOST_TEST(send("READY=1\nSTATUS=here we are") == 0);
  const auto got = receive();
  BOOST_REQUIRE(got.has_value());
  BOOST_TEST(got->text == "READY=1\nSTATUS=here we are");
  BOOST_TEST(got->sender == ::getpid());
  BOOST_TEST(got->uid == ::geteuid());
  BOOST_TEST(!got->cut);
  BOOST_TEST(!got->with_fds);
  BOOST_TEST(!receive().has_value());
}

BOOST_AUTO_TEST_CASE(fds_are_closed_at_once_however_many) {
  int ends[2];
  BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const auto before = open_fds();
  // BARRIER=1: whoever sent it waits until the other end of its pipe is closed.
  BOOST_TEST(send("BARRIER=1", {ends[1]}) == 0);
  ::close(ends[1]);
  pollfd hung{ends[0], 0, 0};
  BOOST_TEST(::poll(&hung, 1, 0) == 0);
  BOOST_TEST(receive().has_value());
  BOOST_TEST(::poll(&hung, 1, 10'000) == 1);
  BOOST_TEST((hung.revents & POLLHUP) != 0);
  BOOST_TEST(send("FDSTORE=1", std::vector<int>(200, ends[0])) == 0);
  const auto got = receive();
  BOOST_REQUIRE(got.has_value());
  BOOST_TEST(got->text == "FDSTORE=1");
  BOOST_TEST(got->with_fds);
  BOOST_TEST(got->sender == ::getpid());
  BOOST_TEST(open_fds() == before - 1);
  ::close(ends[0]);
}

BOOST_AUTO_TEST_CASE(what_is_too_long_is_cut_and_known_to_be) {
  BOOST_TEST(send(std::string(max_notification, 'x')) == 0);
  BOOST_TEST(!receive()->cut);
  BOOST_TEST(send("READY=1\n" + std::string(max_notification, 'x')) == 0);
  BOOST_TEST(receive()->cut);
  BOOST_TEST(send("") == 0);
  BOOST_TEST(receive()->text == "");
}

BOOST_AUTO_TEST_CASE(the_directory_is_cleaned_of_what_nobody_knows) {
  const auto other = notify_path(path, "other#0", 1);
  auto made = make_notify_socket(other, ::geteuid(), ::getegid());
  BOOST_REQUIRE(made.has_value());
  BOOST_TEST(clean_notify_directory(path, {file}) == "");
  BOOST_TEST(fs::exists(file));
  BOOST_TEST(!fs::exists(other));
  BOOST_TEST(clean_notify_directory(path + "/none", {}).find("mkdir " + path + "/none/n: ") == 0u);
}

BOOST_AUTO_TEST_CASE(assignments_are_taken_apart) {
  const auto all = assignments("READY=1\n\nSTATUS=a=b\nnonsense\n=x\nLAST=\n");
  BOOST_REQUIRE(all.size() == 3u);
  BOOST_TEST(all[0].first == "READY");
  BOOST_TEST(all[1].second == "a=b");
  BOOST_TEST(all[2].first == "LAST");
  BOOST_TEST(all[2].second == "");
  BOOST_TEST(assignments("").empty());
  BOOST_TEST(microseconds("15").value() == 15u);
  BOOST_TEST(!microseconds("").has_value());
  BOOST_TEST(!microseconds("-1").has_value());
  BOOST_TEST(!microseconds("1s").has_value());
  BOOST_TEST(microseconds("99999999999999999999999").value() == 604'800'000'000u);
}

BOOST_AUTO_TEST_CASE(a_status_is_made_fit) {
  BOOST_TEST(fit_line("Ready to accept connections") == "Ready to accept connections");
  BOOST_TEST(fit_line("\x1b[31mred") == "\\x1b[31mred");
  BOOST_TEST(fit_line("ä\xff") == "ä\\xff");
  for (const std::size_t size : {255u, 256u, 257u, 4000u}) {
    BOOST_TEST(fit_line(std::string(size, 'x')).size() == std::min<std::size_t>(size, 256));
    BOOST_TEST(fit_line(std::string(size, '\n')).size() <= 256u);
  }
  std::string umlauts;
  for (int i = 0; i < 200; ++i)
    umlauts += "ä";
  BOOST_TEST(fit_line(umlauts).size() <= 256u);
  BOOST_TEST(fit_line(umlauts).ends_with("ä…"));
}

BOOST_AUTO_TEST_CASE(the_socket_remembers_that_its_bot_was_ready) {
  BOOST_TEST(!noted_ready(socket.get()));
  const unique_fd kept{::fcntl(socket.get(), F_DUPFD_CLOEXEC, 3)};
  note_ready(socket.get());
  socket.reset();
  BOOST_TEST(noted_ready(kept.get()));
}

BOOST_AUTO_TEST_SUITE_END()
