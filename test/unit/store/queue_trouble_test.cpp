// What happens to files: deaths in the middle, damage, failing and full disks, foreign hands.

#include "test/unit/store/failing_disk.hpp"
#include "test/unit/store/kill_loop.hpp"
#include "test/unit/store/queue_fixture.hpp"

#include <SQLiteCpp/Database.h>
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <fstream>
#include <random>
#include <sstream>
#include <unistd.h>

using namespace troupe;
using troupe::test::failing_disk;
using troupe::test::queue_fixture;
namespace fs = std::filesystem;

namespace {

// Accepts ten and ends the ten before, for ever, and says each round that was acknowledged.
void write_for_ever(const std::string& path, int out) {
  auto store = store::open_queue(path);
  auto round = store->load().last_row / 10 + 1;
  for (;; ++round) {
    auto what = queue_fixture::accept((round - 1) * 10 + 1, 10);
    for (std::uint64_t i = 1; round > 1 && i <= 10; ++i)
      what.finished.push_back((round - 2) * 10 + i);
    what.entries = {{"", "round", std::to_string(round), round, 0, false}};
    if (!queue_fixture::write(*store, what).empty()
        || ::write(out, &round, sizeof(round)) != sizeof(round))
      return;
  }
}

struct trouble_fixture : queue_fixture {
  std::vector<std::string> aside() const {
    std::vector<std::string> result;
    for (const auto& entry : fs::directory_iterator(directory))
      if (entry.path().filename().string().starts_with("queue.db.corrupt-"))
        result.push_back(entry.path().string());
    return result;
  }

  static std::string content(const std::string& file) {
    std::ostringstream out;
    out << std::ifstream{file, std::ios::binary}.rdbuf();
    return out.str();
  }

