// link.sock as seen by whoever connects to it, friend or not.

#include "raw_bot.hpp"
#include "runtime/link/listener.hpp"
#include "runtime/sockets/bind.hpp"
#include "runtime/sockets/placed_socket.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

struct let_in {
  os::unique_fd fd;
  messaging::link_hello hello;
  std::string read;
};

struct link_fixture {
  link_directory dir;
  std::shared_ptr<os::link_keys> keys = std::make_shared<os::link_keys>();
  os::link_key key = *os::make_link_key();
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work =
      boost::asio::make_work_guard(io);
  std::unique_ptr<link::link_listener> listener;
  std::thread thread;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<let_in> links;
  std::vector<std::string> lines;
  std::vector<notice> remarks;

  void start(std::chrono::milliseconds hello_timeout = 5s) {
    keys->add("a#0", 7, key, ::getuid());
    link::link_listener::options how;
    how.keys = keys;
    how.hello_timeout = hello_timeout;
    how.hand_over = [this](os::unique_fd fd, messaging::link_hello hello, std::string read) {
      const std::lock_guard lock{mutex};
      links.push_back({std::move(fd), std::move(hello), std::move(read)});
      changed.notify_all();
    };
    how.log = [this](const std::string& line) {
      const std::lock_guard lock{mutex};
      lines.push_back(line);
    };
    how.remark = [this](notice x) {
      const std::lock_guard lock{mutex};
      remarks.push_back(std::move(x));
    };
    auto bound = sockets::bind_socket(dir.socket(), 0666, 4096);
    BOOST_REQUIRE(bound.has_value());
    listener = std::make_unique<link::link_listener>(io, std::move(how));
    listener->listen(std::move(*bound));
    thread = std::thread{[this] { io.run(); }};
  }

  ~link_fixture() {
    if (!thread.joinable())
      return;
    boost::asio::post(io, [this] { listener->stop(); });
    work.reset();
    thread.join();
  }

  json hello() const {
    return {{"version", 1},
            {"oldest", 1},
            {"instance", "a#0"},
            {"incarnation", 7},
            {"token", os::to_text(key)}};
  }

  let_in next_link() {
    std::unique_lock lock{mutex};
    BOOST_REQUIRE(changed.wait_for(lock, 20s, [this] { return !links.empty(); }));
    auto result = std::move(links.front());
    links.pop_front();
    return result;
  }

