#include "runtime/blackbox/crash_files.hpp"
#include "runtime/blackbox/crash_handler.hpp"
#include "test/unit/blackbox/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <signal.h>
#include <stdexcept>
#include <sys/resource.h>
#include <thread>

using namespace troupe;
using namespace troupe::blackbox;
using namespace troupe::test;

namespace {

/// As the runtime: a ring with something in it, and reports into the directory.
void report_into(const scratch& dir, event_ring& ring) {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  report_crashes(::open(dir.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), ring);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(crashes)

BOOST_AUTO_TEST_CASE(an_uncaught_exception_says_what_it_was) {
  scratch dir;
  event_ring ring{4711, 3};
  ring.add("the last thing that happened");
  const int status = in_child([&] {
    report_into(dir, ring);
    std::thread{[] { throw std::runtime_error{"it does not fit"}; }}.join();
  });
  BOOST_REQUIRE(WIFSIGNALED(status));
  BOOST_TEST(WTERMSIG(status) == SIGABRT);
  BOOST_REQUIRE(dir.files().size() == 1u);
  const auto text = dir.read(dir.files().front());
  BOOST_TEST(contains(text, "signal 6 (ABRT)"), text);
  BOOST_TEST(contains(text, "std::terminate: St13runtime_error: it does not fit\n"), text);
  BOOST_TEST(contains(text, "epoch 3\n"), text);
  BOOST_TEST(contains(text, "last events:\nthe last thing that happened\n"), text);
  BOOST_TEST(contains(text, "backtrace"), text);
  // What the next runtime makes of it.
  const auto left = read_ring(ring.fd());
  BOOST_TEST((left.state == ring_page::reported));
  BOOST_TEST(left.report == dir.files().front());
  BOOST_TEST(report_of_the_dead(dir.path, ring.fd())
             == "the runtime before this one (pid 4711) crashed: see " + dir.path + "/"
                    + dir.files().front());
  BOOST_TEST(dir.files().size() == 1u);
}

#ifndef TROUPE_SANITIZED
BOOST_AUTO_TEST_CASE(a_fault_names_its_address) {
  scratch dir;
  event_ring ring{1, 1};
  const int status = in_child([&] {
    report_into(dir, ring);
    volatile int* nowhere = reinterpret_cast<int*>(0x1230);
    *nowhere = 1;
  });
  BOOST_REQUIRE(WIFSIGNALED(status));
  BOOST_TEST(WTERMSIG(status) == SIGSEGV);
  const auto text = dir.read(dir.files().at(0));
  BOOST_TEST(contains(text, "signal 11 (SEGV), code 1, address 0x1230, in thread"), text);
}
#endif

BOOST_AUTO_TEST_CASE(two_threads_that_crash_at_once_make_one_report) {
  scratch dir;
  event_ring ring{1, 1};
  const int status = in_child([&] {
    report_into(dir, ring);
    std::thread first{[] { abort(); }};
    std::thread second{[] { abort(); }};
    first.join();
    second.join();
  });
  BOOST_TEST(WIFSIGNALED(status));
  BOOST_TEST(dir.files().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_directory_that_takes_nothing_changes_nothing) {
  event_ring ring{1, 1};
  const int status = in_child([&] {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    report_crashes(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ring);
    abort();
  });
  BOOST_REQUIRE(WIFSIGNALED(status));
  BOOST_TEST(WTERMSIG(status) == SIGABRT);
}

BOOST_AUTO_TEST_CASE(who_was_killed_left_its_last_hundred_lines) {
  scratch dir;
  event_ring ring{4712, 2};
  in_child([&] {
    for (int i = 0; i < 250; ++i)
      ring.add("line " + std::to_string(i));
    ring.add(std::string(1000, 'x') + "end");
    ring.add("\x1b[31mred\n");
    raise(SIGKILL);
  });
  const auto said = report_of_the_dead(dir.path, ring.fd());
  BOOST_REQUIRE(dir.files().size() == 1u);
  BOOST_TEST(said
             == "the runtime before this one (pid 4712) was killed: its last events are in "
                    + dir.path + "/" + dir.files().front());
  const auto text = dir.read(dir.files().front());
  BOOST_TEST(!contains(text, "line 151\n"));
  BOOST_TEST(contains(text, "last events:\nline 152\n"), text);
  BOOST_TEST(contains(text, "line 249\n"));
  BOOST_TEST(contains(text, "\n" + std::string(252, 'x') + "\n"));
  BOOST_TEST(contains(text, "\n?[31mred?\n"));
}

BOOST_AUTO_TEST_CASE(who_ended_in_order_has_nothing_to_report) {
  scratch dir;
  event_ring ring{1, 1};
  ring.end();
  BOOST_TEST(report_of_the_dead(dir.path, ring.fd()).empty());
  BOOST_TEST(report_of_the_dead(dir.path, -1).empty());
  // What is no ring at all: of another version, maybe.
  const os::unique_fd other{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  BOOST_TEST(report_of_the_dead(dir.path, other.get()).empty());
  BOOST_TEST(dir.files().empty());
}

BOOST_AUTO_TEST_CASE(ten_reports_are_kept_and_nothing_else_is_touched) {
  scratch dir;
  const std::string others[] = {"crash-notes.txt", "crash-20200101T000000Z-.txt",
                                "crash-20200101T000000Z-12x.txt", "crash-20200101T000000Z-1"};
  for (const auto& name : others)
    std::ofstream{dir.path + "/" + name};
  for (int i = 10; i < 40; ++i)
    std::ofstream{dir.path + "/crash-202001" + std::to_string(i) + "T000000Z-77.txt"};
  make_room_for_report(dir.path);
  const auto left = dir.files();
  BOOST_TEST(left.size() == std::size(others) + crash_files_kept - 1);
  for (const auto& name : others)
    BOOST_TEST(std::filesystem::exists(dir.path + "/" + name), name);
  BOOST_TEST(std::filesystem::exists(dir.path + "/crash-20200139T000000Z-77.txt"));
  BOOST_TEST(!std::filesystem::exists(dir.path + "/crash-20200130T000000Z-77.txt"));
  make_room_for_report(dir.path);
  BOOST_TEST(dir.files() == left);
}

BOOST_AUTO_TEST_SUITE_END()
