#include "runtime/blackbox/log.hpp"
#include "runtime/blackbox/paced.hpp"
#include "test/unit/blackbox/fixture.hpp"

#include <boost/test/unit_test.hpp>
#include <spdlog/spdlog.h>

#include <fcntl.h>
#include <thread>

using namespace troupe;
using namespace troupe::test;
using std::chrono::seconds;

BOOST_AUTO_TEST_SUITE(logging)

BOOST_AUTO_TEST_CASE(a_reader_that_does_not_read_is_not_waited_for) {
  int ends[2];
  BOOST_REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  constexpr int lines = 20'000; // many times what pipe and queue hold
  const int status = in_child([&] {
    dup2(ends[1], STDERR_FILENO);
    blackbox::event_ring ring{getpid(), 1};
    blackbox::open(false, ring);
    for (int i = 0; i < lines; ++i)
      spdlog::info("line {}", i);
    blackbox::finish(std::chrono::milliseconds{10}); // in vain
    const auto kept = blackbox::read_ring(ring.fd()).lines;
    _exit(kept.size() == blackbox::ring_lines && kept.back().ends_with("line 19999") ? 7 : 8);
  });
  BOOST_TEST(WIFEXITED(status));
  BOOST_TEST(WEXITSTATUS(status) == 7);
  close(ends[0]);
  close(ends[1]);
}

BOOST_AUTO_TEST_CASE(what_was_dropped_is_counted_in_its_place) {
  scratch dir;
  int ends[2];
  BOOST_REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  constexpr int lines = 20'000;
  const auto log = dir.path + "/log";
  const int status = in_child([&] {
    dup2(ends[1], STDERR_FILENO);
    blackbox::event_ring ring{getpid(), 1};
    blackbox::open(false, ring);
    for (int i = 0; i < lines; ++i)
      spdlog::info("line {}", i);
    // From now on somebody reads.
    std::thread reader{[&] {
      std::ofstream out{log};
      char c = 0;
      while (read(ends[0], &c, 1) == 1 && c != '\0')
        out << c;
    }};
    blackbox::finish(seconds{60});
    const bool ended = write(ends[1], "", 1) == 1;
    reader.join();
    if (!ended)
      _exit(1);
    _exit(0);
  });
  BOOST_TEST(status == 0);
  close(ends[0]);
  close(ends[1]);
  // Every line is there or counted.
  std::istringstream text{dir.read("log")};
  std::uint64_t read = 0;
  std::uint64_t dropped = 0;
  int next = 0;
  for (std::string line; std::getline(text, line);) {
    int number = 0;
    unsigned long count = 0;
    if (std::sscanf(line.c_str(), "%*s info line %d", &number) == 1) {
      BOOST_TEST(number >= next);
      next = number + 1;
      ++read;
    } else if (std::sscanf(line.c_str(), "%*s warning %lu lines of the log were dropped", &count)
               == 1) {
      dropped += count;
    } else {
      BOOST_ERROR(line);
    }
  }
  BOOST_TEST(next == lines);
  BOOST_TEST(dropped > 0u);
  BOOST_TEST(read + dropped == static_cast<std::uint64_t>(lines));
}

BOOST_AUTO_TEST_CASE(debug_lines_go_to_the_ring_only) {
  scratch dir;
  const auto log = dir.path + "/log";
  const int status = in_child([&] {
    dup2(::open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), STDERR_FILENO);
    blackbox::event_ring ring{getpid(), 1};
    blackbox::open(false, ring);
    spdlog::debug("small");
    spdlog::warn("large");
    blackbox::finish();
    const auto kept = blackbox::read_ring(ring.fd()).lines;
    _exit(kept.size() == 2 && kept[0].ends_with("Z debug small")
                  && kept[1].ends_with("Z warning large")
              ? 7
              : 8);
  });
  BOOST_TEST(WEXITSTATUS(status) == 7);
  BOOST_TEST(dir.read("log").find("small") == std::string::npos);
  BOOST_TEST(dir.read("log").ends_with("Z warning large\n"));
}

BOOST_AUTO_TEST_CASE(a_paced_line_comes_once_in_a_period) {
  blackbox::paced pace{seconds{10}};
  const auto start = blackbox::paced::clock::now();
  BOOST_TEST(pace.turn(start).value() == "");
  for (int i = 1; i < 10; ++i)
    BOOST_TEST(!pace.turn(start + seconds{i}).has_value());
  BOOST_TEST(pace.turn(start + seconds{10}).value() == " (and 9 times before)");
  BOOST_TEST(pace.turn(start + seconds{30}).value() == "");
}

BOOST_AUTO_TEST_SUITE_END()
