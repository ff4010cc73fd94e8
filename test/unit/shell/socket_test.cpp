// admin.sock as seen by whoever connects to it, friend or not.

#include "fake_runtime.hpp"
#include "runtime/shell/hello.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <sys/stat.h>

using namespace troupe;
using namespace troupe::test;

BOOST_AUTO_TEST_SUITE(admin_socket)

BOOST_AUTO_TEST_CASE(only_its_user_may_open_it) {
  scratch dir;
  const auto fd = bind_admin(dir.socket());
  BOOST_REQUIRE(fd.has_value());
  struct stat about {};
  BOOST_REQUIRE(stat(dir.socket().c_str(), &about) == 0);
  BOOST_TEST((about.st_mode & 07777) == 0600u);
  BOOST_TEST((fcntl(fd->get(), F_GETFD) & FD_CLOEXEC) != 0);
}

BOOST_AUTO_TEST_CASE(what_an_earlier_life_left_is_replaced) {
  scratch dir;
  for (int life = 0; life < 50; ++life) {
    // Closed without unlink, as by kill -9.
    const auto fd = bind_admin(dir.socket());
    BOOST_REQUIRE(fd.has_value());
    BOOST_TEST(static_cast<bool>(raw_connection{dir.socket()}.fd));
  }
}

BOOST_AUTO_TEST_CASE(a_place_that_is_none_is_a_sentence) {
  const auto fd = bind_admin("/nonexistent/admin.sock");
  BOOST_REQUIRE(!fd.has_value());
  BOOST_TEST(fd.error() == "bind /nonexistent/admin.sock: No such file or directory");
  BOOST_TEST(!bind_admin(std::string(200, 'x')).has_value());
}

BOOST_AUTO_TEST_CASE(a_good_hello_opens_a_session_until_the_end) {
  scratch dir;
  fake_runtime runtime{dir.socket()};
  {
    raw_connection c{dir.socket()};
    BOOST_TEST(c.say(shell::client_hello()));
    const auto got = shell::read_welcome(c.hear_line());
    BOOST_REQUIRE(got.has_value());
    BOOST_TEST(got->fleet == "demo fleet");
    BOOST_REQUIRE(runtime.sessions->find(got->session).has_value());
    const auto who = *runtime.sessions->find(got->session);
    BOOST_TEST(who.uid == getuid());
    BOOST_TEST(who.pid == getpid());
    BOOST_TEST((who.may == role::admin));
  }
  BOOST_TEST(eventually([&] { return runtime.sessions->size() == 0; }));
}

BOOST_AUTO_TEST_CASE(bad_hellos_get_a_reason_and_the_door) {
  scratch dir;
  fake_runtime runtime{dir.socket()};
  const std::pair<std::string, const char*> cases[] = {
      {"troupe/2 1.0\n", "no this runtime"},
      {"GET / HTTP/1.1\r\n\r\n", "no the hello is one short line"},
      {"hello\n", "no expected troupe/1 VERSION"},
      {"\n", "no expected"},
      {std::string(100'000, 'x'), "no the hello is one short line"},
      {std::string(10, '\0') + "\n", "no expected"},
      {shell::client_hello() + "more", "no the hello is one short line"}};
  for (const auto& [said, expected] : cases) {
    raw_connection c{dir.socket()};
    c.say(said);
    BOOST_TEST(c.hear_all().starts_with(expected), said.substr(0, 40));
  }
  BOOST_TEST(runtime.sessions->size() == 0);
}

BOOST_AUTO_TEST_CASE(silence_is_ended) {
  scratch dir;
  fake_runtime runtime{dir.socket(), {.hello_timeout = std::chrono::milliseconds{50}}};
  BOOST_TEST(raw_connection{dir.socket()}.hear_all() == "");
  raw_connection half{dir.socket()};
  half.say("troupe/1");
  BOOST_TEST(half.hear_all() == "");
}

BOOST_AUTO_TEST_CASE(many_who_say_nothing_do_not_lock_others_out_for_good) {
  scratch dir;
  fake_runtime runtime{dir.socket(), {.hello_timeout = std::chrono::milliseconds{300}}};
  std::vector<std::unique_ptr<raw_connection>> silent;
  for (int i = 0; i < 100; ++i)
    silent.push_back(std::make_unique<raw_connection>(dir.socket()));
  raw_connection c{dir.socket()};
  BOOST_TEST(c.say(shell::client_hello()));
  BOOST_TEST(c.hear_line().starts_with("ok "));
}

BOOST_AUTO_TEST_CASE(sessions_are_bounded) {
  scratch dir;
  fake_runtime runtime{dir.socket()};
  std::vector<std::unique_ptr<raw_connection>> open;
  for (int i = 0; i < 64; ++i) {
    open.push_back(std::make_unique<raw_connection>(dir.socket()));
    open.back()->say(shell::client_hello());
    BOOST_REQUIRE(open.back()->hear_line().starts_with("ok "));
  }
  raw_connection one_more{dir.socket()};
  one_more.say(shell::client_hello());
  BOOST_TEST(one_more.hear_line() == "no too many sessions are open");
  open.clear();
  BOOST_TEST(eventually([&] {
    raw_connection again{dir.socket()};
    again.say(shell::client_hello());
    return again.hear_line().starts_with("ok ");
  }));
}

BOOST_AUTO_TEST_CASE(hostile_bytes_after_the_hello_end_that_connection_only) {
  scratch dir;
  fake_runtime runtime{dir.socket()};
  std::minstd_rand random{7};
  for (int round = 0; round < 300; ++round) {
    raw_connection c{dir.socket()};
    c.say(shell::client_hello());
    BOOST_REQUIRE(c.hear_line().starts_with("ok "));
    std::string noise(1 + random() % 200, '\0');
    for (auto& byte : noise)
      byte = static_cast<char>(random());
    // Now and then a frame that begins well.
    if (round % 3 == 0)
      noise = std::string{"\x01\0\0\0\0\0\0\x10", 8} + std::string(24, '\0') + noise;
    c.say(noise);
    shutdown(c.fd.get(), SHUT_WR);
    BOOST_REQUIRE(!c.hear_all().ends_with("timeout"));
  }
  raw_connection c{dir.socket()};
  c.say(shell::client_hello());
  BOOST_TEST(c.hear_line().starts_with("ok "));
  BOOST_TEST(eventually([&] { return runtime.sessions->size() <= 1; }));
}

BOOST_AUTO_TEST_SUITE_END()
