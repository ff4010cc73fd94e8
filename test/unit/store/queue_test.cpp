// What goes into queue.db comes out again, in its order and within its bounds.

#include "test/unit/store/queue_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using troupe::test::queue_fixture;
using numbers_t = std::vector<std::uint64_t>;

BOOST_FIXTURE_TEST_SUITE(queue_suite, queue_fixture)

BOOST_AUTO_TEST_CASE(a_new_queue_is_empty) {
  const auto found = store::open_queue(path)->load();
  BOOST_TEST(found.trouble == "");
  BOOST_TEST(!found.unreadable);
  BOOST_TEST(found.last_row == 0u);
  BOOST_TEST(found.messages.empty());
  BOOST_TEST(!others_may_read(path));
}

BOOST_AUTO_TEST_CASE(messages_come_back_as_they_were_oldest_first) {
  {
    auto store = store::open_queue(path);
    batch what;
    what.accepted = {message(3, "b#1"), message(1), message(2, "pool", 5000)};
    what.changed = {{2, "pool#4", 7, 0, ""}};
    BOOST_TEST(write(*store, what) == "");
  }
  const auto found = store::open_queue(path)->load();
  const numbers_t wanted{1, 2, 3};
  BOOST_TEST(rows(found) == wanted, boost::test_tools::per_element());
  BOOST_TEST(found.messages[0].body == message(1).body);
  BOOST_TEST(found.messages[0].expires == 10);
  BOOST_TEST(found.messages[1].target == "pool#4");
  BOOST_TEST(found.messages[1].deliveries == 7u);
  BOOST_TEST(found.messages[1].body == message(2, "pool", 5000).body);
  BOOST_TEST(found.messages[2].target == "b#1");
  BOOST_TEST(found.last_row == 3u);
}

BOOST_AUTO_TEST_CASE(what_has_ended_is_gone_and_its_number_is_not_given_again) {
  auto store = store::open_queue(path);
  BOOST_TEST(write(*store, accept(1, 50)) == "");
  batch what;
  what.finished = {50, 1, 2, 3, 17, 18, 49, 30, 999};
  BOOST_TEST(write(*store, what) == "");
  BOOST_TEST(store->counts().of.at("durable") == 42);
  BOOST_TEST(store->counts().of.at("durable_bytes") == 42 * 100);
  store = store::open_queue(path);
  auto found = store->load();
  BOOST_TEST(found.messages.size() == 42u);
  BOOST_TEST(found.messages.front().row == 4u);
  BOOST_TEST(found.messages.back().row == 48u);
  what.finished.clear();
  for (std::uint64_t row = 0; row <= 50; ++row)
    what.finished.push_back(row);
  BOOST_TEST(write(*store, what) == "");
  found = store::open_queue(path)->load();
  BOOST_TEST(found.messages.empty());
  BOOST_TEST(found.last_row == 50u);
  BOOST_TEST(store->counts().of.at("durable_bytes") == 0);
}

BOOST_AUTO_TEST_CASE(many_batches_are_one_commit_in_their_order) {
  auto store = store::open_queue(path);
  store->load();
  const auto first = accept(1, 3);
  batch second;
  second.finished = {2};
  second.dead = {letter(2)};
  batch third; // the dead letter is sent again, under its old number
  third.purged = {2};
  third.accepted = {message(2, "other#0")};
  BOOST_TEST(store->write({&first, &second, &third}) == "");
  BOOST_TEST(store->counts().of.at("commits") == 1);
  BOOST_TEST(store->counts().of.at("dead_letters") == 0);
  const auto found = store->load();
  const numbers_t wanted{1, 2, 3};
  BOOST_TEST(rows(found) == wanted, boost::test_tools::per_element());
  BOOST_TEST(found.messages[1].target == "other#0");
}

