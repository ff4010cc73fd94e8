#pragma once

// A writer that is killed in the middle, forty times.

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <cstdint>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace troupe::test {

/// `write_for_ever` runs in a process of its own; it writes the number of each round that was
/// acknowledged to the descriptor. It is killed after some rounds, then `check` is called with the
/// last round that was acknowledged; forty times.
template <class Check>
void kill_again_and_again(const std::string& path,
                          void (*write_for_ever)(const std::string& path, int out), Check check) {
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 40; ++round) {
    int pipe_fds[2];
    BOOST_REQUIRE(::pipe(pipe_fds) == 0);
    const auto child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) {
      ::close(pipe_fds[0]);
      write_for_ever(path, pipe_fds[1]);
      ::_exit(1);
    }
    ::close(pipe_fds[1]);
    std::uint64_t number = 0;
    for (int i = 0; i <= round % 7; ++i) {
      BOOST_REQUIRE(::read(pipe_fds[0], &number, sizeof(number)) == sizeof(number));
      acknowledged = number;
    }
    ::kill(child, SIGKILL);
    while (::read(pipe_fds[0], &number, sizeof(number)) == sizeof(number))
      acknowledged = number;
    ::close(pipe_fds[0]);
    ::waitpid(child, nullptr, 0);
    check(acknowledged);
  }
}

} // namespace troupe::test
