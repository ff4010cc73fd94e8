#include "runtime/os/process_table.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace troupe::os;

BOOST_AUTO_TEST_SUITE(process_table_suite)

BOOST_AUTO_TEST_CASE(a_stat_line_is_taken_apart) {
  const auto x = parse_stat("4711 (a) b ( c) S 12 34 56 0 -1 4194560 1 2 3 4 100 50 7 8 20 0 1 0"
                            " 987654 12345678 10 18446744073709551615 1 1 0 0 0\n");
  BOOST_REQUIRE(x.has_value());
  BOOST_TEST(x->pid == 4711);
  BOOST_TEST(x->state == 'S');
  BOOST_TEST(x->parent == 12);
  BOOST_TEST(x->group == 34);
  BOOST_TEST(x->session == 56);
  BOOST_TEST(x->cpu_ticks == 150u);
  BOOST_TEST(x->start_ticks == 987654u);
  BOOST_TEST(x->resident == 10u * static_cast<unsigned>(::sysconf(_SC_PAGESIZE)));
}

BOOST_AUTO_TEST_CASE(nonsense_is_no_process) {
  for (const auto* text : {"", "1", "1 (a)", "1 (a) ", "1 (a) S", "x (a) S 1 2 3", "1 a) S 1 2 3",
                           "1 (a) S 1 2 3 4 5 6", ") (", "1 )( S 1"})
    BOOST_TEST(!parse_stat(text).has_value(), text);
}

BOOST_AUTO_TEST_CASE(this_process_is_in_the_table) {
  const auto self = read_process(::getpid());
  BOOST_REQUIRE(self.has_value());
  BOOST_TEST(self->parent == ::getppid());
  BOOST_TEST(self->group == ::getpgrp());
  BOOST_TEST(self->resident > 0u);
  const auto all = all_processes().value();
  BOOST_TEST(
      std::count_if(all.begin(), all.end(), [](const auto& x) { return x.pid == ::getpid(); })
      == 1);
  BOOST_TEST(!read_process(0x7ffffff0).has_value());
}

BOOST_AUTO_TEST_CASE(without_fds_there_is_no_look_at_all) {
  const auto child = ::fork();
  if (child == 0) {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_NOFILE, &none);
    ::_exit(all_processes() ? 1 : 0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(children_and_environment_are_seen) {
  int ready[2];
  BOOST_REQUIRE(::pipe(ready) == 0);
  const auto child = ::fork();
  if (child == 0) {
    const char* arguments[] = {"/bin/sh", "-c", "echo x; exec sleep 1000", nullptr};
    const char* environment[] = {"ABC=no", "AB=yes=1", "PATH=/usr/bin:/bin", nullptr};
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // however this test ends
    ::dup2(ready[1], 1);
    ::execve(arguments[0], const_cast<char**>(arguments), const_cast<char**>(environment));
    ::_exit(127);
  }
  char byte = 0;
  BOOST_REQUIRE(::read(ready[0], &byte, 1) == 1);
  if (const auto children = children_of(::getpid()))
    BOOST_TEST(std::count(children->begin(), children->end(), child) == 1);
  // It may be in the middle of its exec.
  BOOST_TEST(variable_of(child, "AB").value_or("none") == "yes=1");
  BOOST_TEST(!variable_of(child, "A").has_value());
  BOOST_TEST(!variable_of(child, "ABCD").has_value());
  const auto x = read_process(child);
  BOOST_REQUIRE(x.has_value());
  // Another process that would have got the same pid is not hit.
  auto other = *x;
  other.start_ticks += 1;
  BOOST_TEST(kill_exactly(other, SIGKILL) == ESRCH);
  BOOST_TEST(!read_process(child)->dead());
  BOOST_TEST(kill_exactly(*x, SIGKILL) == 0);
  siginfo_t info{};
  BOOST_TEST(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  BOOST_TEST(read_process(child)->dead());
  ::waitpid(child, nullptr, 0);
  BOOST_TEST(kill_exactly(*x, SIGKILL) == ESRCH);
  ::close(ready[0]);
  ::close(ready[1]);
}

BOOST_AUTO_TEST_CASE(descendants_are_followed_in_any_order) {
  const auto make = [](pid_t pid, pid_t parent) {
    process x;
    x.pid = pid;
    x.parent = parent;
    return x;
  };
  const std::vector<process> all{make(30, 20), make(20, 10), make(10, 1), make(40, 1),
                                 make(50, 30)};
  const auto found = with_descendants(all, [](const process& x) { return x.pid == 20; });
  std::vector<pid_t> pids;
  for (const auto& x : found)
    pids.push_back(x.pid);
  std::sort(pids.begin(), pids.end());
  BOOST_TEST((pids == std::vector<pid_t>{20, 30, 50}));
  BOOST_TEST(with_descendants(all, [](const process&) { return false; }).empty());
}

BOOST_AUTO_TEST_SUITE_END()
