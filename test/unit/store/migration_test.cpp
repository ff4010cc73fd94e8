// S09: what an older Troupe wrote is brought forward, whole, with a copy beside it. Each
// fixture is the file as that schema had it; a fixture of a schema is never changed.

#include "runtime/store/reserve.hpp"
#include "test/unit/store/fixture.hpp"

#include <SQLiteCpp/Exception.h>
#include <boost/test/unit_test.hpp>

#include <fstream>
#include <sys/mount.h>

using namespace troupe;
using troupe::test::store_fixture;
namespace fs = std::filesystem;

namespace {

constexpr const char* tables_1 = R"(
  PRAGMA journal_mode = WAL;
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, instance TEXT NOT NULL,
    incarnation INTEGER NOT NULL, "from" TEXT NOT NULL, "to" TEXT NOT NULL, cause TEXT NOT NULL);
  CREATE TABLE deaths (
    id INTEGER PRIMARY KEY, instance TEXT NOT NULL, incarnation INTEGER NOT NULL,
    at INTEGER NOT NULL, cause TEXT NOT NULL, code INTEGER NOT NULL, signal INTEGER NOT NULL,
    core INTEGER NOT NULL, uptime INTEGER NOT NULL, cpu_time INTEGER NOT NULL,
    max_memory INTEGER NOT NULL, output BLOB NOT NULL, UNIQUE (instance, incarnation));
  CREATE TABLE instances (
    name TEXT PRIMARY KEY, bot TEXT NOT NULL, "group" TEXT NOT NULL, "index" INTEGER NOT NULL,
    incarnation INTEGER NOT NULL, now TEXT NOT NULL, wanted INTEGER NOT NULL, why TEXT NOT NULL,
    next TEXT, next_at INTEGER NOT NULL, next_attempt INTEGER NOT NULL, next_of INTEGER NOT NULL,
    pid INTEGER NOT NULL, since INTEGER NOT NULL, started INTEGER NOT NULL,
    restarts INTEGER NOT NULL, exit_code INTEGER, exit_signal INTEGER, exit_core INTEGER,
    exit_at INTEGER NOT NULL, attempt INTEGER NOT NULL, failed_starts INTEGER NOT NULL,
    probes INTEGER NOT NULL, restart_times TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, uid INTEGER NOT NULL,
    pid INTEGER NOT NULL, origin TEXT NOT NULL, command TEXT NOT NULL, outcome TEXT NOT NULL);
  CREATE TABLE intents (instance TEXT PRIMARY KEY, stopped INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE overrides (bot TEXT PRIMARY KEY, replicas INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE versions (number INTEGER PRIMARY KEY, time INTEGER NOT NULL, tree BLOB NOT NULL);
  CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  PRAGMA application_id = 1416787312;
)";

constexpr const char* rows = R"(
  INSERT INTO events VALUES (41, 5, 'a#0', 9, 'starting', 'running', 'ready');
  INSERT INTO deaths VALUES (1, 'a#0', 8, 4, 'exited with code 1', 1, 0, 0, 7, 7, 7, x'ff00');
  INSERT INTO audit VALUES (3, 100, 1000, 12, 'admin.sock', 'stop a', 'accepted by 1'),
    (4, 101, 0, 13, 'admin.sock', 'scale a 4', ''), (7, 102, 0, 14, 'keeper', 'shutdown', 'x');
  INSERT INTO intents VALUES ('a#0', 1);
  INSERT INTO versions VALUES (5, 50, CAST('old tree' AS BLOB)), (6, 60, CAST('tree' AS BLOB));
  INSERT INTO meta VALUES ('run', 7), ('applied_run', 7), ('last_incarnation', 9);
)";

constexpr const char* record_1 =
    "INSERT INTO instances VALUES ('a#0', 'a', '', 0, 9, 'running', 1, 'ready', NULL, 0, 0, 0,"
    " 4711, 5, 4, 3, NULL, NULL, NULL, 0, 0, 0, 0, '[]'";