BOOST_AUTO_TEST_CASE(writing_a_batch_twice_is_the_same_as_once) {
  auto store = store::open_queue(path);
  auto what = accept(1, 10);
  what.dead = {letter(11)};
  what.subscribed = {{"a#0", "ticks.*"}};
  what.entries = {{"g", "k", "1", 1, 0, false}};
  BOOST_TEST(write(*store, what) == "");
  const auto before = store->counts();
  BOOST_TEST(write(*store, what) == "");
  auto after = store->counts();
  for (const char* name : {"durable", "durable_bytes", "dead_letters", "dead_letters_bytes",
                           "state_entries", "state_entries_bytes"})
    BOOST_TEST(after.of.at(name) == before.of.at(name));
}

BOOST_AUTO_TEST_CASE(a_number_is_never_taken_from_another_message) {
  auto store = store::open_queue(path);
  BOOST_TEST(write(*store, accept(1, 1)) == "");
  batch what;
  what.accepted = {message(2), message(1, "a#0", 500)};
  BOOST_TEST(write(*store, what).find("number 1 belongs to another message") != std::string::npos);
  const auto found = store->load();
  BOOST_REQUIRE(found.messages.size() == 1u);
  BOOST_TEST(found.messages[0].body == message(1).body);
  BOOST_TEST(write(*store, accept(2, 1)) == "");
}

BOOST_AUTO_TEST_CASE(subscriptions_and_state_hold) {
  auto store = store::open_queue(path);
  batch what;
  what.subscribed = {{"a#0", "ticks.>"}, {"a#0", "news"}, {"b#0", "news"}};
  what.unsubscribed = {{"a#0", "news"}, {"c#0", "never"}};
  what.entries = {{"", "limit", "10", 1, 0, false},
                  {"market", "limit", "{\"a\":1}", 2, 99, false},
                  {"", "limit", "11", 3, 0, false},
                  {"", "gone", "1", 4, 0, false},
                  {"", "gone", "", 5, 0, true}};
  BOOST_TEST(write(*store, what) == "");
  store = store::open_queue(path);
  const auto found = store->load();
  BOOST_REQUIRE(found.subscriptions.size() == 2u);
  BOOST_TEST(found.subscriptions[0].pattern == "ticks.>");
  BOOST_TEST(found.subscriptions[1].instance == "b#0");
  BOOST_REQUIRE(found.entries.size() == 2u);
  BOOST_TEST(found.entries[0].group == "market");
  BOOST_TEST(found.entries[0].value == "{\"a\":1}");
  BOOST_TEST(found.entries[0].expires == 99);
  BOOST_TEST(found.entries[1].value == "11");
  BOOST_TEST(found.entries[1].version == 3u);
  BOOST_TEST(found.last_state_version == 5u);
  BOOST_TEST(store->counts().of.at("state_entries") == 2);
  BOOST_TEST(store->counts().of.at("state_entries_bytes") == 9);
}

BOOST_AUTO_TEST_CASE(dead_letters_are_found_by_whose_they_are) {
  auto store = store::open_queue(path);
  batch what;
  what.dead = {letter(1, "market/trader#0"), letter(2, "market/trader#1"),
               letter(3, "market/trader2#0"), letter(4, "market/trader"), letter(5, "other#0")};
  BOOST_TEST(write(*store, what) == "");
  const auto find = [&](messaging::dead_letter_query query) {
    numbers_t result;
    for (const auto& x : store->dead_letters(query).items)
      result.push_back(x.row);
    return result;
  };
  const auto same = [](const numbers_t& found, const numbers_t& wanted) {
    BOOST_TEST(found == wanted, boost::test_tools::per_element());
  };
  same(find({}), {5, 4, 3, 2, 1});
  same(find({0, "", 2}), {5, 4});
  same(find({3, "", 1000}), {3});
  same(find({0, "market/trader", 1000}), {4, 2, 1});
  same(find({0, "market/trader#1", 1000}), {2});
  same(find({0, "market/", 1000}), {4, 3, 2, 1});
  same(find({0, "mark", 1000}), {});
  what = {};
  what.purged = {3, 77};
  BOOST_TEST(write(*store, what) == "");
  same(find({0, "market/", 1000}), {4, 2, 1});
  const auto found = store->dead_letters({2, "", 1000});
  BOOST_TEST(found.kept == 4u);
  BOOST_TEST(found.items[0].reason == "expired");
  BOOST_TEST(found.items[0].detail == "its time is over");
  BOOST_TEST(found.items[0].deliveries == 2u);
  BOOST_TEST(found.items[0].body == letter(2).body);
  BOOST_TEST(store::open_queue(path)->load().last_row == 5u);
}

