#include "test/unit/store/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <fcntl.h>
#include <iostream>
#include <sys/stat.h>
#include <unistd.h>

using namespace troupe;
using troupe::test::store_fixture;
using troupe::test::version_of;

BOOST_FIXTURE_TEST_SUITE(store_suite, store_fixture)

BOOST_AUTO_TEST_CASE(an_empty_store_has_nothing) {
  auto store = store::open_store(path);
  const auto found = store->load(0);
  BOOST_TEST(found.notice == "");
  BOOST_TEST(found.last_seq == 0u);
  BOOST_TEST(found.records.empty());
  BOOST_TEST(!found.applied);
  BOOST_TEST(store->events({}).empty());
  BOOST_TEST(store->deaths("a#0", 5).empty());
}

BOOST_AUTO_TEST_CASE(nobody_else_may_read_the_file) {
  auto store = store::open_store(path);
  journal_batch batch;
  batch.transitions.push_back(make_transition(1));
  BOOST_TEST(store->write(batch, false) == "");
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat info {};
    BOOST_REQUIRE(::stat((path + suffix).c_str(), &info) == 0);
    BOOST_TEST((info.st_mode & 0777) == 0600u);
  }
}

BOOST_AUTO_TEST_CASE(no_child_inherits_the_database) {
  auto store = store::open_store(path);
  journal_batch batch;
  batch.transitions.push_back(make_transition(1));
  BOOST_TEST(store->write(batch, true) == "");
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink(entry.path(), error).string();
    if (!target.starts_with(directory))
      continue;
    ++seen;
    const int fd = std::stoi(entry.path().filename().string());
    BOOST_TEST((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, target);
  }
  BOOST_TEST(seen >= 2);
}

