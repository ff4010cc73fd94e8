// Full mailboxes on disk: in order, within the bound, and in nobody's way.

#include "test/unit/store/failing_disk.hpp"
#include "test/unit/store/queue_fixture.hpp"

#include <SQLiteCpp/Database.h>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <fcntl.h>
#include <map>
#include <random>
#include <thread>
#include <unistd.h>

using namespace troupe;
using troupe::test::failing_disk;
using troupe::test::queue_fixture;
using numbers_t = std::vector<std::uint64_t>;

namespace {

constexpr std::uint64_t any = 1u << 30;

} // namespace

BOOST_FIXTURE_TEST_SUITE(queue_spill_suite, queue_fixture)

BOOST_AUTO_TEST_CASE(each_lane_of_a_mailbox_is_a_queue_of_its_own) {
  auto store = store::open_queue(path);
  BOOST_TEST(store->spill({spilled(1), spilled(2, "a#0", 3), spilled(3, "b#0"), spilled(4)}) == "");
  BOOST_TEST(store->spill({spilled(5), spilled(6)}) == "");
  const auto found = store->unspill("a#0", 2, 3, any);
  const numbers_t wanted{1, 4, 5};
  BOOST_TEST(numbers(found) == wanted, boost::test_tools::per_element());
  BOOST_TEST(found.items[0].body == spilled(1).body);
  BOOST_TEST(found.items[0].mailbox == "a#0");
  BOOST_TEST(found.items[0].lane == 2u);
  BOOST_TEST(found.items[0].deliveries == 1u);
  BOOST_TEST(found.items[0].expires == 77);
  BOOST_TEST(numbers(store->unspill("a#0", 3, 3, any)).front() == 2u);
  BOOST_TEST(numbers(store->unspill("b#0", 2, 3, any)).front() == 3u);
  BOOST_TEST(numbers(store->unspill("a#0", 2, 3, any)).front() == 6u);
  BOOST_TEST(store->unspill("a#0", 2, 3, any).items.empty());
  BOOST_TEST(store->unspill("never", 0, 3, any).items.empty());
  BOOST_TEST(store->counts().of.at("spilled") == 0);
  BOOST_TEST(store->counts().of.at("spilled_bytes") == 0);
}