struct migration_fixture : store_fixture {
  void make(int schema) {
    SQLite::Database db{path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
    db.exec(tables_1);
    if (schema >= 2)
      db.exec("ALTER TABLE instances ADD COLUMN printed TEXT NOT NULL DEFAULT '[]'");
    if (schema >= 3)
      db.exec("DROP TABLE overrides;"
              " CREATE TABLE overrides (bot TEXT PRIMARY KEY, patch TEXT NOT NULL) WITHOUT ROWID");
    db.exec(rows);
    db.exec(std::string{record_1} + (schema >= 2 ? ", '[\"open\"]')" : ")"));
    db.exec(schema >= 3 ? R"(INSERT INTO overrides VALUES ('a', '{"replicas":4}'))"
                        : "INSERT INTO overrides VALUES ('a', 4)");
    db.exec("PRAGMA user_version = " + std::to_string(schema));
  }

  std::string content() const {
    std::string result;
    SQLite::Database db{path, SQLite::OPEN_READONLY};
    SQLite::Statement tables{db, "SELECT group_concat(sql) FROM sqlite_schema"};
    tables.executeStep();
    SQLite::Statement audit{db, "SELECT group_concat(id || command || outcome) FROM audit"};
    audit.executeStep();
    return tables.getColumn(0).getString() + audit.getColumn(0).getString()
           + db.execAndGet("PRAGMA user_version").getString();
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(migration_suite, migration_fixture)

BOOST_AUTO_TEST_CASE(s09_an_older_schema_is_brought_forward_with_all_that_is_in_it) {
  for (int schema = 1; schema <= 3; ++schema)
    BOOST_TEST_CONTEXT("schema " << schema) {
      for (const auto& entry : fs::directory_iterator(directory))
        fs::remove(entry.path());
      make(schema);
      auto store = store::open_store(path);
      const auto found = store->load(7);
      const auto copy = path + ".schema-" + std::to_string(schema);
      BOOST_TEST(found.unreadable == "");
      BOOST_TEST(found.notice.find("kept in " + copy) != std::string::npos);
      BOOST_TEST(!found.fresh);
      BOOST_TEST(found.last_seq == 41u);
      BOOST_TEST(found.last_incarnation == 9u);
      BOOST_TEST(found.intents.at("a#0") == true);
      BOOST_TEST(found.overrides.at("a") == R"({"replicas":4})");
      BOOST_REQUIRE(found.records.size() == 1u);
      BOOST_TEST(found.records[0].pid == 4711);
      BOOST_TEST(found.records[0].settings == 0u);
      BOOST_TEST(found.records[0].printed.size() == (schema >= 2 ? 1u : 0u));
      BOOST_TEST(found.version == 6u);
      BOOST_REQUIRE(found.applied.has_value());
      BOOST_TEST(found.applied->tree == "tree");
      BOOST_TEST(found.applied->time == 60);
      BOOST_TEST(found.applied->overrides.at("a") == R"({"replicas":4})");
      BOOST_TEST((found.applied->now == version_state::healthy));
      BOOST_TEST(store->version(5)->tree == "old tree");
      BOOST_TEST(store->deaths("a#0", 5).front().output == std::string("\xff\0", 2));
      // The audit is a chain from here on; what was dropped before is dropped.
      const auto check = store->verify_audit(0);
      BOOST_TEST(check.problem == "");
      BOOST_TEST(check.first == 5u);
      const auto audits = store->audits({});
      BOOST_REQUIRE(audits.size() == 3u);
      BOOST_TEST(audits[0].id == 5u);
      BOOST_TEST(audits[0].command == "stop a");
      BOOST_TEST(audits[0].outcome == "accepted by 1");
      BOOST_TEST(audits[0].uid == 1000u);
      BOOST_TEST(audits[2].id == 7u);
      BOOST_TEST(audits[2].origin == "keeper");
      // What is written from now on.
      journal_batch batch;
      batch.records = {make_record("a#0", 10)};
      batch.records.front().printed = {"open", "ready|up"};
      batch.audits.resize(1);
      BOOST_TEST(store->write(batch, true) == "");
      store = store::open_store(path);
      const auto later = store->load(7);
      BOOST_TEST(later.notice == "");
      BOOST_TEST(later.records[0].printed.size() == 2u);
      BOOST_TEST(store->audits({}).size() == 4u);
      BOOST_TEST(store->verify_audit(0).problem == "");
      // The copy is what was there before, and another migration can start from it.
      store.reset();
      for (const auto* suffix : {"", "-wal", "-shm"})
        fs::remove(path + suffix);
      fs::copy_file(copy, path);
      BOOST_TEST(store::open_store(path)->load(7).records[0].incarnation == 9u);
    }
}

BOOST_AUTO_TEST_CASE(s09_without_room_for_the_copy_nothing_is_brought_forward) {
  make(2);
  fs::create_directory(path + ".schema-2.new"); // where the copy would be begun
  const auto before = content();
  auto store = store::open_store(path);
  const auto problem = store->load(7).unreadable;
  BOOST_TEST(problem.find("has to be copied to " + path + ".schema-2") != std::string::npos,
             problem);
  journal_batch batch;
  batch.audits.resize(1);
  BOOST_TEST(store->write(batch, true) != "");
  BOOST_TEST(content() == before);
  fs::remove(path + ".schema-2.new");
  BOOST_TEST(store->write(batch, true) == "");
  BOOST_TEST(store->load(7).version == 6u);
}

BOOST_AUTO_TEST_CASE(s09_the_reserve_makes_room_for_the_copy) {
  if (::mount("tmpfs", directory.c_str(), "tmpfs", 0, "size=4M") != 0) {
    BOOST_TEST_MESSAGE("needs a disk of its own, and for that root");
    return;
  }
  make(3);
  const store::options bounds{.reserve = 1 << 20};
  BOOST_TEST(store::disk_reserve(directory + "/reserve", bounds.reserve).ensure());
  {
    std::ofstream filler{directory + "/filler", std::ios::binary};
    const std::string page(4096, '.');
    while (filler.write(page.data(), 4096).flush()) {
    }
  }
  {
    const auto store = store::open_store(path, bounds);
    const auto found = store->load(7);
    BOOST_TEST(found.unreadable == "");
    BOOST_TEST(found.version == 6u);
    BOOST_TEST(fs::exists(path + ".schema-3"));
    BOOST_TEST(!fs::exists(directory + "/reserve"));
  }
  BOOST_TEST(::umount(directory.c_str()) == 0);
}

BOOST_AUTO_TEST_CASE(s09_a_step_that_fails_changes_nothing) {
  make(3);
  {
    SQLite::Database db{path, SQLite::OPEN_READWRITE};
    db.exec("CREATE TABLE unchained_audit (x)"); // in the way of the fourth step
  }
  const auto before = content();
  auto store = store::open_store(path);
  store->load(7);
  store.reset();
  // It was taken for damaged and moved aside, with nothing in it changed.
  for (const auto& entry : fs::directory_iterator(directory))
    if (const auto name = entry.path().string();
        name.find(".corrupt-") != std::string::npos && !name.ends_with("-wal"))
      path = name;
  BOOST_TEST(path.find(".corrupt-") != std::string::npos);
  BOOST_TEST(content() == before);
}

BOOST_AUTO_TEST_SUITE_END()