  /// The BYE that this first frame gets; the connection ends after it.
  json refusal_of(const std::string& bytes) {
    raw_bot bot{dir.socket()};
    bot.say(bytes);
    const auto got = bot.hear();
    BOOST_REQUIRE(got.has_value());
    BOOST_TEST((got->type == wire::frame_type::bye));
    BOOST_TEST(bot.ended());
    return got->json();
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(link_socket, link_fixture)

BOOST_AUTO_TEST_CASE(everybody_may_open_it) {
  start();
  struct stat about {};
  BOOST_REQUIRE(::stat(dir.socket().c_str(), &about) == 0);
  BOOST_TEST((about.st_mode & 07777) == 0666u);
}

BOOST_AUTO_TEST_CASE(a_good_hello_goes_on_with_all_that_was_said) {
  start();
  raw_bot bot{dir.socket()};
  const auto ping = frame(wire::frame_type::ping, std::string_view{"12345678"});
  BOOST_TEST(bot.say(frame(wire::frame_type::hello, hello()) + ping));
  auto got = next_link();
  BOOST_TEST(got.hello.instance == "a#0");
  BOOST_TEST(got.hello.uid == ::getuid());
  BOOST_TEST(got.hello.pid == ::getpid());
  BOOST_TEST(got.read == ping);
  BOOST_TEST((::fcntl(got.fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  // It is the same connection.
  BOOST_TEST(::send(got.fd.get(), ping.data(), ping.size(), 0)
             == static_cast<ssize_t>(ping.size()));
  BOOST_TEST(bot.hear()->body == "12345678");
}

BOOST_AUTO_TEST_CASE(a_hello_may_come_byte_by_byte) {
  start();
  raw_bot bot{dir.socket()};
  for (const char c : frame(wire::frame_type::hello, hello()))
    BOOST_REQUIRE(bot.say({&c, 1}));
  BOOST_TEST(next_link().read == "");
}

BOOST_AUTO_TEST_CASE(a_large_hello_is_heard_and_a_larger_one_is_not) {
  start();
  auto large = hello();
  const auto rest = 16'384 - 5 - large.dump().size() - std::string{",\"x\":\"\""}.size();
  large["x"] = std::string(rest, 'x');
  raw_bot bot{dir.socket()};
  bot.say(frame(wire::frame_type::hello, large));
  BOOST_TEST(next_link().hello.instance == "a#0");
  large["x"] = std::string(rest + 1, 'x');
  BOOST_TEST(refusal_of(frame(wire::frame_type::hello, large))["reason"] == "bad_hello");
  // Its size alone is enough.
  BOOST_TEST(refusal_of(std::string{"\xff\xff\xff\x7f\x01", 5})["reason"] == "bad_hello");
}

BOOST_AUTO_TEST_CASE(what_is_no_hello_gets_a_reason_and_the_door) {
  start();
  auto damaged = frame(wire::frame_type::hello, hello());
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  for (const auto& bytes : {damaged, std::string(100, '\0'), std::string{"GET / HTTP/1.1\r\n\r\n"},
                            frame(wire::frame_type::ping, std::string_view{"12345678"}),
                            frame(wire::frame_type::hello, std::string_view{"{}"})})
    BOOST_TEST(refusal_of(bytes)["reason"] == "bad_hello");
  auto future = hello();
  future["version"] = future["oldest"] = 255;
  const auto bye = refusal_of(frame(wire::frame_type::hello, future));
  BOOST_TEST(bye["reason"] == "bad_version");
  BOOST_TEST(bye["versions"] == json({1, 1}));
}

BOOST_AUTO_TEST_CASE(a_stranger_is_refused_logged_and_put_on_record) {
  start();
  auto wrong = hello();
  wrong["token"] = std::string(32, '5');
  for (int i = 0; i < 50; ++i)
    BOOST_TEST(refusal_of(frame(wire::frame_type::hello, wrong))["reason"] == "bad_token");
  const std::lock_guard lock{mutex};
  BOOST_TEST(links.empty());
  // Once for all fifty.
  BOOST_REQUIRE(lines.size() == 1u);
  BOOST_TEST(lines[0].find("bad_token") != std::string::npos);
  BOOST_TEST(lines[0].find("a#0") != std::string::npos);
  BOOST_TEST(lines[0].find("555") == std::string::npos);
  BOOST_REQUIRE(remarks.size() == 1u);
  BOOST_TEST(remarks[0].instance == "a#0");
  BOOST_TEST(remarks[0].incarnation == 7u);
  BOOST_TEST((remarks[0].what == notice::kind::remark));
}

BOOST_AUTO_TEST_CASE(old_processes_are_told_so) {
  start();
  auto old = hello();
  old["incarnation"] = 6;
  BOOST_TEST(refusal_of(frame(wire::frame_type::hello, old))["reason"] == "old_incarnation");
  keys->end("a#0", 7);
  BOOST_TEST(refusal_of(frame(wire::frame_type::hello, hello()))["reason"] == "old_incarnation");
  const std::lock_guard lock{mutex};
  BOOST_TEST(remarks.empty());
}

BOOST_AUTO_TEST_CASE(a_copied_token_is_of_no_use_to_another_user) {
  if (::geteuid() != 0) {
    BOOST_TEST_MESSAGE("skipped: only root can be somebody else");
    BOOST_TEST(::geteuid() != 0u);
    return;
  }
  start();
  ::chmod(dir.path.c_str(), 0711);
  const auto child = ::fork();
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0)
      ::_exit(3);
    raw_bot bot{dir.socket()};
    bot.say(frame(wire::frame_type::hello, hello()));
    const auto got = bot.hear();
    ::_exit(got && got->body.find("bad_token") != std::string::npos ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(silence_is_ended_with_a_reason) {
  start(50ms);
  raw_bot silent{dir.socket()};
  BOOST_TEST(silent.hear()->json()["reason"] == "bad_hello");
  BOOST_TEST(silent.ended());
  raw_bot half{dir.socket()};
  half.say("\x10");
  BOOST_TEST(half.hear()->json()["reason"] == "bad_hello");
}

BOOST_AUTO_TEST_CASE(thousands_who_say_nothing_keep_nobody_out) {
  start();
  std::vector<raw_bot> silent;
  for (int i = 0; i < 600; ++i) {
    silent.emplace_back(dir.socket());
    BOOST_REQUIRE(static_cast<bool>(silent.back().fd));
  }
  raw_bot bot{dir.socket()};
  bot.say(frame(wire::frame_type::hello, hello()));
  BOOST_TEST(next_link().hello.instance == "a#0");
  // Who was silent longest made room, without a word: he may try again.
  BOOST_TEST(!silent.front().hear().has_value());
}

BOOST_AUTO_TEST_CASE(without_descriptors_others_wait) {
  start();
  std::vector<os::unique_fd> all;
  raw_bot bot{dir.socket()};
  raw_bot late{os::unique_fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)}};
  bot.say(frame(wire::frame_type::hello, hello()));
  BOOST_TEST(next_link().hello.instance == "a#0");
  while (os::unique_fd fd{::dup(bot.fd.get())})
    all.push_back(std::move(fd));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, dir.socket().c_str());
  BOOST_REQUIRE(
      ::connect(late.fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  late.say(frame(wire::frame_type::hello, hello()));
  // One is turned away at once, without a word, so that it tries again; nothing spins or dies.
  BOOST_TEST(late.ended());
  all.clear();
  raw_bot again{dir.socket()};
  again.say(frame(wire::frame_type::hello, hello()));
  BOOST_TEST(next_link().hello.instance == "a#0");
}

BOOST_AUTO_TEST_SUITE_END()
