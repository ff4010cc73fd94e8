// S08: a writer that is killed in the middle: what was acknowledged is there, what was
// not is there as a whole or not at all.

#include "test/unit/store/fixture.hpp"
#include "test/unit/store/kill_loop.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using troupe::test::store_fixture;

namespace {

// Writes numbered batches for ever and says each number that was acknowledged. Each round is a
// change of the config as the config actor makes one: first the entry, then all the rest.
void write_for_ever(const std::string& path, int out) {
  auto store = store::open_store(path, {.audits = 10, .versions = 5});
  auto next = store->load(1).last_seq / 10 + 1;
  for (;; ++next) {
    journal_batch entry;
    entry.audits = {{0, 1, 0, 1, "admin.sock", "scale a " + std::to_string(next), "", "", 0}};
    if (!store->write(entry, true).empty())
      return;
    journal_batch batch;
    for (std::uint64_t i = 0; i < 10; ++i)
      batch.transitions.push_back(store_fixture::make_transition((next - 1) * 10 + i + 1));
    batch.records = {store_fixture::make_record("a#0", next)};
    batch.overrides = {{"a", std::to_string(next)}};
    batch.audits = {entry.audits.front()};
    batch.audits.front().outcome = "done " + std::to_string(next);
    batch.audits.front().patch = R"([{"op":"replace","path":"/a","value":0}])";
    batch.applied = troupe::test::version_of("tree " + std::to_string(next));
    batch.applied->overrides = batch.overrides;
    batch.applied->now = next % 3 ? version_state::updating : version_state::healthy;
    if (next > 1)
      batch.settled = {{next - 1, version_state::superseded}};
    if (!store->write(batch, true).empty() || ::write(out, &next, sizeof(next)) != sizeof(next))
      return;
  }
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(crash_suite, store_fixture)

BOOST_AUTO_TEST_CASE(s08_what_was_acknowledged_survives_kill_9) {
  troupe::test::kill_again_and_again(path, write_for_ever, [&](std::uint64_t acknowledged) {
    auto store = store::open_store(path);
    const auto found = store->load(1);
    BOOST_TEST(found.notice == "");
    BOOST_REQUIRE(found.records.size() == 1u);
    const auto last = found.records[0].incarnation;
    const auto text = std::to_string(last);
    BOOST_TEST(last >= acknowledged);
    BOOST_TEST(last <= acknowledged + 1);
    BOOST_TEST(found.last_seq == last * 10);
    BOOST_TEST(found.overrides.at("a") == text);
    BOOST_TEST(found.version == last);
    BOOST_REQUIRE(found.applied.has_value());
    BOOST_TEST(found.applied->number == last);
    BOOST_TEST(found.applied->tree == "tree " + text);
    BOOST_TEST(found.applied->overrides.at("a") == text);
    if (const auto before = store->version(last - 1))
      BOOST_TEST((before->now == version_state::superseded));
    // Of the audit there may be one entry more, without an outcome.
    const auto check = store->verify_audit(0);
    BOOST_TEST(check.problem == "");
    BOOST_TEST(check.last >= last * 2);
    std::uint64_t settled = 0;
    for (const auto& each : store->audits({}))
      if (!each.outcome.empty()) {
        BOOST_TEST(each.outcome == "done " + std::to_string(each.version));
        BOOST_TEST(each.command == "scale a " + std::to_string(each.version));
        settled = each.version;
      }
    BOOST_TEST(settled == last);
  });
}

BOOST_AUTO_TEST_SUITE_END()
