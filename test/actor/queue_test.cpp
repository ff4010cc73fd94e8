// The queue gathers, commits once, and tells each what became of its own.

#include "actors/queue.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <deque>
#include <optional>

using namespace troupe;
using namespace troupe::messaging;

namespace {

struct fake_queue_store : message_store {
  queue_contents load() override {
    ++loads;
    queue_contents result;
    result.unreadable = !unreadable.empty();
    result.trouble = unreadable;
    result.last_row = rows;
    return result;
  }
  std::string write(const std::vector<const queue_batch*>& batches) override {
    sizes.push_back(batches.size());
    std::uint64_t added = 0;
    for (const auto* x : batches)
      added += x->accepted.size();
    if (!trouble.empty())
      return trouble;
    if (added > 0 && rows + added > room)
      return "no room";
    for (const auto* x : batches)
      rows = rows + x->accepted.size() - x->finished.size();
    ++commits;
    return {};
  }
  dead_letter_list dead_letters(const dead_letter_query&) override {
    dead_letter_list result;
    result.kept = commits;
    return result;
  }
  std::string spill(const std::vector<spilled>& items) override {
    kept.insert(kept.end(), items.begin(), items.end());
    return trouble;
  }
  spill_list unspill(const std::string& mailbox, std::uint8_t, std::uint32_t count,
                     std::uint64_t) override {
    spill_list result;
    for (; !kept.empty() && kept.front().mailbox == mailbox && count > 0; --count) {
      result.items.push_back(kept.front());
      kept.pop_front();
    }
    return result;
  }
  void drop_spilled(const std::string&) override { kept.clear(); }
  figures counts() override {
    figures result;
    result.set("commits", commits);
    return result;
  }
  std::string notice() override { return {}; }

  std::string trouble;
  std::string unreadable;
  std::uint64_t room = 1'000'000;
  std::uint64_t rows = 0;
  std::vector<std::size_t> sizes; // of each write that was tried
  std::size_t commits = 0;
  int loads = 0;
  std::deque<spilled> kept;
};

struct settings : caf::actor_system_config {
  settings() {
    set("scheduler.policy", caf::atom("testing"));
    set("logger.inline-output", false);
    add_message_types<caf::id_block::troupe_admin>();
    add_message_types<caf::id_block::troupe_actors>();
  }
};

struct fixture {
  fixture() {
    spdlog::set_level(spdlog::level::off);
    queue = system.spawn(troupe::queue, store, false);
  }
  ~fixture() {
    caf::anon_send_exit(queue, caf::exit_reason::kill);
    sched.run();
  }

  // Sends it, as another actor would; the answer is in `answers`, in the order of asking.
  void write(queue_batch batch) {
    const auto place = answers.size();
    answers.emplace_back();
    auto shared = std::make_shared<const queue_batch>(std::move(batch));
    ask([this, place, shared](caf::event_based_actor* self) {
      self->request(queue, std::chrono::seconds{30}, write_atom_v, shared)
          .then([this, place](const std::string& x) { answers[place] = x; },
                [this, place](const caf::error&) { answers[place] = "error"; });
    });
  }

  template <class Function>
  void ask(Function what) {
    system.spawn([what](caf::event_based_actor* self) { what(self); });
  }

  static queue_batch accepting(std::size_t count, std::size_t size = 10) {
    queue_batch result;
    result.accepted.resize(count);
    for (auto& x : result.accepted)
      x.body.assign(size, 'x');
    return result;
  }

  static queue_batch finishing(std::size_t count) {
    queue_batch result;
    result.finished.resize(count);
    return result;
  }

  std::size_t answered(const std::string& with) const {
    return static_cast<std::size_t>(std::count(answers.begin(), answers.end(), with));
  }

  settings config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& sched{
      dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())};
  std::shared_ptr<fake_queue_store> store = std::make_shared<fake_queue_store>();
  queue_actor queue;
  std::deque<std::optional<std::string>> answers;
};

using sizes = std::vector<std::size_t>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(queue_suite, fixture)

BOOST_AUTO_TEST_CASE(what_is_there_at_once_is_one_commit) {
  for (int i = 0; i < 100; ++i)
    write(accepting(2));
  sched.run();
  BOOST_TEST(answered("") == 100u);
  const sizes wanted{100};
  BOOST_TEST(store->sizes == wanted, boost::test_tools::per_element());
  BOOST_TEST(store->rows == 200u);
}

BOOST_AUTO_TEST_CASE(one_that_comes_alone_waits_for_nobody) {
  write(accepting(1));
  sched.run();
  BOOST_TEST(answered("") == 1u);
  write(accepting(1));
  sched.run();
  BOOST_TEST(answered("") == 2u);
  BOOST_TEST(store->commits == 2u);
}

BOOST_AUTO_TEST_CASE(a_commit_is_bounded_by_requests) {
  for (std::size_t i = 0; i < commit_requests + 10; ++i)
    write(accepting(1));
  sched.run();
  const sizes wanted{commit_requests, 10};
  BOOST_TEST(store->sizes == wanted, boost::test_tools::per_element());
  BOOST_TEST(answered("") == commit_requests + 10);
}

BOOST_AUTO_TEST_CASE(a_commit_is_bounded_by_bytes) {
  for (int i = 0; i < 5; ++i)
    write(accepting(1, commit_bytes / 2));
  sched.run();
  const sizes wanted{2, 2, 1};
  BOOST_TEST(store->sizes == wanted, boost::test_tools::per_element());
  BOOST_TEST(answered("") == 5u);
}

