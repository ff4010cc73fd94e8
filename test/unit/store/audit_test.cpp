// The chain of the audit: whatever is done to it from outside is found.

#include "test/unit/store/fixture.hpp"

#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>

using namespace troupe;
using troupe::test::store_fixture;
namespace fs = std::filesystem;

namespace {

struct audit_fixture : store_fixture {
  void open(const store::options& bounds = {}) {
    store = store::open_store(path, bounds);
    store->load(1);
  }

  std::uint64_t enter(const std::string& command, const std::string& outcome = {}) {
    journal_batch batch;
    batch.audits = {{0, ++time, 1000, 12, "admin.sock", command, outcome, "", 0}};
    BOOST_REQUIRE(store->write(batch, true) == "");
    return batch.audits.front().id;
  }

  void settle(std::uint64_t id, const std::string& outcome, const std::string& patch = {},
              std::uint64_t version = 0) {
    journal_batch batch;
    batch.audits = {{id, 1, 1000, 12, "admin.sock", "?", outcome, patch, version}};
    BOOST_REQUIRE(store->write(batch, true) == "");
    BOOST_TEST(batch.audits.front().id == id);
  }

  // Ten entries with their outcomes: twenty links.
  void fill() {
    open();
    for (int i = 0; i < 10; ++i)
      settle(enter("stop bot" + std::to_string(i)), "accepted by " + std::to_string(i));
  }

  void tamper(const std::string& sql) {
    SQLite::Database db{path, SQLite::OPEN_READWRITE, 1000};
    db.exec(sql);
  }

  audit_query about(const std::string& text) {
    audit_query query;
    query.text = text;
    return query;
  }