BOOST_AUTO_TEST_CASE(what_is_kept_is_counted) {
  auto store = store::open_store(path);
  journal_batch batch;
  for (std::uint64_t i = 1; i <= 3; ++i)
    batch.transitions.push_back(make_transition(i));
  batch.audits.emplace_back();
  BOOST_TEST(store->write(batch, false) == "");
  auto counted = store->counts().of;
  BOOST_TEST(store->trouble() == "");
  BOOST_TEST(counted["events"] == 3);
  BOOST_TEST(counted["deaths"] == 0);
  BOOST_TEST(counted["audits"] == 1);
  BOOST_TEST(counted["events_limit"] == 100'000);
}

BOOST_AUTO_TEST_CASE(a_record_comes_back_as_it_was) {
  auto full = make_record("market/trader#2", 9);
  full.group = "market";
  full.index = 2;
  full.now = state::backoff;
  full.next = next_step{"retry", 123, 4, 15};
  full.last_exit = exit_status{0, 11, true};
  full.last_exit_at = 99;
  full.policy = {3, 2, 1, {10, 20, 30}};
  full.settings = 0xfedcba9876543210;
  const auto plain = make_record("b#0");
  {
    auto store = store::open_store(path);
    journal_batch batch;
    batch.records = {full, plain};
    BOOST_TEST(store->write(batch, true) == "");
  }
  const auto found = store::open_store(path)->load(0);
  BOOST_REQUIRE(found.records.size() == 2u);
  const auto& b = found.records[0];
  BOOST_TEST(b.name == "b#0");
  BOOST_TEST(!b.next);
  BOOST_TEST(!b.last_exit);
  const auto& x = found.records[1];
  BOOST_TEST(x.name == full.name);
  BOOST_TEST(x.bot == full.bot);
  BOOST_TEST(x.group == full.group);
  BOOST_TEST(x.index == full.index);
  BOOST_TEST(x.incarnation == full.incarnation);
  BOOST_TEST((x.now == full.now));
  BOOST_TEST(x.wanted == full.wanted);
  BOOST_TEST(x.why == full.why);
  BOOST_REQUIRE(x.next.has_value());
  BOOST_TEST(x.next->what == "retry");
  BOOST_TEST(x.next->at == 123);
  BOOST_TEST(x.next->attempt == 4u);
  BOOST_TEST(x.next->of == 15u);
  BOOST_TEST(x.pid == full.pid);
  BOOST_TEST(x.since == full.since);
  BOOST_TEST(x.started == full.started);
  BOOST_TEST(x.restarts == full.restarts);
  BOOST_TEST((x.last_exit == full.last_exit));
  BOOST_TEST(x.last_exit_at == full.last_exit_at);
  BOOST_TEST((x.policy == full.policy));
  BOOST_TEST(x.settings == full.settings);
  BOOST_TEST(found.last_incarnation == 9u);
}

BOOST_AUTO_TEST_CASE(a_fresh_run_keeps_incarnations_events_and_overrides_only) {
  {
    auto store = store::open_store(path);
    journal_batch batch;
    auto record = make_record("a#0", 5);
    record.settings = 77;
    record.policy.attempt = 4;
    record.last_exit = exit_status{1, 0, false};
    batch.records = {record};
    batch.transitions = {make_transition(1), make_transition(2)};
    batch.intents = {{"a#0", true}};
    batch.overrides = {{"a", "{}"}};
    batch.applied = version_of("tree");
    BOOST_TEST(store->write(batch, true) == "");
  }
  auto store = store::open_store(path);
  const auto found = store->load(7);
  BOOST_REQUIRE(found.records.size() == 1u);
  const auto& x = found.records.front();
  BOOST_TEST(x.incarnation == 5u);
  BOOST_TEST((x.now == state::defined));
  BOOST_TEST(!x.wanted);
  BOOST_TEST(x.restarts == 0u);
  BOOST_TEST(x.pid == 0);
  BOOST_TEST(x.settings == 0u);
  BOOST_TEST(!x.last_exit);
  BOOST_TEST((x.policy == policy_memory{}));
  BOOST_TEST(found.intents.empty());
  BOOST_TEST(found.overrides.at("a") == "{}");
  BOOST_TEST(found.last_seq == 2u);
  BOOST_TEST(found.fresh);
  BOOST_TEST(!found.applied.has_value());
  BOOST_TEST(found.version == 1u);
}

BOOST_AUTO_TEST_CASE(an_override_can_be_taken_back) {
  auto store = store::open_store(path);
  journal_batch batch;
  batch.overrides = {{"a", "{}"}, {"b", "[4]"}};
  BOOST_TEST(store->write(batch, true) == "");
  batch.overrides = {{"a", ""}};
  BOOST_TEST(store->write(batch, true) == "");
  const auto found = store::open_store(path)->load(0);
  BOOST_TEST(found.overrides.size() == 1u);
  BOOST_TEST(found.overrides.at("b") == "[4]");
}

BOOST_AUTO_TEST_CASE(a_run_is_fresh_once_and_has_what_was_applied_in_it) {
  const auto apply = [](journal_store& store, const char* tree) {
    journal_batch batch;
    batch.applied = version_of(tree);
    batch.intents = {{"a#0", true}};
    BOOST_TEST(store.write(batch, true) == "");
  };
  auto store = store::open_store(path);
  BOOST_TEST(store->load(1).fresh);
  apply(*store, "last week's");
  store = store::open_store(path);
  BOOST_TEST(store->load(2).fresh); // and its runtime dies before it has applied anything
  store = store::open_store(path);
  auto found = store->load(2);
  BOOST_TEST(!found.fresh);
  BOOST_TEST(!found.applied.has_value());
  BOOST_TEST(found.intents.empty());
  apply(*store, "today's");
  store = store::open_store(path);
  found = store->load(2);
  BOOST_TEST(!found.fresh);
  BOOST_TEST(found.applied->tree == "today's");
  BOOST_TEST(found.intents.size() == 1u);
  BOOST_TEST(store->load(0).applied->tree == "today's");
}

BOOST_AUTO_TEST_CASE(a_store_that_is_locked_at_the_start_forgets_the_last_run_later) {
  {
    auto store = store::open_store(path);
    store->load(1);
    journal_batch batch;
    batch.transitions = {make_transition(1)};
    batch.records = {make_record("a#0", 9)};
    batch.intents = {{"a#0", true}};
    BOOST_REQUIRE(store->write(batch, true) == "");
  }
  auto store = store::open_store(path, {.busy = std::chrono::milliseconds{20}});
  SQLite::Database other{path, SQLite::OPEN_READWRITE};
  other.exec("BEGIN EXCLUSIVE");
  const auto found = store->load(2);
  BOOST_TEST(found.unreadable.find("another process holds its lock") != std::string::npos);
  other.exec("ROLLBACK");
  journal_batch batch;
  batch.transitions = {make_transition(1000)};
  BOOST_TEST(store->write(batch, true) == "");
  BOOST_TEST(store->events({}).size() == 2u);
  BOOST_TEST(store->trouble() == "");
  const auto later = store::open_store(path)->load(2);
  BOOST_TEST(!later.fresh);
  BOOST_TEST(later.intents.empty());
  BOOST_REQUIRE(later.records.size() == 1u);
  BOOST_TEST((later.records.front().now == state::defined));
  BOOST_TEST(later.last_seq == 1000u);
}

BOOST_AUTO_TEST_CASE(events_are_selected) {
  auto store = store::open_store(path);
  journal_batch batch;
  for (std::uint64_t seq = 1; seq <= 100; ++seq)
    batch.transitions.push_back(make_transition(seq, seq % 2 ? "odd#0" : "even#0"));
  BOOST_TEST(store->write(batch, false) == "");
  const auto first_and_size = [&](const event_query& query) {
    const auto found = store->events(query);
    for (std::size_t i = 1; i < found.size(); ++i)
      BOOST_TEST(found[i - 1].seq < found[i].seq);
    return std::pair{found.empty() ? 0 : found.front().seq, found.size()};
  };
  using expected = std::pair<std::uint64_t, std::size_t>;
  event_query all;
  BOOST_TEST((first_and_size(all) == expected{1, 100}));
  BOOST_TEST((first_and_size(ask([](event_query& q) { q.after = 40; })) == expected{41, 60}));
  BOOST_TEST((first_and_size(ask([](event_query& q) { q.since = 91'000; })) == expected{91, 10}));
  BOOST_TEST((first_and_size(ask([](event_query& q) { q.last = 7; })) == expected{94, 7}));
  BOOST_TEST((first_and_size(ask([](event_query& q) { q.last = 0; })) == expected{0, 0}));
  BOOST_TEST(
      (first_and_size(ask([](event_query& q) { q.instances = {"even#0"}; })) == expected{2, 50}));
  // A bot's name takes all that it ever had.
  BOOST_TEST(
      (first_and_size(ask([](event_query& q) { q.instances = {"even"}; })) == expected{2, 50}));
  BOOST_TEST(
      (first_and_size(ask([](event_query& q) { q.instances = {"eve"}; })) == expected{0, 0}));
  BOOST_TEST((first_and_size(ask([](event_query& q) {
                q.instances = {"even#0", "odd#0"};
              }))
              == expected{1, 100}));
  BOOST_TEST((first_and_size(ask([](event_query& q) {
                q.last = 3;
                q.instances = {"odd#0"};
              }))
              == expected{95, 3}));
  BOOST_TEST((first_and_size(ask([](event_query& q) {
                q.last = 50;
                q.limit = 10;
              }))
              == expected{51, 10}));
  BOOST_TEST((first_and_size(ask([](event_query& q) {
                q.after = 99;
                q.limit = 10;
              }))
              == expected{100, 1}));
  const auto one = store->events(ask([](event_query& q) { q.after = 99; }));
  BOOST_TEST(one.front().instance == "even#0");
  BOOST_TEST(one.front().incarnation == 7u);
  BOOST_TEST((one.front().from == state::starting));
  BOOST_TEST((one.front().to == state::running));
  BOOST_TEST(one.front().cause == "ready");
}

BOOST_AUTO_TEST_CASE(a_death_is_kept_once_and_its_output_as_bytes) {
  auto store = store::open_store(path);
  journal_batch batch;
  auto x = make_death("market/trader#0", 1);
  x.output = std::string{"\x1b]0;x\a\0\xff", 8};
  x.status = {-1, 9, false};
  x.uptime = 1;
  x.cpu_time = 2;
  x.max_memory = 3;
  auto again = make_death("market/trader#0", 1);
  batch.deaths = {x, again, make_death("market/trader#1", 1), make_death("market/trader2#0", 1)};
  BOOST_TEST(store->write(batch, false) == "");
  const auto found = store->deaths("market/trader#0", 10);
  BOOST_REQUIRE(found.size() == 1u);
  BOOST_TEST(found[0].output == x.output);
  BOOST_TEST((found[0].status == x.status));
  BOOST_TEST(found[0].uptime == 1);
  BOOST_TEST(found[0].cpu_time == 2);
  BOOST_TEST(found[0].max_memory == 3);
  BOOST_TEST(store->deaths("market/trader", 10).size() == 2u);
  BOOST_TEST(store->deaths("market/trader", 1).front().instance == "market/trader#1");
  BOOST_TEST(store->deaths("market/trade", 10).empty());
}

BOOST_AUTO_TEST_CASE(the_last_deaths_of_each_instance_are_kept) {
  auto store = store::open_store(path, {.deaths_each = 10});
  for (std::uint64_t i = 1; i <= 50; ++i) {
    journal_batch batch;
    batch.deaths = {make_death("loop#0", i)};
    if (i == 1)
      batch.deaths.push_back(make_death("quiet#0", 1));
    BOOST_TEST(store->write(batch, false) == "");
  }
  const auto found = store->deaths("loop#0", 100);
  BOOST_REQUIRE(found.size() == 10u);
  BOOST_TEST(found.front().incarnation == 41u);
  BOOST_TEST(found.back().incarnation == 50u);
  BOOST_TEST(store->deaths("quiet#0", 100).size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_forgotten_goes_but_its_incarnation_is_remembered) {
  auto store = store::open_store(path);
  journal_batch batch;
  batch.records = {make_record("a#0", 12), make_record("b#0", 3)};
  batch.intents = {{"a#0", false}, {"b#0", false}};
  BOOST_TEST(store->write(batch, false) == "");
  journal_batch next;
  next.forgotten = {"a#0"};
  BOOST_TEST(store->write(next, false) == "");
  const auto found = store::open_store(path)->load(0);
  BOOST_REQUIRE(found.records.size() == 1u);
  BOOST_TEST(found.records[0].name == "b#0");
  BOOST_TEST(found.intents.size() == 1u);
  BOOST_TEST(found.intents.at("b#0") == false);
  BOOST_TEST(found.last_incarnation == 12u);
}

BOOST_AUTO_TEST_CASE(what_an_operator_stopped_is_known_of_those_that_are_gone_within_the_run) {
  auto store = store::open_store(path);
  store->load(1);
  journal_batch batch;
  batch.records = {make_record("a#0", 12), make_record("b#0", 3), make_record("c#0", 4)};
  batch.intents = {{"a#0", true}, {"b#0", false}};
  BOOST_TEST(store->write(batch, false) == "");
  journal_batch next;
  next.forgotten = {"a#0", "b#0", "c#0"};
  BOOST_TEST(store->write(next, false) == "");
  const std::map<std::string, bool> only_the_stop{{"a#0", true}};
  BOOST_TEST((store::open_store(path)->load(1).intents == only_the_stop));
  journal_batch later;
  later.intents = {{"a#0", false}};
  BOOST_TEST(store->write(later, false) == "");
  BOOST_TEST(store::open_store(path)->load(1).intents.at("a#0") == false);
  BOOST_TEST(store::open_store(path)->load(2).intents.empty());
}

BOOST_AUTO_TEST_CASE(stops_of_those_that_are_gone_are_bounded) {
  auto store = store::open_store(path);
  journal_batch batch;
  for (std::size_t i = 0; i <= max_gone_stops; ++i)
    batch.intents.emplace("a#" + std::to_string(i), true);
  BOOST_TEST(store->write(batch, false) == "");
  journal_batch next;
  next.forgotten = {"a#0", "a#1"};
  BOOST_TEST(store->write(next, false) == "");
  BOOST_TEST(store::open_store(path)->load(0).intents.size() == max_gone_stops - 1);
}

BOOST_AUTO_TEST_CASE(events_and_audit_stay_within_their_bounds) {
  auto store = store::open_store(path, {.events = 2000, .audits = 1500});
  std::uint64_t seq = 0;
  for (int round = 0; round < 30; ++round) {
    journal_batch batch;
    for (int i = 0; i < 500; ++i) {
      batch.transitions.push_back(make_transition(++seq));
      batch.audits.push_back({0, 1, 0, 1, "keeper", "x", "", "", 0});
    }
    BOOST_TEST(store->write(batch, false) == "");
    BOOST_TEST(count("events") <= 2000 + 1000 + 500);
    BOOST_TEST(count("audit") <= 1500 + 1000 + 500);
  }
  BOOST_TEST(store->events(ask([](event_query& q) { q.last = 1; })).front().seq == seq);
  BOOST_TEST(count("events") >= 2000);
  BOOST_TEST(count("audit") >= 1500);
  BOOST_TEST(store->verify_audit(0).problem == "");
}

BOOST_AUTO_TEST_CASE(a_batch_written_twice_is_there_once) {
  auto store = store::open_store(path);
  journal_batch batch;
  batch.transitions = {make_transition(1)};
  batch.deaths = {make_death("a#0", 1)};
  BOOST_TEST(store->write(batch, false) == "");
  BOOST_TEST(store->write(batch, false) == "");
  BOOST_TEST(count("events") == 1);
  BOOST_TEST(count("deaths") == 1);
}

// Prints what the numbers are; judging them is the benchmark's work.
BOOST_AUTO_TEST_CASE(a_large_batch_and_a_large_load) {
  using clock = std::chrono::steady_clock;
  const auto ms = [](clock::duration d) {
    return std::chrono::duration_cast<std::chrono::microseconds>(d).count() / 1000.0;
  };
  auto store = store::open_store(path);
  journal_batch warm;
  for (int i = 0; i < 2000; ++i)
    warm.records.push_back(make_record("market/trader#" + std::to_string(i)));
  BOOST_TEST(store->write(warm, false) == "");
  std::uint64_t seq = 0;
  double best = 1e9;
  for (int round = 0; round < 10; ++round) {
    journal_batch batch;
    for (int i = 0; i < 500; ++i) {
      batch.transitions.push_back(make_transition(++seq, "market/trader#" + std::to_string(i)));
      batch.records.push_back(make_record("market/trader#" + std::to_string(i)));
    }
    const auto start = clock::now();
    BOOST_TEST(store->write(batch, false) == "");
    best = std::min(best, ms(clock::now() - start));
  }
  auto other = store::open_store(path);
  const auto start = clock::now();
  const auto found = other->load(0);
  std::cout << "500 transitions and 500 records: " << best
            << " ms; load of 2000 records: " << ms(clock::now() - start) << " ms\n";
  BOOST_TEST(found.records.size() == 2000u);
  BOOST_TEST(found.last_seq == seq);
}

BOOST_AUTO_TEST_SUITE_END()