  // Whatever was there: from now on it keeps what it is given.
  void check_usable() {
    auto store = store::open_queue(path);
    store->load();
    auto problem = write(*store, accept(100'000, 200));
    if (!problem.empty()) // damage that only a write can see: the next one stands
      problem = write(*store, accept(100'000, 200));
    BOOST_TEST(problem == "");
    store = store::open_queue(path);
    const auto found = store->load();
    BOOST_TEST(found.trouble == "");
    BOOST_TEST(found.last_row == 100'199u);
    BOOST_TEST(found.messages.size() >= 200u);
    BOOST_TEST(store->counts().of.at("durable") == static_cast<double>(found.messages.size()));
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(queue_trouble_suite, trouble_fixture)

BOOST_AUTO_TEST_CASE(what_was_acknowledged_survives_kill_9) {
  troupe::test::kill_again_and_again(path, write_for_ever, [&](std::uint64_t acknowledged) {
    auto store = store::open_queue(path);
    const auto found = store->load();
    BOOST_TEST(found.trouble == "");
    BOOST_REQUIRE(found.entries.size() == 1u);
    const auto last = std::stoull(found.entries[0].value);
    BOOST_TEST(last >= acknowledged);
    BOOST_TEST(last <= acknowledged + 1);
    BOOST_TEST(found.last_row == last * 10);
    BOOST_REQUIRE(found.messages.size() == 10u);
    BOOST_TEST(found.messages.front().row == last * 10 - 9);
    BOOST_TEST(store->counts().of.at("durable_bytes") == 1000);
  });
}

BOOST_AUTO_TEST_CASE(a_copy_of_the_files_at_any_moment_is_whole) {
  auto store = store::open_queue(path);
  for (std::uint64_t i = 0; i < 20; ++i) {
    BOOST_REQUIRE(write(*store, accept(1 + i * 5, 5, 3000)) == "");
    const auto other = directory + "/copy" + std::to_string(i);
    fs::create_directory(other);
    for (const char* suffix : {"", "-wal"})
      fs::copy_file(path + suffix, other + "/queue.db" + suffix);
    // The last frame is torn, as by a machine without power.
    if (i % 2)
      fs::resize_file(other + "/queue.db-wal", fs::file_size(other + "/queue.db-wal") - 100);
    const auto found = store::open_queue(other + "/queue.db")->load();
    BOOST_TEST(found.trouble == "");
    BOOST_TEST(found.messages.size() == (i % 2 ? i * 5 : (i + 1) * 5));
  }
}

BOOST_AUTO_TEST_CASE(garbage_anywhere_never_stops_it) {
  std::mt19937 random{20};
  {
    auto store = store::open_queue(path);
    auto what = accept(1, 600, 300);
    for (std::uint64_t i = 0; i < 100; ++i)
      what.dead.push_back(letter(1000 + i));
    BOOST_REQUIRE(write(*store, what) == "");
  }
  const auto good = content(path);
  BOOST_REQUIRE(good.size() > 100'000u);
  for (std::size_t round = 0; round < 40; ++round) {
    BOOST_TEST_CONTEXT("round " << round) {
      for (const auto& entry : fs::directory_iterator(directory))
        fs::remove(entry.path());
      auto bad = good;
      const auto at = good.size() / 40 * round;
      for (auto i = at; i < std::min(bad.size(), at + 1 + random() % 4096); ++i)
        bad[i] = static_cast<char>(random());
      std::ofstream{path, std::ios::binary} << bad;
      check_usable();
    }
  }
}

BOOST_AUTO_TEST_CASE(a_damaged_queue_is_moved_aside_loudly) {
  std::ofstream{path} << "no messages here\n";
  auto store = store::open_queue(path);
  const auto found = store->load();
  BOOST_TEST(!found.unreadable);
  BOOST_TEST(found.trouble.find("was damaged") != std::string::npos);
  BOOST_TEST(found.trouble.find("durable messages, dead letters") != std::string::npos);
  BOOST_REQUIRE(aside().size() == 1u);
  BOOST_TEST(content(aside().front()) == "no messages here\n");
  BOOST_TEST(store->load().trouble == "");
  check_usable();
}

BOOST_AUTO_TEST_CASE(a_journal_is_not_a_queue) {
  {
    SQLite::Database db{path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
    db.exec("CREATE TABLE events (seq INTEGER); PRAGMA application_id = 1416787312;"
            " PRAGMA user_version = 2");
  }
  BOOST_TEST(store::open_queue(path)->load().trouble.find("its header is wrong")
             != std::string::npos);
  BOOST_TEST(aside().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_newer_schema_is_refused_and_left_untouched) {
  {
    auto store = store::open_queue(path);
    BOOST_REQUIRE(write(*store, accept(1, 5)) == "");
    store.reset();
    SQLite::Database db{path, SQLite::OPEN_READWRITE};
    db.exec("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)");
  }
  const auto before = content(path);
  auto store = store::open_queue(path);
  const auto found = store->load();
  BOOST_TEST(found.unreadable);
  BOOST_TEST(found.trouble.find("newer Troupe (schema 99, this one knows 1)") != std::string::npos);
  BOOST_TEST(write(*store, accept(6, 1)).find("newer Troupe") != std::string::npos);
  BOOST_TEST(store->dead_letters(messaging::dead_letter_query{}).trouble.find("newer Troupe")
             != std::string::npos);
  BOOST_TEST(store->counts().trouble.find("newer Troupe") != std::string::npos);
  store.reset();
  BOOST_TEST((content(path) == before));
  BOOST_TEST(aside().empty());
}

BOOST_AUTO_TEST_CASE(a_locked_queue_is_an_error_until_it_is_free) {
  auto store = store::open_queue(path, {}, std::chrono::milliseconds{20});
  BOOST_TEST(write(*store, accept(1, 1)) == "");
  {
    SQLite::Database other{path, SQLite::OPEN_READWRITE};
    other.exec("BEGIN EXCLUSIVE");
    BOOST_TEST(write(*store, accept(2, 1)).find("another process holds its lock")
               != std::string::npos);
    BOOST_TEST(store->load().messages.size() == 1u); // readers go on
    other.exec("ROLLBACK");
  }
  BOOST_TEST(write(*store, accept(2, 1)) == "");
  BOOST_TEST(store->load().messages.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_full_disk_refuses_whole_batches_until_there_is_room) {
  failing_disk disk;
  auto store = store::open_queue(path);
  BOOST_TEST(write(*store, accept(1, 100)) == "");
  disk.fill(true);
  std::uint64_t row = 101;
  std::string problem;
  for (int i = 0; i < 200 && problem.empty(); ++i, row += 100)
    problem = write(*store, accept(row, 100, 1000));
  BOOST_TEST(problem.find("disk is full") != std::string::npos);
  BOOST_TEST(problem.find("make room") != std::string::npos);
  const auto first_refused = row - 100;
  BOOST_TEST(write(*store, accept(first_refused, 100, 1000)).find("disk is full")
             != std::string::npos);
  disk.fill(false);
  BOOST_TEST(store->load().messages.size() == first_refused - 1);
  BOOST_TEST(write(*store, accept(first_refused, 100, 1000)) == "");
  store = store::open_queue(path);
  const auto found = store->load();
  BOOST_TEST(found.trouble == "");
  BOOST_TEST(found.messages.size() == first_refused + 99);
  BOOST_TEST(aside().empty());
}

BOOST_AUTO_TEST_CASE(a_call_that_fails_costs_no_acknowledged_write) {
  failing_disk disk;
  {
    auto store = store::open_queue(path);
    BOOST_REQUIRE(write(*store, accept(1, 300, 200)) == "");
  }
  fs::rename(path, path + ".good");
  int injected = 0;
  for (int n = 0; n < 500; ++n) {
    BOOST_TEST_CONTEXT("call " << n) {
      for (const auto* suffix : {"", "-wal", "-shm"})
        fs::remove(path + suffix);
      fs::copy_file(path + ".good", path);
      disk.fail_after(n);
      {
        auto store = store::open_queue(path, {}, std::chrono::milliseconds{10});
        auto found = store->load();
        if (found.unreadable) {
          BOOST_TEST(found.messages.empty());
          found = store->load();
        }
        BOOST_TEST(found.messages.size() == 300u, found.trouble);
        for (std::uint64_t i = 0; i < 4; ++i) {
          auto what = accept(301 + i, 1);
          what.finished = {1 + i};
          what.dead = {letter(1 + i)};
          std::string problem;
          for (int attempt = 0; attempt < 3; ++attempt)
            if (problem = write(*store, what); problem.empty())
              break;
          BOOST_REQUIRE(problem == "");
        }
      }
      injected += disk.failed();
      const bool last = !disk.failed();
      disk.fail_after(-1);
      BOOST_TEST(aside().empty());
      auto store = store::open_queue(path);
      const auto found = store->load();
      BOOST_TEST(found.trouble == "");
      BOOST_TEST(found.messages.size() == 300u);
      BOOST_TEST(found.messages.front().row == 5u);
      BOOST_TEST(found.last_row == 304u);
      BOOST_TEST(store->dead_letters(messaging::dead_letter_query{}).items.size() == 4u);
      BOOST_TEST(store->counts().of.at("dead_letters_bytes") == 400);
      if (last)
        break; // there are no more calls than that
    }
  }
  BOOST_TEST(injected >= 30);
}

BOOST_AUTO_TEST_CASE(s05_a_deleted_queue_is_put_back) {
  auto store = store::open_queue(path);
  auto what = accept(1, 5);
  what.dead = {letter(77)};
  BOOST_TEST(write(*store, what) == "");
  for (const auto* suffix : {"", "-wal", "-shm"})
    fs::remove(path + suffix);
  what = accept(6, 5);
  what.finished = {2};
  BOOST_TEST(write(*store, what) == "");
  BOOST_TEST(store->notice().find("all that was in it is put back") != std::string::npos);
  BOOST_TEST(store->notice() == "");
  BOOST_TEST(!others_may_read(path));
  store = store::open_queue(path);
  const auto found = store->load();
  BOOST_TEST(found.trouble == "");
  BOOST_TEST(found.messages.size() == 9u);
  BOOST_TEST(found.messages.front().body == message(1).body);
  BOOST_TEST(found.last_row == 77u);
  BOOST_TEST(store->dead_letters(messaging::dead_letter_query{}).kept == 1u);
  BOOST_TEST(aside().empty());
}

BOOST_AUTO_TEST_CASE(s05_only_the_file_is_deleted_and_its_log_is_not) {
  auto store = store::open_queue(path);
  BOOST_TEST(write(*store, accept(1, 5)) == "");
  fs::remove(path);
  BOOST_TEST(write(*store, accept(6, 5)) == "");
  BOOST_TEST(store->load().messages.size() == 10u);
  store = store::open_queue(path);
  BOOST_TEST(store->load().messages.size() == 10u);
}

BOOST_AUTO_TEST_CASE(s05_a_deleted_log_loses_nothing) {
  auto store = store::open_queue(path);
  BOOST_TEST(write(*store, accept(1, 5)) == "");
  fs::remove(path + "-wal");
  BOOST_TEST(write(*store, accept(6, 5)) == "");
  BOOST_TEST(store->notice().find("was deleted or replaced") != std::string::npos);
  store = store::open_queue(path);
  const auto found = store->load();
  BOOST_TEST(found.trouble == "");
  BOOST_TEST(found.messages.size() == 10u);
}

BOOST_AUTO_TEST_CASE(s05_another_file_in_its_place_is_what_counts) {
  {
    auto store = store::open_queue(path);
    BOOST_TEST(write(*store, accept(1, 5)) == "");
  }
  fs::copy_file(path, path + ".backup");
  auto store = store::open_queue(path);
  BOOST_TEST(write(*store, accept(6, 5)) == "");
  fs::rename(path + ".backup", path);
  BOOST_TEST(write(*store, accept(11, 1)) == "");
  BOOST_TEST(store->notice().find("written anew") != std::string::npos);
  BOOST_TEST(store->load().messages.back().row == 11u);
}

BOOST_AUTO_TEST_CASE(an_unusable_place_is_an_error_until_it_is_usable) {
  const auto later = directory + "/later";
  auto store = store::open_queue(later + "/queue.db");
  const auto found = store->load();
  BOOST_TEST(found.unreadable);
  BOOST_TEST(found.trouble.find("No such file or directory") != std::string::npos);
  BOOST_TEST(write(*store, accept(1, 1)).find("No such file or directory") != std::string::npos);
  BOOST_TEST(store->spill({spilled(1)}).find("No such file or directory") != std::string::npos);
  fs::create_directory(later);
  BOOST_TEST(!store->load().unreadable);
  BOOST_TEST(write(*store, accept(1, 1)) == "");
  BOOST_TEST(store->spill({spilled(1)}) == "");
}

BOOST_AUTO_TEST_SUITE_END()