  std::unique_ptr<journal_store> store;
  std::int64_t time = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(audit_suite, audit_fixture)

BOOST_AUTO_TEST_CASE(an_entry_and_its_outcome_are_read_as_one) {
  open();
  BOOST_TEST(store->verify_audit(0).entries == 0u);
  journal_batch batch;
  batch.audits = {{0, 1, 1000, 12, "admin.sock", "stop a", "", "", 0},
                  {0, 2, 0, -1, "keeper", "x", "", "", 0}};
  BOOST_TEST(store->write(batch, true) == "");
  BOOST_TEST(batch.audits[0].id == 1u);
  BOOST_TEST(batch.audits[1].id == 2u);
  settle(1, "done", R"([{"op":"remove","path":"/a"}])", 3);
  settle(1, "and settled");
  const auto found = store->audits({});
  BOOST_REQUIRE(found.size() == 2u);
  BOOST_TEST(found[0].id == 1u);
  BOOST_TEST(found[0].time == 1);
  BOOST_TEST(found[0].uid == 1000u);
  BOOST_TEST(found[0].pid == 12);
  BOOST_TEST(found[0].origin == "admin.sock");
  BOOST_TEST(found[0].command == "stop a");
  BOOST_TEST(found[0].outcome == "and settled");
  BOOST_TEST(found[0].patch == R"([{"op":"remove","path":"/a"}])");
  BOOST_TEST(found[0].version == 3u);
  BOOST_TEST(found[1].pid == -1);
  BOOST_TEST(found[1].outcome == "");
  const auto check = store->verify_audit(0);
  BOOST_TEST(check.problem == "");
  BOOST_TEST(check.entries == 4u);
  BOOST_TEST(check.first == 1u);
  BOOST_TEST(check.last == 4u);
  BOOST_TEST(check.hash.size() == 64u);
  // No row is ever changed.
  BOOST_TEST(count("audit") == 4);
}

BOOST_AUTO_TEST_CASE(entries_are_selected) {
  fill();
  const auto ids = [&](const audit_query& query) {
    std::vector<std::uint64_t> result;
    for (const auto& each : store->audits(query))
      result.push_back(each.id);
    return result;
  };
  using list = std::vector<std::uint64_t>;
  audit_query query;
  query.last = 2;
  BOOST_TEST((ids(query) == list{17, 19}));
  query = {};
  query.after = 15;
  query.limit = 1;
  BOOST_TEST((ids(query) == list{17}));
  query = {};
  query.since = 9;
  BOOST_TEST((ids(query) == list{17, 19}));
  BOOST_TEST((ids(about("bot3")) == list{7}));
  BOOST_TEST((ids(about("accepted by 4")) == list{9}));
  BOOST_TEST((ids(about("nothing")) == list{}));
  BOOST_TEST((ids(about("%")) == list{}));
  query = about("bot");
  query.last = 1;
  BOOST_TEST((ids(query) == list{19}));
  query = {};
  query.hash = store->verify_audit(0).hash;
  BOOST_TEST((ids(query) == list{20}));
  query.hash = std::string(64, '0');
  BOOST_TEST((ids(query) == list{}));
}

BOOST_AUTO_TEST_CASE(a_huge_patch_is_left_out_and_that_is_said) {
  open();
  const auto id = enter("apply");
  settle(id, "done", std::string(100'000, 'x'), 1);
  const auto found = store->audits({}).front();
  BOOST_TEST(found.patch == "");
  BOOST_TEST(found.outcome.find("done; its patch of 100000 bytes") == 0u);
  settle(id, "", std::string(64 * 1024, 'x'));
  BOOST_TEST(store->audits({}).front().patch.size() == 64u * 1024);
}

BOOST_AUTO_TEST_CASE(tampering_is_found_with_the_first_bad_entry) {
  const std::tuple<const char*, std::uint64_t, const char*> cases[] = {
      {"UPDATE audit SET command = 'start bot3' WHERE seq = 7", 7, "not as it was written"},
      {"UPDATE audit SET uid = 0 WHERE seq = 1", 1, "not as it was written"},
      {"UPDATE audit SET outcome = 'refused' WHERE seq = 20", 20, "not as it was written"},
      {"UPDATE audit SET hash = upper(hash) WHERE seq = 4", 4, "not as it was written"},
      {"DELETE FROM audit WHERE seq = 8", 8, "missing: after 7 comes 9"},
      {"DELETE FROM audit WHERE seq <= 6", 1, "missing: the first that is there is 7"},
      {"DELETE FROM audit", 1, "missing: entries were written up to 20"},
      {"DELETE FROM audit WHERE seq > 18", 19, "missing: entries were written up to 20"},
      {"DELETE FROM audit WHERE seq > 18; UPDATE audit_end SET seq = 18, hash = (SELECT hash"
       " FROM audit WHERE seq = 18)",
       19, "missing: entries were written up to 20"},
      {"INSERT INTO audit SELECT 21, 21, time, uid, pid, origin, command, outcome, patch, version,"
       " hash FROM audit WHERE seq = 1",
       21, "not as it was written"},
      {"UPDATE audit SET seq = 100 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 5;"
       " UPDATE audit SET seq = 5 WHERE seq = 100",
       3, "not as it was written"},
      {"DELETE FROM audit WHERE seq = 5; UPDATE audit SET seq = seq - 1 WHERE seq > 5", 5,
       "not as it was written"},
      {"UPDATE audit SET entry = 0 WHERE seq = 6", 6, "anchor"},
      {"UPDATE audit SET seq = -4 WHERE seq = 1", 1, "missing"},
      {"UPDATE audit_end SET hash = 'x'", 20, "not the last one"},
      {"UPDATE audit_end SET seq = 19", 20, "not written by Troupe"},
      {"DELETE FROM audit_end", 1, "not written by Troupe"},
  };
  fill();
  store.reset();
  fs::copy_file(path, path + ".good");
  for (const auto& [sql, bad, what] : cases)
    for (const bool running : {true, false})
      BOOST_TEST_CONTEXT(sql << (running ? " while it runs" : " while it does not")) {
        store.reset();
        for (const auto* suffix : {"", "-wal", "-shm"})
          fs::remove(path + suffix);
        fs::copy_file(path + ".good", path);
        if (running)
          open();
        tamper(sql);
        if (!running)
          open();
        const auto check = store->verify_audit(0);
        if (!running && std::string{sql}.find("> 18; UPDATE audit_end") != std::string::npos) {
          // Nothing in the file can tell; the hash that was noted elsewhere is not there.
          BOOST_TEST(check.problem == "");
          BOOST_TEST(check.last == 18u);
          continue;
        }
        BOOST_TEST(check.bad == bad);
        BOOST_TEST(check.problem.find(what) != std::string::npos, check.problem);
        // Nothing that is entered later makes it good, or is kept from being entered; only what
        // stands where the next link comes is written over.
        enter("later");
        const bool after_the_end = std::string{sql}.starts_with("UPDATE audit_end")
                                   || std::string{sql}.starts_with("DELETE FROM audit_end")
                                   || (running && bad == 21);
        BOOST_TEST((store->verify_audit(0).bad != 0) == !after_the_end);
      }
}

BOOST_AUTO_TEST_CASE(random_histories_verify_with_retention) {
  std::mt19937 random{5};
  for (int history = 0; history < 10; ++history) {
    store.reset();
    for (const auto* suffix : {"", "-wal", "-shm"})
      fs::remove(path + suffix);
    const store::options bounds{.audits = random() % 50};
    open(bounds);
    std::vector<std::uint64_t> open_entries;
    std::uint64_t last = 0;
    for (int step = 0; step < 60; ++step) {
      journal_batch batch;
      const auto size = random() % 200;
      for (std::size_t i = 0; i < size; ++i) {
        audit_entry x{0, ++time, static_cast<std::uint32_t>(random()), 1, "o", "c", "", "", 0};
        if (!open_entries.empty() && random() % 2) {
          x.id = open_entries[random() % open_entries.size()];
          x.outcome = std::string(random() % 20, static_cast<char>(random()));
        }
        batch.audits.push_back(x);
      }
      BOOST_REQUIRE(store->write(batch, false) == "");
      for (const auto& x : batch.audits)
        if (x.outcome.empty())
          open_entries.push_back(x.id);
      if (random() % 10 == 0)
        open(bounds);
      const auto check = store->verify_audit(0);
      BOOST_TEST(check.problem == "");
      BOOST_TEST(check.entries == static_cast<std::uint64_t>(count("audit")));
      BOOST_TEST(check.last >= last);
      last = check.last;
      if (const auto few = store->verify_audit(10); check.entries > 10)
        BOOST_TEST(few.entries == 10u);
    }
    BOOST_TEST(count("audit") < 1000 + 50 + 400);
    BOOST_TEST(last > 2000u);
  }
}

BOOST_AUTO_TEST_CASE(its_bytes_are_bounded_too) {
  std::mt19937 random{7};
  const store::options bounds{.audit_bytes = 200'000};
  open(bounds);
  const auto texts = "SELECT sum(length(command) + length(patch)) FROM audit";
  std::int64_t most = 0;
  for (int step = 0; step < 100; ++step) {
    journal_batch batch;
    for (auto size = random() % 4; size > 0; --size)
      batch.audits.push_back({0, ++time, 0, 1, "o", "c", "", std::string(random() % 8000, 'x'), 1});
    BOOST_REQUIRE(store->write(batch, true) == "");
    if (random() % 10 == 0)
      open(bounds);
    SQLite::Database db{path, SQLite::OPEN_READONLY, 1000};
    const auto bytes = db.execAndGet(texts).getInt64();
    BOOST_TEST(bytes <= 200'000);
    most = std::max(most, bytes);
    BOOST_TEST(store->verify_audit(0).problem == "");
  }
  BOOST_TEST(most > 150'000);
  BOOST_TEST(store->verify_audit(0).first > 1u);
  // What it believes to be there is counted before anything goes.
  const auto rows = count("audit");
  store.reset();
  SQLite::Database{path, SQLite::OPEN_READWRITE, 1000}.exec(
      "UPDATE meta SET value = 1 << 40 WHERE key = 'audit_bytes'");
  open({.audit_bytes = 300'000});
  journal_batch batch;
  batch.audits.push_back({0, ++time, 0, 1, "o", "c", "", "", 0});
  BOOST_REQUIRE(store->write(batch, true) == "");
  BOOST_TEST(count("audit") == rows + 1);
}

BOOST_AUTO_TEST_CASE(any_changed_byte_of_any_row_is_found) {
  std::mt19937 random{6};
  open({.audits = 5});
  for (int i = 0; i < 300; ++i) { // long enough for an anchor
    journal_batch batch;
    for (int k = 0; k < 5; ++k)
      batch.audits.push_back({0, ++time, 1000, 12, "admin.sock", "stop bot", "", "[]", 1});
    BOOST_REQUIRE(store->write(batch, false) == "");
  }
  BOOST_TEST(store->verify_audit(0).problem == "");
  SQLite::Database db{path, SQLite::OPEN_READWRITE, 1000};
  BOOST_TEST(db.execAndGet("SELECT count(*) FROM audit WHERE entry = 0").getInt() >= 1);
  const auto first = db.execAndGet("SELECT min(seq) FROM audit").getInt64();
  const auto last = db.execAndGet("SELECT max(seq) FROM audit").getInt64();
  const auto anchor = db.execAndGet("SELECT max(seq) FROM audit WHERE entry = 0").getInt64();
  const char* numbers[] = {"entry", "time", "uid", "pid", "version", "seq"};
  const char* texts[] = {"origin", "command", "outcome", "patch", "hash"};
  for (int round = 0; round < 400; ++round) {
    const bool end = random() % 20 == 0;
    const auto seq = round % 5 == 0
                         ? anchor
                         : first
                               + static_cast<std::int64_t>(
                                   random() % static_cast<std::uint64_t>(last - first + 1));
    const bool text = random() % 2;
    const std::string column =
        end ? (text ? "hash" : "seq") : (text ? texts[random() % 5] : numbers[random() % 6]);
    const std::string table = end ? "audit_end" : "audit";
    const std::string where = end ? "" : " WHERE seq = " + std::to_string(seq);
    std::string change;
    if (text) {
      auto value = db.execAndGet("SELECT hex(" + column + ") FROM " + table + where).getString();
      if (value.empty())
        value = "00";
      auto& digit = value[random() % value.size()];
      digit = digit == '0' ? '1' : '0';
      change = "CAST(x'" + value + "' AS TEXT)";
    } else {
      change = column + " + " + std::to_string(std::int64_t{1} << random() % 40);
    }
    BOOST_TEST_CONTEXT(table << where << ": " << column << " = " << change) {
      db.exec("SAVEPOINT before");
      db.exec("RELEASE before");
      const auto sql = "UPDATE " + table + " SET " + column + " = " + change + where;
      const auto old =
          text ? "CAST(x'"
                     + db.execAndGet("SELECT hex(" + column + ") FROM " + table + where).getString()
                     + "' AS TEXT)"
               : db.execAndGet("SELECT " + column + " FROM " + table + where).getString();
      try {
        db.exec(sql);
      } catch (const SQLite::Exception&) {
        continue; // another row has that number
      }
      BOOST_TEST(store->verify_audit(0).bad != 0u);
      const auto back = column == "seq" && !end
                            ? " WHERE seq = " + std::to_string(seq) + change.substr(3)
                            : where;
      db.exec("UPDATE " + table + " SET " + column + " = " + old + back);
      if (round % 50 == 0)
        BOOST_TEST(store->verify_audit(0).problem == "");
    }
  }
  BOOST_TEST(store->verify_audit(0).problem == "");
}

BOOST_AUTO_TEST_CASE(a_look_at_the_last_ones_trusts_what_is_before_them) {
  fill();
  tamper("UPDATE audit SET uid = 0 WHERE seq = 5");
  BOOST_TEST(store->verify_audit(0).bad == 5u);
  const auto check = store->verify_audit(10);
  BOOST_TEST(check.problem == "");
  BOOST_TEST(check.first == 11u);
  BOOST_TEST(check.entries == 10u);
}

BOOST_AUTO_TEST_CASE(the_chain_goes_on_when_the_file_is_deleted) {
  fill();
  fs::remove(path);
  BOOST_TEST(enter("later") == 21u);
  BOOST_TEST(store->verify_audit(0).problem == "");
  BOOST_TEST(store->audits({}).size() == 11u);
}

BOOST_AUTO_TEST_CASE(the_chain_goes_on_from_an_anchor_when_the_file_is_replaced_by_an_empty_one) {
  fill();
  store::open_store(path + ".other")->load(1);
  fs::remove(path + "-wal");
  fs::rename(path + ".other", path);
  BOOST_TEST(enter("later") == 22u); // after the anchor
  const auto check = store->verify_audit(0);
  BOOST_TEST(check.problem == "");
  BOOST_TEST(check.first == 21u);
  open();
  BOOST_TEST(store->verify_audit(0).problem == "");
  BOOST_TEST(store->audits({}).size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_lost_with_an_older_copy_is_missed) {
  fill();
  store.reset();
  fs::copy_file(path, path + ".old");
  open();
  enter("lost");
  fs::remove(path + "-wal");
  fs::rename(path + ".old", path);
  BOOST_TEST(enter("later") == 22u);
  const auto check = store->verify_audit(0);
  BOOST_TEST(check.bad == 21u);
  BOOST_TEST(check.problem.find("missing") != std::string::npos);
  BOOST_TEST(store->audits({}).size() == 11u);
}

BOOST_AUTO_TEST_SUITE_END()