BOOST_AUTO_TEST_CASE(the_oldest_dead_letters_make_room) {
  auto store = store::open_queue(path, {1 << 20, 10, 1000});
  // By age of their end, not of the message.
  for (std::uint64_t i = 1; i <= 25; ++i) {
    batch what;
    what.dead = {letter(100 - i, "a#0", 50)};
    BOOST_TEST(write(*store, what) == "");
  }
  auto found = store->dead_letters(messaging::dead_letter_query{});
  BOOST_TEST(found.kept == 10u);
  BOOST_TEST(found.items.front().row == 75u);
  BOOST_TEST(found.items.back().row == 84u);
  batch what;
  what.dead = {letter(200, "a#0", 800)};
  BOOST_TEST(write(*store, what) == "");
  found = store->dead_letters(messaging::dead_letter_query{});
  BOOST_TEST(found.items.size() == 5u);
  BOOST_TEST(found.items.front().row == 200u);
  BOOST_TEST(store->counts().of.at("dead_letters_bytes") == 1000);
  what.dead = {letter(201, "a#0", 1001)}; // too large for any room
  BOOST_TEST(write(*store, what) == "");
  BOOST_TEST(store->dead_letters(messaging::dead_letter_query{}).kept == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_over_the_bound_is_refused_and_there_is_room_again) {
  auto store = store::open_queue(path, sized(10'000));
  BOOST_TEST(write(*store, accept(1, 60)) == "");
  auto problem = write(*store, accept(61, 41));
  BOOST_TEST(problem.find("6000 bytes wait on disk and 10000 may, these would be 4100 more")
             != std::string::npos);
  BOOST_TEST(store->load().messages.size() == 60u);
  batch freed;
  freed.finished = {1};
  freed.dead = {letter(1)};
  BOOST_TEST(write(*store, freed) == "");
  BOOST_TEST(write(*store, accept(61, 41)) == "");
  auto mixed = accept(102, 1);
  BOOST_TEST(write(*store, mixed) != "");
  mixed.finished = {3}; // makes the room that it takes
  BOOST_TEST(write(*store, mixed) == "");
  // The bound is known in the next life.
  store = store::open_queue(path, sized(10'000));
  BOOST_TEST(write(*store, accept(103, 1)) != "");
  freed.finished = {2};
  freed.dead.clear();
  BOOST_TEST(write(*store, freed) == "");
  BOOST_TEST(write(*store, accept(103, 1)) == "");
}

BOOST_AUTO_TEST_CASE(a_floods_room_goes_back_to_the_disk) {
  auto store = store::open_queue(path);
  for (std::uint64_t i = 0; i < 10; ++i)
    BOOST_REQUIRE(write(*store, accept(1 + i * 100, 100, 60'000)) == "");
  batch what;
  for (std::uint64_t row = 1; row <= 1000; ++row)
    what.finished.push_back(row);
  BOOST_TEST(write(*store, what) == "");
  for (std::uint64_t i = 0; i < 200; ++i)
    BOOST_REQUIRE(write(*store, accept(2000 + i, 1)) == "");
  store.reset(); // which carries the log over
  BOOST_TEST(std::filesystem::file_size(path) < 24u << 20);
  BOOST_TEST(store::open_queue(path)->load().messages.size() == 200u);
}

BOOST_AUTO_TEST_SUITE_END()
