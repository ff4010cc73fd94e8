#include "test/unit/store/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <fstream>
#include <random>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace troupe;
using troupe::test::store_fixture;
using troupe::test::version_of;
namespace fs = std::filesystem;

namespace {

struct damage_fixture : store_fixture {
  void fill() {
    auto store = store::open_store(path);
    journal_batch batch;
    for (std::uint64_t i = 1; i <= 500; ++i) {
      batch.transitions.push_back(make_transition(i));
      batch.deaths.push_back(make_death("a#0", i));
      batch.records.push_back(make_record("bot" + std::to_string(i) + "#0", i));
    }
    BOOST_REQUIRE(store->write(batch, true) == "");
  }

  void damage(off_t offset, const std::string& bytes) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    BOOST_REQUIRE(fd >= 0);
    BOOST_REQUIRE(::pwrite(fd, bytes.data(), bytes.size(), offset)
                  == static_cast<ssize_t>(bytes.size()));
    ::close(fd);
  }

  // Whatever was there: from now on it works and keeps what it is given.
  void check_usable(store::options bounds = {}) {
    std::string notice;
    {
      auto store = store::open_store(path, bounds);
      const auto found = store->load(0);
      journal_batch batch;
      for (std::uint64_t i = 1; i <= 300; ++i) {
        batch.transitions.push_back(make_transition(10'000 + i));
        batch.deaths.push_back(make_death("new#0", i));
        batch.records.push_back(make_record("bot" + std::to_string(i) + "#0", 77));
      }
      auto problem = store->write(batch, true);
      if (!problem.empty()) // damage that only a write can see: the next one stands
        problem = store->write(batch, true);
      BOOST_TEST(problem == "");
    }
    auto store = store::open_store(path, bounds);
    const auto found = store->load(0);
    BOOST_TEST(found.notice == "");
    BOOST_TEST(found.last_seq == 10'300u);
    BOOST_TEST(found.records.size() >= 300u);
    BOOST_TEST(store->deaths("new#0", 1000).size() == 100u);
  }

  std::vector<std::string> aside() {
    std::vector<std::string> result;
    for (const auto& entry : fs::directory_iterator(directory))
      if (entry.path().filename().string().starts_with("state.db.corrupt-"))
        result.push_back(entry.path().string());
    return result;
  }

  static std::string content(const std::string& file) {
    std::ifstream in{file, std::ios::binary};
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(damage_suite, damage_fixture)

BOOST_AUTO_TEST_CASE(garbage_at_fifty_offsets_never_stops_it) {
  std::mt19937 random{20};
  fill();
  const auto good = content(path);
  BOOST_REQUIRE(good.size() > 50'000u);
  for (int round = 0; round < 50; ++round) {
    BOOST_TEST_CONTEXT("round " << round) {
      for (const auto& entry : fs::directory_iterator(directory))
        fs::remove(entry.path());
      std::ofstream{path, std::ios::binary} << good;
      std::string bytes(1 + random() % 4096, '\0');
      for (auto& x : bytes)
        x = static_cast<char>(random());
      damage(static_cast<off_t>(good.size() / 50 * static_cast<std::size_t>(round)), bytes);
      check_usable();
    }
  }
}

BOOST_AUTO_TEST_CASE(a_text_file_is_moved_aside_loudly) {
  std::ofstream{path} << "these are not the rows you are looking for\n";
  auto store = store::open_store(path);
  const auto found = store->load(0);
  BOOST_TEST(found.notice.find("was damaged") != std::string::npos);
  BOOST_TEST(found.notice.find("state.db.corrupt-") != std::string::npos);
  BOOST_REQUIRE(aside().size() == 1u);
  BOOST_TEST(content(aside().front()).starts_with("these are not"));
  store.reset();
  check_usable();
}

BOOST_AUTO_TEST_CASE(an_empty_file_is_a_new_one) {
  std::ofstream{path}.flush();
  check_usable();
}

BOOST_AUTO_TEST_CASE(a_cut_file_is_moved_aside) {
  fill();
  fs::resize_file(path, fs::file_size(path) / 2 + 100);
  BOOST_TEST(store::open_store(path)->load(0).notice.find("was damaged") != std::string::npos);
  check_usable();
}

BOOST_AUTO_TEST_CASE(three_damaged_files_are_kept) {
  for (int i = 1; i <= 5; ++i)
    std::ofstream{path + ".corrupt-2020010" + std::to_string(i) + "T000000Z"} << i;
  std::ofstream{path} << "garbage";
  store::open_store(path)->load(0);
  BOOST_TEST(aside().size() == 3u);
  BOOST_TEST(!fs::exists(path + ".corrupt-20200103T000000Z"));
  BOOST_TEST(fs::exists(path + ".corrupt-20200105T000000Z"));
}

BOOST_AUTO_TEST_CASE(a_newer_schema_is_refused_and_left_untouched) {
  fill();
  {
    SQLite::Database db{path, SQLite::OPEN_READWRITE};
    db.exec("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)");
  }
  const auto before = content(path);
  auto store = store::open_store(path);
  BOOST_TEST(store->load(7).notice.find("newer Troupe (schema 99") != std::string::npos);
  journal_batch batch;
  batch.transitions = {make_transition(1)};
  BOOST_TEST(store->write(batch, true).find("newer Troupe") != std::string::npos);
  store.reset();
  BOOST_TEST((content(path) == before));
  BOOST_TEST(aside().empty());
}

BOOST_AUTO_TEST_CASE(a_locked_database_is_an_error_until_it_is_free) {
  fill();
  auto store = store::open_store(path, {.busy = std::chrono::milliseconds{50}});
  store->load(0);
  journal_batch batch;
  batch.transitions = {make_transition(600)};
  batch.audits = {{0, 1, 0, 1, "admin.sock", "stop a", "", "", 0}};
  {
    SQLite::Database other{path, SQLite::OPEN_READWRITE};
    other.exec("BEGIN EXCLUSIVE");
    const auto problem = store->write(batch, true);
    BOOST_TEST(problem.find("database is locked") != std::string::npos);
    BOOST_TEST(problem.find("another process holds its lock") != std::string::npos);
    BOOST_TEST(batch.audits[0].id == 0u);
    // Readers go on.
    BOOST_TEST(store->events(ask([](event_query& q) { q.last = 1; })).front().seq == 500u);
    other.exec("ROLLBACK");
  }
  BOOST_TEST(store->write(batch, true) == "");
  BOOST_TEST(store->events(ask([](event_query& q) { q.last = 1; })).front().seq == 600u);
}

BOOST_AUTO_TEST_CASE(a_deleted_database_is_written_anew_from_memory) {
  fill();
  auto store = store::open_store(path);
  store->load(0);
  journal_batch batch;
  batch.intents = {{"bot1#0", true}};
  batch.overrides = {{"bot1", R"({"replicas":4})"}};
  batch.applied = version_of("the tree");
  batch.audits = {{0, 1, 0, 1, "admin.sock", "stop a", "", "", 0}};
  BOOST_REQUIRE(store->write(batch, true) == "");
  fs::remove(path);
  journal_batch next;
  next.transitions = {make_transition(501)};
  next.audits = {{0, 1, 0, 1, "admin.sock", "stop b", "", "", 0}};
  BOOST_TEST(store->write(next, false) == "");
  BOOST_TEST(next.notice.find("was deleted or replaced") != std::string::npos);
  BOOST_TEST(next.audits[0].id == 2u);
  const auto found = store::open_store(path)->load(0);
  BOOST_TEST(found.notice == "");
  BOOST_TEST(found.records.size() == 500u);
  BOOST_TEST(found.intents.at("bot1#0") == true);
  BOOST_TEST(found.overrides.at("bot1") == R"({"replicas":4})");
  BOOST_TEST(found.applied->tree == "the tree");
  BOOST_TEST(found.version == 1u);
  BOOST_TEST(found.last_seq == 501u);
  BOOST_TEST(found.last_incarnation == 500u);
  BOOST_TEST(count("events") == 501);
  BOOST_TEST(store->audits({}).size() == 2u);
  BOOST_TEST(store->verify_audit(0).problem == "");
}

BOOST_AUTO_TEST_CASE(a_replaced_database_gets_the_present_state) {
  fill();
  fs::copy_file(path, path + ".backup");
  auto store = store::open_store(path);
  store->load(0);
  journal_batch batch;
  batch.transitions = {make_transition(501)};
  batch.records = {make_record("late#0", 900)};
  batch.forgotten = {"bot3#0"};
  BOOST_REQUIRE(store->write(batch, true) == "");
  fs::rename(path + ".backup", path);
  batch = {};
  batch.transitions = {make_transition(502)};
  BOOST_TEST(store->write(batch, true) == "");
  const auto found = store::open_store(path)->load(0);
  BOOST_TEST(found.records.size() == 500u);
  BOOST_TEST(found.last_incarnation == 900u);
  BOOST_TEST(found.last_seq == 502u);
}

BOOST_AUTO_TEST_CASE(a_deleted_log_loses_nothing) {
  fill();
  auto store = store::open_store(path);
  store->load(0);
  journal_batch batch;
  batch.transitions = {make_transition(501)};
  BOOST_REQUIRE(store->write(batch, true) == "");
  fs::remove(path + "-wal");
  batch.transitions = {make_transition(502)};
  BOOST_TEST(store->write(batch, true) == "");
  BOOST_TEST(batch.notice != "");
  const auto found = store::open_store(path)->load(0);
  BOOST_TEST(found.last_seq == 502u);
  BOOST_TEST(store->events(ask([](event_query& q) { q.after = 500; })).size() == 2u);
  BOOST_TEST(found.records.size() == 500u);
}

BOOST_AUTO_TEST_CASE(an_unusable_place_is_an_error_until_it_is_usable) {
  const auto missing = directory + "/later";
  auto store = store::open_store(missing + "/state.db");
  BOOST_TEST(store->load(0).notice.find("No such file or directory") != std::string::npos);
  journal_batch batch;
  batch.transitions = {make_transition(1)};
  BOOST_TEST(store->write(batch, true).find("No such file or directory") != std::string::npos);
  BOOST_TEST(store->events({}).empty());
  fs::create_directory(missing);
  BOOST_TEST(store->write(batch, true) == "");
  BOOST_TEST(store->events({}).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_directory_in_its_place_is_an_error) {
  fs::create_directory(path);
  auto store = store::open_store(path);
  BOOST_TEST(store->load(0).unreadable.find("Is a directory") != std::string::npos);
  BOOST_TEST(store->events({}).empty());
  BOOST_TEST(store->trouble().find("Is a directory") != std::string::npos);
  BOOST_TEST(store->deaths("a", 5).empty());
  BOOST_TEST(store->trouble().find("Is a directory") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
