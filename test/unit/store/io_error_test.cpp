// Every call to the disk fails once: what was acknowledged before and after is there,
// and no good file is taken for a damaged one.

#include "test/unit/store/failing_disk.hpp"
#include "test/unit/store/fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using troupe::test::failing_disk;
using troupe::test::store_fixture;
using troupe::test::version_of;
namespace fs = std::filesystem;

BOOST_FIXTURE_TEST_SUITE(io_error_suite, store_fixture)

BOOST_AUTO_TEST_CASE(a_call_that_fails_costs_no_acknowledged_write) {
  failing_disk disk;
  {
    auto store = store::open_store(path);
    journal_batch batch;
    for (std::uint64_t i = 1; i <= 100; ++i) {
      batch.transitions.push_back(make_transition(i));
      batch.records.push_back(make_record("bot#" + std::to_string(i), i));
    }
    BOOST_REQUIRE(store->write(batch, true) == "");
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
        auto store = store::open_store(path, {.busy = std::chrono::milliseconds{10}});
        store->load(0);
        for (std::uint64_t i = 101; i <= 104; ++i) {
          journal_batch batch;
          batch.transitions = {make_transition(i)};
          batch.records = {make_record("late#0", i)};
          batch.overrides = {{"late", std::to_string(i)}};
          batch.audits = {{0, 1, 0, 1, "admin.sock", std::to_string(i), "done", "", 0}};
          batch.applied = version_of("tree " + std::to_string(i));
          batch.applied->now = i % 2 ? version_state::updating : version_state::healthy;
          std::string problem;
          for (int attempt = 0; attempt < 3; ++attempt)
            if (problem = store->write(batch, true); problem.empty())
              break;
          BOOST_REQUIRE(problem == "");
        }
      }
      injected += disk.failed();
      const bool last = !disk.failed();
      disk.fail_after(-1);
      for (const auto& entry : fs::directory_iterator(directory))
        BOOST_TEST(entry.path().string().find(".corrupt") == std::string::npos);
      auto store = store::open_store(path);
      const auto found = store->load(0);
      BOOST_TEST(found.notice == "");
      // One whose failure was reported may be there, but never a part of it.
      BOOST_TEST(found.version == 4u);
      BOOST_TEST(found.applied->tree == "tree 104");
      BOOST_TEST(found.overrides.at("late") == "104");
      BOOST_TEST(store->verify_audit(0).problem == "");
      std::uint64_t next = 101;
      for (const auto& each : store->audits({}))
        if (each.command == std::to_string(next))
          ++next;
        else
          BOOST_TEST(each.command == std::to_string(next - 1));
      BOOST_TEST(next == 105u);
      BOOST_TEST(found.last_seq == 104u);
      BOOST_TEST(found.records.size() == 101u);
      BOOST_TEST(count("events") == 104);
      if (last)
        break; // there are no more calls than that
    }
  }
  BOOST_TEST(injected >= 30);
}

BOOST_AUTO_TEST_SUITE_END()
