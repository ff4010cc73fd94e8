// The applied states of the config.

#include "runtime/store/versions.hpp"
#include "test/unit/store/fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using troupe::test::store_fixture;
namespace fs = std::filesystem;

namespace {

struct versions_fixture : store_fixture {
  void apply(const std::string& tree, version_state now,
             std::map<std::uint64_t, version_state> of = {}) {
    journal_batch batch;
    batch.applied = troupe::test::version_of(tree);
    batch.applied->author = "uid 0";
    batch.applied->reason = "apply";
    batch.applied->hash = "hash of " + tree;
    batch.applied->overrides = {{"a", R"({"replicas":4})"}};
    batch.applied->now = now;
    batch.settled = std::move(of);
    BOOST_TEST(store->write(batch, true) == "");
    number = batch.applied->number;
    BOOST_TEST(batch.applied->time > 1'600'000'000'000'000);
  }

  void settle(std::uint64_t which, version_state now) {
    journal_batch batch;
    batch.settled = {{which, now}};
    BOOST_TEST(store->write(batch, true) == "");
  }

  // What a new runtime finds.
  journal_contents again(std::uint64_t run = 1, const store::options& bounds = {}) {
    store = store::open_store(path, bounds);
    return store->load(run);
  }

  std::unique_ptr<journal_store> store = [this] {
    auto result = store::open_store(path);
    result->load(1);
    return result;
  }();
  std::uint64_t number = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(versions_suite, versions_fixture)

BOOST_AUTO_TEST_CASE(a_version_comes_back_as_it_was) {
  const std::string tree(1'000'000, 'x');
  apply(tree, version_state::healthy);
  BOOST_TEST(number == 1u);
  const auto found = store->version(1);
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST(found->number == 1u);
  BOOST_TEST(found->author == "uid 0");
  BOOST_TEST(found->reason == "apply");
  BOOST_TEST(found->hash == "hash of " + tree);
  BOOST_TEST((found->tree == tree));
  BOOST_TEST(found->overrides.at("a") == R"({"replicas":4})");
  BOOST_TEST((found->now == version_state::healthy));
  BOOST_TEST(!store->version(2));
  BOOST_TEST(store->trouble() == "");
  SQLite::Database db{path, SQLite::OPEN_READONLY, 1000};
  BOOST_TEST(db.execAndGet("SELECT length(tree) FROM versions").getInt() < 10'000);
}

BOOST_AUTO_TEST_CASE(lists_are_short_and_the_newest_is_first) {
  for (const auto* tree : {"one", "two", "three"})
    apply(tree, version_state::healthy);
  const auto found = store->versions(2);
  BOOST_REQUIRE(found.size() == 2u);
  BOOST_TEST(found[0].number == 3u);
  BOOST_TEST(found[0].hash == "hash of three");
  BOOST_TEST(found[0].tree == "");
  BOOST_TEST(found[0].overrides.at("a") == R"({"replicas":4})");
  BOOST_TEST(found[1].number == 2u);
}

BOOST_AUTO_TEST_CASE(one_of_an_earlier_run_counts_once_it_is_settled) {
  apply("one", version_state::healthy);
  BOOST_TEST(!again(2).applied);
  settle(1, version_state::healthy);
  apply("two", version_state::updating);
  const auto found = again(2);
  BOOST_TEST(found.applied->tree == "two");
  BOOST_TEST(found.healthy->tree == "one");
}

BOOST_AUTO_TEST_CASE(any_bytes_are_a_tree) {
  using store::packed;
  using store::unpacked;
  for (const auto& tree :
       {std::string{}, std::string{"{}"}, std::string{"\0\xff", 2}, std::string(5'000'000, '{')})
    BOOST_TEST((unpacked(packed(tree)) == tree));
  BOOST_TEST(unpacked("{\"plain\": 1}") == "{\"plain\": 1}");
  auto cut = packed(std::string(100'000, 'x') + "y");
  cut.resize(cut.size() / 2);
  BOOST_CHECK_THROW(unpacked(cut), store::damaged_tree);
}

BOOST_AUTO_TEST_CASE(the_last_are_kept_and_the_last_healthy_one) {
  again(1, {.versions = 5});
  for (int i = 1; i <= 8; ++i)
    apply("tree " + std::to_string(i), i == 2 ? version_state::healthy : version_state::stopped);
  BOOST_TEST(count("versions") == 6);
  BOOST_TEST(!store->version(1));
  BOOST_TEST(store->version(2)->tree == "tree 2");
  BOOST_TEST(!store->version(3));
  BOOST_TEST(store->version(4)->tree == "tree 4");
  settle(8, version_state::healthy);
  apply("tree 9", version_state::updating);
  BOOST_TEST(count("versions") == 5);
  const auto found = again();
  BOOST_TEST(found.version == 9u);
  BOOST_TEST(found.applied->tree == "tree 9");
  BOOST_TEST(found.healthy->tree == "tree 8");
}

BOOST_AUTO_TEST_CASE(the_healthy_one_before_is_told_until_the_last_one_is) {
  apply("one", version_state::healthy);
  BOOST_TEST(!again().healthy);
  apply("two", version_state::updating);
  BOOST_TEST(again().healthy->tree == "one");
  settle(2, version_state::healthy);
  BOOST_TEST(!again().healthy);
  apply("three", version_state::updating);
  apply("four", version_state::updating, {{3, version_state::superseded}});
  auto found = again();
  BOOST_TEST(found.applied->tree == "four");
  BOOST_TEST((found.applied->now == version_state::updating));
  BOOST_TEST(found.healthy->tree == "two");
  BOOST_TEST((store->version(3)->now == version_state::superseded));
  settle(4, version_state::stopped);
  found = again();
  BOOST_TEST((found.applied->now == version_state::stopped));
  BOOST_TEST(found.healthy->tree == "two");
}

BOOST_AUTO_TEST_CASE(another_run_has_neither) {
  apply("one", version_state::healthy);
  apply("two", version_state::updating);
  auto found = again(2);
  BOOST_TEST(!found.applied);
  BOOST_TEST(!found.healthy);
  BOOST_TEST(found.version == 2u);
  apply("three", version_state::updating);
  BOOST_TEST(number == 3u);
  found = again(2);
  BOOST_TEST(found.applied->tree == "three");
  BOOST_TEST(!found.healthy);
  BOOST_TEST(store->version(1)->tree == "one");
}

BOOST_AUTO_TEST_CASE(audit_entries_of_a_batch_say_which_version_they_made) {
  journal_batch batch;
  batch.applied = troupe::test::version_of("tree");
  batch.audits.resize(1);
  BOOST_TEST(store->write(batch, true) == "");
  BOOST_TEST(batch.audits[0].version == 1u);
  BOOST_TEST(store->audits({}).front().version == 1u);
}

BOOST_AUTO_TEST_CASE(a_damaged_tree_costs_itself_alone) {
  apply(std::string(10'000, 'a') + "b", version_state::healthy);
  apply(std::string(10'000, 'c') + "d", version_state::updating);
  const auto damage = [&](int which) {
    SQLite::Database db{path, SQLite::OPEN_READWRITE, 1000};
    db.exec("UPDATE versions SET tree = substr(tree, 1, 12) WHERE number = "
            + std::to_string(which));
  };
  damage(1);
  auto found = again();
  BOOST_TEST(found.unreadable == "");
  BOOST_TEST(found.notice.find("a kept tree is damaged") != std::string::npos);
  BOOST_TEST(found.applied->number == 2u);
  BOOST_TEST(!found.healthy);
  damage(2);
  found = again();
  BOOST_TEST(!found.applied);
  BOOST_TEST(!store->version(2));
  BOOST_TEST(store->trouble().find("a kept tree is damaged") != std::string::npos);
  apply("three", version_state::healthy);
  BOOST_TEST(number == 3u);
  BOOST_TEST(again().applied->tree == "three");
}

// S05: the file is replaced by an older one underneath.
BOOST_AUTO_TEST_CASE(a_replaced_file_gets_what_is_in_force) {
  apply("one", version_state::healthy);
  store.reset();
  fs::copy_file(path, path + ".old");
  again();
  apply("two", version_state::healthy);
  apply("three", version_state::updating);
  journal_batch batch;
  batch.overrides = {{"b", "{}"}};
  batch.audits.resize(1);
  BOOST_REQUIRE(store->write(batch, true) == "");
  fs::remove(path + "-wal");
  fs::rename(path + ".old", path);
  settle(3, version_state::stopped);
  auto found = again();
  BOOST_TEST(found.applied->tree == "three");
  BOOST_TEST((found.applied->now == version_state::stopped));
  BOOST_TEST(found.healthy->tree == "two");
  BOOST_TEST(found.overrides.at("b") == "{}");
  BOOST_TEST(store->version(1)->tree == "one");
  apply("four", version_state::healthy);
  BOOST_TEST(number == 4u);
  // Nothing was in the old audit, and it says so.
  const auto check = store->verify_audit(0);
  BOOST_TEST(check.problem == "");
  BOOST_TEST(check.first == 2u);
}

BOOST_AUTO_TEST_CASE(a_deleted_file_is_put_back_with_all_versions) {
  for (const auto* tree : {"one", "two", "three"})
    apply(tree, version_state::healthy);
  fs::remove(path);
  apply("four", version_state::healthy);
  BOOST_TEST(again().applied->tree == "four");
  for (std::uint64_t i = 1; i <= 4; ++i)
    BOOST_TEST(store->version(i).has_value(), i);
}

// What was not read at first is not forgotten by what is written next.
BOOST_AUTO_TEST_CASE(a_store_that_was_never_loaded_knows_all_of_it_later) {
  apply("one", version_state::healthy);
  journal_batch batch;
  batch.overrides = {{"b", "{}"}};
  batch.audits.resize(1);
  BOOST_REQUIRE(store->write(batch, true) == "");
  store = store::open_store(path);
  batch.overrides = {{"c", "{}"}};
  batch.audits = {{}};
  BOOST_TEST(store->write(batch, true) == "");
  BOOST_TEST(batch.audits[0].id == 2u);
  fs::rename(path, path + ".away");
  fs::copy_file(path + ".away", path);
  settle(1, version_state::stopped);
  const auto found = again();
  BOOST_TEST(found.overrides.size() == 2u);
  BOOST_TEST((found.applied->now == version_state::stopped));
  BOOST_TEST(store->verify_audit(0).problem == "");
}

BOOST_AUTO_TEST_SUITE_END()
