#include "runtime/os/output_tail.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <string>
#include <unistd.h>

using namespace troupe::os;

namespace {

struct tail_fixture {
  tail_fixture() { add("a#0", 1); }
  ~tail_fixture() { ::close(end); }

  void add(const char* name, std::uint64_t incarnation) {
    int ends[2];
    BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    output.add(name, incarnation, unique_fd{ends[0]});
    end = ends[1];
  }
  void say(const std::string& text) {
    BOOST_REQUIRE(::write(end, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }

  boost::asio::io_context io;
  output_tail output{io};
  int end = -1;
};

std::string lines(int from, int to) {
  std::string result;
  for (int i = from; i <= to; ++i)
    result += "line " + std::to_string(i) + '\n';
  return result;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(output_tail_suite, tail_fixture)

BOOST_AUTO_TEST_CASE(the_last_lines_of_a_text) {
  BOOST_TEST(last_lines("") == "");
  BOOST_TEST(last_lines("\n") == "\n");
  BOOST_TEST(last_lines("a") == "a");
  BOOST_TEST(last_lines(lines(1, 20)) == lines(1, 20));
  BOOST_TEST(last_lines(lines(1, 21)) == lines(2, 21));
  BOOST_TEST(last_lines(lines(1, 30) + "open end") == lines(12, 30) + "open end");
  BOOST_TEST(last_lines(std::string(10'000, 'x')).size() == tail_bytes);
}

BOOST_AUTO_TEST_CASE(what_was_said_is_there_at_once) {
  say("hello\n");
  // Nobody has run the io_context yet: the pipe itself is asked.
  BOOST_TEST(output.tail("a#0", 1) == "hello\n");
  say("again\n");
  io.run_one();
  BOOST_TEST(output.tail("a#0", 1) == "hello\nagain\n");
  BOOST_TEST(output.tail("a#0", 2) == "");
  BOOST_TEST(output.tail("b#0", 1) == "");
}

BOOST_AUTO_TEST_CASE(only_the_end_is_kept) {
  for (int i = 0; i < 200; ++i) {
    say(lines(i * 10, i * 10 + 9));
    io.run_one();
  }
  BOOST_TEST(output.tail("a#0", 1) == lines(1980, 1999));
}

BOOST_AUTO_TEST_CASE(a_flood_without_newlines_is_cut) {
  for (int i = 0; i < 64; ++i) {
    say(std::string(32 * 1024, static_cast<char>('a' + i % 26)));
    io.run_one();
  }
  const auto text = output.tail("a#0", 1);
  BOOST_TEST(text == std::string(tail_bytes, static_cast<char>('a' + 63 % 26)));
}

BOOST_AUTO_TEST_CASE(the_end_of_the_pipe_ends_the_watch) {
  say("last\n");
  ::close(end);
  end = -1;
  // Data, end of file, and then there is nothing left to wait for.
  BOOST_TEST(io.run() == 2u);
  BOOST_TEST(output.tail("a#0", 1) == "last\n");
}

BOOST_AUTO_TEST_CASE(bytes_stay_as_they_are) {
  const std::string raw{"\x1b]0;x\a\0\xff\n", 9};
  say(raw);
  BOOST_TEST(output.tail("a#0", 1) == raw);
}

BOOST_AUTO_TEST_CASE(what_is_removed_is_closed) {
  output.remove("a#0", 1);
  BOOST_TEST(output.tail("a#0", 1) == "");
  BOOST_TEST(::fcntl(end, F_GETFD) >= 0);
  ::signal(SIGPIPE, SIG_IGN);
  BOOST_TEST(::write(end, "x", 1) == -1);
  BOOST_TEST(errno == EPIPE);
  io.poll();
}

BOOST_AUTO_TEST_CASE(the_writer_stays_blocking) {
  BOOST_TEST((::fcntl(end, F_GETFL) & O_NONBLOCK) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