BOOST_AUTO_TEST_CASE(nobody_is_told_before_the_commit) {
  write(accepting(1));
  store->trouble = "the disk is on fire";
  sched.run();
  BOOST_TEST(answered("the disk is on fire") == 1u);
  store->trouble.clear();
  write(accepting(1));
  sched.run();
  BOOST_TEST(answered("") == 1u);
}

BOOST_AUTO_TEST_CASE(what_makes_room_is_not_refused_with_what_finds_none) {
  store->room = 10;
  write(accepting(10));
  sched.run();
  write(accepting(3));
  write(finishing(2));
  write(accepting(1));
  write(finishing(1));
  sched.run();
  BOOST_TEST(*answers[1] == "no room");
  BOOST_TEST(*answers[2] == "");
  BOOST_TEST(*answers[3] == "no room");
  BOOST_TEST(*answers[4] == "");
  BOOST_TEST(store->rows == 7u);
}

BOOST_AUTO_TEST_CASE(on_a_broken_disk_everybody_is_told) {
  store->trouble = "input/output error";
  write(accepting(3));
  write(finishing(2));
  sched.run();
  BOOST_TEST(answered("input/output error") == 2u);
}

BOOST_AUTO_TEST_CASE(a_reader_sees_what_was_written_before) {
  write(accepting(5));
  std::uint64_t kept = 0;
  std::uint64_t last_row = 0;
  double commits = 0;
  ask([&](caf::event_based_actor* self) {
    self->request(queue, std::chrono::seconds{30}, query_atom_v, dead_letter_query{})
        .then([&](const dead_letter_list& x) { kept = x.kept; });
    self->request(queue, std::chrono::seconds{30}, view_atom_v)
        .then([&](const queue_contents_ptr& x) { last_row = x->last_row; });
    self->request(queue, std::chrono::seconds{30}, figures_atom_v).then([&](const figures& x) {
      commits = x.of.at("commits");
      BOOST_TEST(x.of.at("requests") == 1);
      BOOST_TEST(x.of.at("largest_commit") == 1);
    });
  });
  sched.run();
  BOOST_TEST(kept == 1u);
  BOOST_TEST(last_row == 5u);
  BOOST_TEST(commits == 1);
  BOOST_TEST(answered("") == 1u);
}

BOOST_AUTO_TEST_CASE(who_cannot_be_answered_yet_is_answered_when_it_can_be_read) {
  store->unreadable = "locked";
  bool read = false;
  ask([&](caf::event_based_actor* self) {
    self->request(queue, std::chrono::seconds{30}, view_atom_v)
        .then([&](const queue_contents_ptr& x) { read = !x->unreadable; });
  });
  sched.run();
  for (int i = 0; i < 5; ++i) {
    sched.advance_time(std::chrono::seconds{1});
    sched.run();
  }
  BOOST_TEST(!read);
  BOOST_TEST(store->loads == 6);
  store->unreadable.clear();
  sched.advance_time(std::chrono::seconds{1});
  sched.run();
  BOOST_TEST(read);
}

BOOST_AUTO_TEST_CASE(who_cannot_be_answered_at_all_gets_an_error) {
  store->unreadable = "locked";
  std::string error;
  ask([&](caf::event_based_actor* self) {
    self->request(queue, std::chrono::seconds{30}, view_atom_v)
        .then([&](const queue_contents_ptr&) { error = "none"; },
              [&](const caf::error& x) { error = caf::to_string(x.context()); });
  });
  sched.run();
  for (int i = 0; i < 25; ++i) {
    sched.advance_time(std::chrono::seconds{1});
    sched.run();
  }
  BOOST_TEST(error.find("locked") != std::string::npos);
  BOOST_TEST(store->loads == 21);
}

BOOST_AUTO_TEST_CASE(spills_go_to_disk_and_back) {
  std::string written = "?";
  std::size_t taken = 0;
  const auto batch = std::make_shared<const std::vector<spilled>>(
      std::vector<spilled>{{"a#0", 2, 0, 0, "1"}, {"a#0", 2, 0, 0, "2"}, {"a#0", 2, 0, 0, "3"}});
  ask([&](caf::event_based_actor* self) {
    self->request(queue, std::chrono::seconds{30}, spill_atom_v, batch)
        .then([&](const std::string& x) { written = x; });
    self->request(queue, std::chrono::seconds{30}, unspill_atom_v, std::string{"a#0"},
                  std::uint8_t{2}, std::uint32_t{2}, std::uint64_t{1000})
        .then([&](const spill_list& x) { taken = x.items.size(); });
  });
  sched.run();
  BOOST_TEST(written == "");
  BOOST_TEST(taken == 2u);
  BOOST_TEST(store->kept.size() == 1u);
  caf::anon_send(queue, drop_atom_v, std::string{"a#0"});
  sched.run();
  BOOST_TEST(store->kept.empty());
}

BOOST_AUTO_TEST_CASE(the_one_that_spills_dies_with_the_queue) {
  caf::anon_send_exit(queue, caf::exit_reason::unhandled_exception);
  sched.run();
  std::weak_ptr<fake_queue_store> gone = std::exchange(store, nullptr);
  BOOST_TEST(gone.expired());
}

BOOST_AUTO_TEST_SUITE_END()