BOOST_AUTO_TEST_CASE(bytes_bound_what_is_taken_back_but_one_always_comes) {
  auto store = store::open_queue(path);
  BOOST_TEST(store->spill({spilled(1), spilled(2), spilled(3, "a#0", 2, 5000), spilled(4)}) == "");
  BOOST_TEST(store->unspill("a#0", 2, 100, 200).items.size() == 2u);
  BOOST_TEST(store->unspill("a#0", 2, 100, 200).items.size() == 1u);
  BOOST_TEST(store->unspill("a#0", 2, 100, 1).items.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_dropped_mailbox_has_nothing) {
  auto store = store::open_queue(path);
  BOOST_TEST(store->spill({spilled(1), spilled(2, "a#0", 0), spilled(3, "a#1"), spilled(4)}) == "");
  store->drop_spilled("a#0");
  store->drop_spilled("never");
  BOOST_TEST(store->unspill("a#0", 2, 9, any).items.empty());
  BOOST_TEST(store->unspill("a#0", 0, 9, any).items.empty());
  BOOST_TEST(store->counts().of.at("spilled") == 1);
  BOOST_TEST(store->spill({spilled(9)}) == "");
  BOOST_TEST(numbers(store->unspill("a#0", 2, 9, any)).front() == 9u);
  BOOST_TEST(numbers(store->unspill("a#1", 2, 9, any)).front() == 3u);
}

BOOST_AUTO_TEST_CASE(it_takes_half_of_the_bound_and_what_durable_ones_leave) {
  auto store = store::open_queue(path, sized(10'000));
  std::vector<messaging::spilled> many;
  for (std::uint64_t i = 0; i < 50; ++i)
    many.push_back(spilled(i));
  BOOST_TEST(store->spill(many) == "");
  const auto problem = store->spill({spilled(50)});
  BOOST_TEST(problem.find("bound of what waits on disk is reached (5000 bytes of full mailboxes")
             != std::string::npos);
  BOOST_TEST(write(*store, accept(1, 50)) == "");
  BOOST_TEST(write(*store, accept(51, 1)) != "");
  BOOST_TEST(store->unspill("a#0", 2, 10, any).items.size() == 10u);
  BOOST_TEST(write(*store, accept(51, 10)) == "");
  BOOST_TEST(store->spill({spilled(50)}) != "");
  BOOST_TEST(store->counts().of.at("spilled_bytes") == 4000);
}

BOOST_AUTO_TEST_CASE(nothing_of_it_outlives_the_runtime) {
  BOOST_TEST(store::open_queue(path)->spill({spilled(1)}) == "");
  auto store = store::open_queue(path);
  BOOST_TEST(!std::filesystem::exists(directory + "/spill.db"));
  BOOST_TEST(store->unspill("a#0", 2, 9, any).items.empty());
  BOOST_TEST(store->spill({spilled(2)}) == "");
  BOOST_TEST(!others_may_read(directory + "/spill.db"));
}

BOOST_AUTO_TEST_CASE(the_file_of_a_flood_does_not_stay) {
  auto store = store::open_queue(path);
  std::vector<messaging::spilled> many;
  for (std::uint64_t i = 0; i < 400; ++i)
    many.push_back(spilled(i, "a#0", 2, 60'000));
  BOOST_TEST(store->spill(many) == "");
  BOOST_TEST(std::filesystem::file_size(directory + "/spill.db") > 20u << 20);
  BOOST_TEST(store->unspill("a#0", 2, 1000, any).items.size() == 400u);
  BOOST_TEST(!std::filesystem::exists(directory + "/spill.db"));
  BOOST_TEST(store->spill({spilled(7)}) == "");
  BOOST_TEST(numbers(store->unspill("a#0", 2, 9, any)).front() == 7u);
}

BOOST_AUTO_TEST_CASE(a_full_disk_refuses_and_keeps_what_is_there) {
  failing_disk disk;
  auto store = store::open_queue(path);
  BOOST_TEST(store->spill({spilled(1)}) == "");
  disk.fill(true);
  std::vector<messaging::spilled> many;
  for (std::uint64_t i = 10; i < 200; ++i)
    many.push_back(spilled(i));
  const auto problem = store->spill(many);
  BOOST_TEST(problem.find("disk is full; make room") != std::string::npos);
  BOOST_TEST(store->counts().of.at("spilled") == 1);
  disk.fill(false);
  BOOST_TEST(store->spill({spilled(2)}) == "");
  const numbers_t wanted{1, 2};
  BOOST_TEST(numbers(store->unspill("a#0", 2, 999, any)) == wanted,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_call_that_fails_loses_nothing_in_silence) {
  failing_disk disk;
  int injected = 0;
  for (int n = 0; n < 300; ++n) {
    BOOST_TEST_CONTEXT("call " << n) {
      auto store = store::open_queue(path);
      disk.fail_after(n);
      numbers_t wanted;
      numbers_t found;
      std::string trouble;
      for (std::uint64_t i = 0; i < 6; ++i) {
        std::vector<messaging::spilled> some;
        for (std::uint64_t j = 0; j < 40; ++j)
          some.push_back(spilled(i * 40 + j, "a#0", 2, 500));
        const bool written = store->spill(some).empty();
        for (std::uint64_t j = 0; written && j < 40; ++j)
          wanted.push_back(i * 40 + j);
        if (i % 2 == 0)
          continue;
        auto back = store->unspill("a#0", 2, 30, any);
        trouble += back.trouble;
        for (auto x : numbers(back))
          found.push_back(x);
      }
      const bool last = !disk.failed();
      injected += disk.failed();
      disk.fail_after(-1);
      for (auto back = store->unspill("a#0", 2, 1000, any);
           !back.items.empty() || !back.trouble.empty();
           back = store->unspill("a#0", 2, 1000, any)) {
        trouble += back.trouble;
        for (auto x : numbers(back))
          found.push_back(x);
      }
      if (trouble.empty())
        BOOST_TEST(found == wanted, boost::test_tools::per_element());
      else
        BOOST_TEST(std::includes(wanted.begin(), wanted.end(), found.begin(), found.end()));
      if (last)
        break;
    }
  }
  BOOST_TEST(injected >= 10);
}

BOOST_AUTO_TEST_CASE(a_damaged_file_is_said_and_begun_anew) {
  auto store = store::open_queue(path);
  std::vector<messaging::spilled> many;
  for (std::uint64_t i = 0; i < 30'000; ++i)
    many.push_back(spilled(i, "a#0", 2, 500));
  BOOST_TEST(store->spill(many) == "");
  BOOST_TEST(store->spill({spilled(1, "b#0")}) == "");
  {
    const int fd = ::open((directory + "/spill.db").c_str(), O_WRONLY | O_CLOEXEC);
    const std::string junk(4096, '\x5a');
    for (off_t at = 4096; at < 12'000'000; at += 4096)
      BOOST_REQUIRE(::pwrite(fd, junk.data(), junk.size(), at) == 4096);
    ::close(fd);
  }
  std::string trouble;
  std::size_t found = 0;
  for (int i = 0; i < 40 && trouble.empty(); ++i) {
    const auto back = store->unspill("a#0", 2, 1000, any);
    trouble = back.trouble;
    found += back.items.size();
  }
  BOOST_TEST(trouble.find("malformed") != std::string::npos);
  BOOST_TEST(found < 30'000u);
  BOOST_TEST(store->unspill("b#0", 2, 9, any).trouble.find("1 messages that were spilled are lost")
             != std::string::npos);
  BOOST_TEST(store->unspill("b#0", 2, 9, any).trouble == "");
  BOOST_TEST(store->spill({spilled(5)}) == "");
  BOOST_TEST(numbers(store->unspill("a#0", 2, 9, any)).front() == 5u);
}

BOOST_AUTO_TEST_CASE(a_spill_does_not_wait_for_the_lock_of_the_queue) {
  auto store = store::open_queue(path, {}, std::chrono::seconds{30});
  BOOST_TEST(write(*store, accept(1, 1)) == "");
  SQLite::Database other{path, SQLite::OPEN_READWRITE};
  other.exec("BEGIN EXCLUSIVE");
  std::string problem = "it did not return";
  std::thread writer{[&] { problem = write(*store, accept(2, 1)); }};
  for (std::uint64_t i = 0; i < 100; ++i)
    BOOST_REQUIRE(store->spill({spilled(i)}) == "");
  BOOST_TEST(store->unspill("a#0", 2, 100, any).items.size() == 100u);
  other.exec("ROLLBACK"); // only now may the writer go on
  writer.join();
  BOOST_TEST(problem == "");
}

BOOST_AUTO_TEST_CASE(spills_beside_commits_by_chance) {
  auto store = store::open_queue(path, sized(1 << 20));
  std::atomic<bool> over{false};
  std::thread writer{[&] {
    for (std::uint64_t row = 1; !over; row += 20) {
      auto what = accept(row, 20);
      for (auto old = row > 20 ? row - 20 : 1; old < row; ++old)
        what.finished.push_back(old);
      write(*store, what);
    }
  }};
  std::mt19937 random{7};
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> ends; // next in, next out
  bool right = true;
  for (int i = 0; i < 3000; ++i) {
    const auto name = "m" + std::to_string(random() % 4) + "#0";
    auto& [in, out] = ends[name];
    if (random() % 2) {
      std::vector<messaging::spilled> some;
      for (auto n = random() % 30; n > 0; --n)
        some.push_back(spilled(in++, name));
      right = right && store->spill(some).empty();
    } else {
      for (auto x : numbers(store->unspill(name, 2, random() % 40, any)))
        right = right && x == out++;
    }
  }
  over = true;
  writer.join();
  BOOST_TEST(right);
  for (auto& [name, each] : ends) {
    for (auto x : numbers(store->unspill(name, 2, 1'000'000, any)))
      right = right && x == each.second++;
    BOOST_TEST(each.first == each.second);
  }
  BOOST_TEST(right);
}

BOOST_AUTO_TEST_SUITE_END()
