#include "runtime/os/checks.hpp"
#include "test/unit/os/temporary.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <thread>

using namespace troupe::os;
using namespace std::chrono_literals;
using kind = troupe::config::ready_spec::kind;
using boost::asio::ip::tcp;

namespace {

struct probe_fixture : troupe::test::temporary {
  std::shared_ptr<probe> make(kind how, const std::string& value) {
    auto made = make_probe(io, hands, how, value, path);
    BOOST_REQUIRE_MESSAGE(made.has_value(), (made ? std::string{} : made.error()));
    return *made;
  }

  verdict look(kind how, const std::string& value, std::chrono::nanoseconds limit = 20s) {
    return look(make(how, value), limit);
  }

  verdict look(const std::shared_ptr<probe>& how, std::chrono::nanoseconds limit = 20s) {
    std::optional<verdict> result;
    how->look(limit, [&](verdict x) { result = std::move(x); });
    BOOST_TEST(!result.has_value()); // never at once
    io.restart();
    while (!result)
      io.run_one();
    return *result;
  }

  // Answers one request with this text.
  std::uint16_t serve(std::string answer) {
    tcp::acceptor acceptor{io, {boost::asio::ip::address_v4::loopback(), 0}};
    const auto port = acceptor.local_endpoint().port();
    acceptor.async_accept([this, answer = std::move(answer)](auto error, tcp::socket peer) {
      BOOST_REQUIRE(!error);
      auto x = std::make_shared<tcp::socket>(std::move(peer));
      auto in = std::make_shared<boost::asio::streambuf>();
      boost::asio::async_read_until(
          *x, *in, "\r\n\r\n", [this, x, in, answer](auto, std::size_t size) {
            request.assign(static_cast<const char*>(in->data().data()), size);
            auto text = std::make_shared<std::string>(answer);
            boost::asio::async_write(*x, boost::asio::buffer(*text), [x, text](auto, auto) {});
          });
    });
    acceptors.push_back(std::move(acceptor));
    return port;
  }

  static std::uint16_t closed_port() {
    boost::asio::io_context other;
    return tcp::acceptor{other, {boost::asio::ip::address_v4::loopback(), 0}}
        .local_endpoint()
        .port();
  }

  boost::asio::io_context io;
  workers hands{io, 2};
  std::vector<tcp::acceptor> acceptors;
  std::string request;
};

/// Passes or fails as it is told.
struct fake_probe final : probe {
  void look(std::chrono::nanoseconds, done then) override {
    ++looks;
    then_ = std::move(then);
  }
  void stop() override { then_ = nullptr; }
  void answer(verdict x) {
    const auto then = std::exchange(then_, nullptr);
    then(std::move(x));
  }
  int looks = 0;
  done then_;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(probes_suite, probe_fixture)

BOOST_AUTO_TEST_CASE(a_port_accepts_or_not) {
  const auto open = "127.0.0.1:" + std::to_string(serve(""));
  auto x = look(kind::tcp, open);
  BOOST_TEST(x.passed);
  BOOST_TEST(x.text == "tcp " + open + " accepts connections");
  const auto closed = "127.0.0.1:" + std::to_string(closed_port());
  x = look(kind::tcp, closed);
  BOOST_TEST(!x.passed);
  BOOST_TEST(x.text == "tcp " + closed + ": Connection refused");
  const auto named = "localhost:" + std::to_string(serve(""));
  BOOST_TEST(look(kind::tcp, named).text == "tcp " + named + " accepts connections");
  x = look(kind::tcp, "no-such-host.invalid:80");
  BOOST_TEST(!x.passed);
  BOOST_TEST(x.text.find("tcp no-such-host.invalid:80: no-such-host.invalid: ") == 0u);
}

BOOST_AUTO_TEST_CASE(a_url_answers_2xx_or_not) {
  const auto ask = [&](const std::string& answer) {
    const auto where = "http://127.0.0.1:" + std::to_string(serve(answer)) + "/health?deep=1#x";
    auto x = look(kind::http, where);
    BOOST_TEST(x.text.starts_with("GET " + where));
    return std::pair{x.passed, x.text.substr(4 + where.size())};
  };
  BOOST_TEST(
      (ask("HTTP/1.1 204 No Content\r\n\r\n") == std::pair{true, std::string{" answered 204"}}));
  BOOST_TEST(request.starts_with("GET /health?deep=1 HTTP/1.1\r\n"));
  BOOST_TEST(request.find("\r\nHost: 127.0.0.1:") != std::string::npos);
  // A body of any size is not even read.
  BOOST_TEST(ask("HTTP/1.0 200 OK\r\nContent-Length: 999999999999\r\n\r\nx").first);
  BOOST_TEST((ask("HTTP/1.1 503 Busy\r\n\r\n")
              == std::pair{false, std::string{" answered 503, not 2xx"}}));
  BOOST_TEST((ask("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n").second == " answered 302, not 2xx"));
  BOOST_TEST(ask("-ERR unknown command\r\n\r\n").second.find(": its answer is no HTTP (") == 0u);
  BOOST_TEST(ask("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'))
                 .second.find(": its answer is no HTTP (")
             == 0u);
  const auto closed = "http://127.0.0.1:" + std::to_string(closed_port());
  BOOST_TEST(look(kind::http, closed).text == "GET " + closed + ": Connection refused");
}

BOOST_AUTO_TEST_CASE(silence_has_an_end) {
  // Accepted by the kernel, answered by nobody.
  tcp::acceptor acceptor{io, {boost::asio::ip::address_v4::loopback(), 0}};
  const auto where = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/";
  const auto x = look(kind::http, where, 30ms);
  BOOST_TEST(!x.passed);
  BOOST_TEST(x.text == "GET " + where + ": no answer within 0.0 s");
}

BOOST_AUTO_TEST_CASE(a_file_is_there_or_not) {
  auto x = look(kind::file, "ready");
  BOOST_TEST(!x.passed);
  BOOST_TEST(x.text == "file " + path + "/ready: No such file or directory");
  troupe::test::put(path + "/ready", "");
  x = look(kind::file, "ready");
  BOOST_TEST(x.passed);
  BOOST_TEST(x.text == "file " + path + "/ready exists");
  BOOST_TEST(look(kind::file, path + "/ready").passed);
}

BOOST_AUTO_TEST_CASE(a_thread_that_hangs_is_not_asked_twice_and_left_behind) {
  std::atomic<bool> go{false};
  std::atomic<int> asked{0};
  for (int i = 0; i < 2; ++i)
    BOOST_TEST(hands.run([&]() -> workers::done {
      ++asked;
      while (!go)
        std::this_thread::yield();
      return {};
    }));
  const auto file = make(kind::file, path);
  // All hands are full: the time limit holds all the same, and later looks do not pile up.
  for (int i = 0; i < 3; ++i)
    BOOST_TEST(look(file, 5ms).text == "file " + path + ": no answer within 0.0 s");
  go = true;
  BOOST_TEST(look(file).passed);
  BOOST_TEST(asked == 2);
  // One that still hangs when all is over may come back to nothing.
  std::atomic<bool> back{false};
  std::atomic<bool> there{false};
  auto stop = std::make_shared<std::atomic<bool>>(false);
  {
    boost::asio::io_context other;
    workers gone{other, 1};
    gone.run([stop, &back, &there]() -> workers::done {
      there = true;
      while (!*stop)
        std::this_thread::yield();
      back = true;
      return [] { BOOST_ERROR("nobody is there to be told"); };
    });
    while (!there)
      std::this_thread::yield();
  }
  *stop = true;
  while (!back)
    std::this_thread::yield();
}

BOOST_AUTO_TEST_CASE(a_look_that_is_stopped_tells_nobody) {
  const auto x = make(kind::tcp, "127.0.0.1:" + std::to_string(closed_port()));
  x->look(20s, [](const verdict&) { BOOST_ERROR("it was stopped"); });
  x->stop();
  io.restart();
  io.run();
  BOOST_TEST(io.stopped());
}

BOOST_AUTO_TEST_CASE(addresses_and_urls_are_taken_apart) {
  BOOST_TEST(split_address("[::1]:80")->host == "::1");
  BOOST_TEST(split_address("db:5432")->port == "5432");
  for (const char* wrong : {"", ":80", "a", "a:", "a:0", "a:65536", "a:8x", "a b:80", "a/b:80",
                            "user@a:80", "a:-1", "a:999999"})
    BOOST_TEST(!split_address(wrong).has_value(), wrong);
  BOOST_TEST(split_url("http://a")->at.port == "80");
  BOOST_TEST(split_url("http://a")->path == "/");
  BOOST_TEST(split_url("http://a?x")->path == "/?x");
  BOOST_TEST(split_url("http://[::1]/x")->at.host == "::1");
  BOOST_TEST(split_url("http://[::1]:81/x")->at.port == "81");
  BOOST_TEST(split_url("http://a:81/x#y")->path == "/x");
  for (const char* wrong : {"https://a", "http://", "http:///x", "http://a b/", "http://a/\r\nX: y",
                            "http://u:p@a/", "http://a:x/"})
    BOOST_TEST(!split_url(wrong).has_value(), wrong);
  BOOST_TEST(make_probe(io, hands, kind::tcp, "a", "").error()
             == "ready.tcp: \"a\" is no address such as host:80");
}

BOOST_AUTO_TEST_CASE(a_check_is_repeated_until_it_passes) {
  checks all{io};
  auto how = std::make_shared<fake_probe>();
  std::vector<std::string> told;
  all.start({"a#0", 1}, how, 1ms, 1s, [&](const verdict& x) { told.push_back(x.text); });
  BOOST_TEST(how->looks == 1);
  how->answer({false, "refused", {}});
  io.run();
  BOOST_TEST(how->looks == 2);
  how->answer({false, "refused", {}}); // nothing new
  io.restart();
  io.run();
  how->answer({false, "refused: at 12:01", "refused"});
  io.restart();
  io.run();
  how->answer({false, "no route", {}});
  io.restart();
  io.run();
  how->answer({true, "accepts", {}});
  io.restart();
  io.run();
  BOOST_TEST(how->looks == 5);
  BOOST_TEST(!all.has({"a#0", 1}));
  BOOST_TEST((told == std::vector<std::string>{"refused", "no route", "accepts"}));
}

BOOST_AUTO_TEST_CASE(only_so_many_look_at_a_time) {
  checks all{io, 2};
  std::vector<std::shared_ptr<fake_probe>> probes;
  for (std::uint64_t i = 0; i < 5; ++i) {
    probes.push_back(std::make_shared<fake_probe>());
    all.start({"a#0", i}, probes.back(), 1h, 1s, [](const verdict&) {});
  }
  const auto looks = [&] {
    std::string result;
    for (const auto& x : probes)
      result += std::to_string(x->looks);
    return result;
  };
  BOOST_TEST(looks() == "11000");
  all.stop({"a#0", 2}); // one that waits
  probes[0]->answer({true, "", {}});
  BOOST_TEST(looks() == "11010");
  all.stop({"a#0", 1}); // one that looks
  BOOST_TEST(looks() == "11011");
  probes[3]->answer({false, "no", {}});
  probes[4]->answer({true, "", {}});
  BOOST_TEST(all.has({"a#0", 3}));
  BOOST_TEST(!all.has({"a#0", 4}));
}

BOOST_AUTO_TEST_SUITE_END()
