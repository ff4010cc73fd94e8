// The loader answers with what it has loaded or with what is wrong.

#include "actors/loader.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>
#include <spdlog/spdlog.h>

#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace troupe;

namespace {

config::tree tree_of(const std::string& bot) {
  return {"/fleet", "", {{"a.json", bot}}};
}

const std::string fine = R"({"command": ["x"]})";

struct settings : caf::actor_system_config {
  settings() {
    set("scheduler.policy", caf::atom("testing"));
    set("logger.inline-output", false);
    add_message_types<caf::id_block::troupe_admin>();
    add_message_types<caf::id_block::troupe_actors>();
    spdlog::set_level(spdlog::level::off);
  }
};

/// What the test says is there.
struct fake_disk : tree_source {
  config::expected<config::tree, std::vector<config::problem>> read() override {
    if (throws)
      throw std::runtime_error{"no memory"};
    if (!problems.empty())
      return config::unexpected{problems};
    return now;
  }

  config::tree now = tree_of(fine);
  std::vector<config::problem> problems;
  bool throws = false;
};

struct library {
  settings caf_config;
  caf::actor_system system{caf_config};
  caf::scheduler::test_coordinator& sched =
      dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  std::shared_ptr<fake_disk> disk = std::make_shared<fake_disk>();
  loader_actor books = system.spawn(loader, disk);

  ~library() {
    caf::anon_send_exit(books, caf::exit_reason::kill);
    sched.run();
  }

  template <class... Ts>
  candidate_ptr ask(const Ts&... question) {
    candidate_ptr result;
    system.spawn([&](caf::event_based_actor* self) {
      self->request(books, caf::infinite, question...)
          .then([&](const candidate_ptr& x) { result = x; },
                [](const caf::error&) { BOOST_ERROR("the loader failed"); });
    });
    sched.run();
    BOOST_REQUIRE(result);
    return result;
  }
  candidate_ptr read(const config::override_map& overrides = {}) {
    return ask(read_atom_v, overrides);
  }
};

} // namespace

BOOST_AUTO_TEST_CASE(what_is_on_disk_under_overrides) {
  library all;
  const auto plain = all.read();
  BOOST_REQUIRE(plain->loaded.spec);
  BOOST_TEST(plain->loaded.spec->bots.at("a")->instances.size() == 1u);
  BOOST_TEST(plain->hash.size() == 64u);
  BOOST_TEST(all.read()->hash == plain->hash);
  const auto scaled = all.read({{"a", R"({"replicas": 3})"}});
  BOOST_REQUIRE(scaled->loaded.spec);
  BOOST_TEST(scaled->loaded.spec->bots.at("a")->instances.size() == 3u);
  BOOST_TEST(scaled->hash != plain->hash);
  // Spelled another way it is the same.
  BOOST_TEST(all.read({{"a", R"({"replicas":3})"}})->hash == scaled->hash);
  all.disk->now = tree_of(R"({"command": ["y"]})");
  BOOST_TEST(all.read()->hash != plain->hash);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_in_the_answer) {
  library all;
  all.disk->now = tree_of(R"({"command": [)");
  const auto broken = all.read();
  BOOST_TEST(!broken->loaded.spec);
  BOOST_REQUIRE(broken->loaded.errors.size() == 1u);
  BOOST_TEST(broken->loaded.errors.front().file == "a.json");
  BOOST_TEST(broken->unread.empty());
  all.disk->problems = {config::file_problem("", "the disk is gone")};
  const auto gone = all.read();
  BOOST_REQUIRE(gone->unread.size() == 1u);
  BOOST_TEST(gone->unread.front().message == "the disk is gone");
  BOOST_TEST(!gone->loaded.spec);
  all.disk->throws = true;
  BOOST_TEST(all.read()->unread.front().message == "the config could not be loaded: no memory");
  all.disk->throws = false;
  all.disk->problems.clear();
  BOOST_TEST(!all.read({{"a", "no JSON"}})->loaded.spec);
}

BOOST_AUTO_TEST_CASE(another_tree_and_a_kept_version) {
  library all;
  const auto other = make_candidate(tree_of(R"({"command": ["z"]})"), {});
  const auto scaled = all.ask(load_atom_v, other, config::override_map{{"a", R"({"replicas":2})"}});
  BOOST_REQUIRE(scaled->loaded.spec);
  BOOST_TEST(scaled->loaded.spec->bots.at("a")->instances.size() == 2u);
  BOOST_TEST(scaled->loaded.spec->bots.at("a")->instances.front()->command.front() == "z");

  config_version kept;
  kept.tree = config::to_json(scaled->tree);
  kept.overrides = scaled->overrides;
  const auto again = all.ask(load_atom_v, kept);
  BOOST_TEST(again->hash == scaled->hash);
  BOOST_TEST(config::make_plan(side_of(*scaled), side_of(*again)).empty());
  for (const auto* damaged : {"", "{", "[]", R"({"root": 1})"}) {
    kept.tree = damaged;
    BOOST_TEST(!all.ask(load_atom_v, kept)->unread.empty());
  }
  BOOST_TEST(!all.ask(load_atom_v, candidate_ptr{}, config::override_map{})->unread.empty());
}

BOOST_AUTO_TEST_CASE(a_fleet_without_a_tree) {
  library all;
  auto other = all.system.spawn(loader, nullptr);
  std::swap(all.books, other);
  BOOST_TEST(all.read()->unread.size() == 1u);
  caf::anon_send_exit(other, caf::exit_reason::kill);
}

namespace {

/// A mount that does not answer until the gate is opened.
struct hung_disk : tree_source {
  config::expected<config::tree, std::vector<config::problem>> read() override {
    opened.wait();
    return tree_of(fine);
  }

  std::promise<void> gate;
  std::shared_future<void> opened = gate.get_future();
};

} // namespace

BOOST_AUTO_TEST_CASE(a_disk_that_hangs_keeps_nobody_from_loading_what_is_in_memory) {
  settings caf_config;
  caf::actor_system system{caf_config};
  const auto disk = std::make_shared<hung_disk>();
  const auto books = system.spawn<caf::detached>(loader, disk);
  caf::scoped_actor self{system};
  const auto take = [](auto&& pending) {
    candidate_ptr result;
    pending.receive([&](const candidate_ptr& x) { result = x; },
                    [](const caf::error&) { BOOST_ERROR("the loader failed"); });
    BOOST_REQUIRE(result);
    return result;
  };
  const auto read = [&] {
    return self->request(books, caf::infinite, read_atom_v, config::override_map{});
  };
  auto first = read();
  auto second = read();
  const auto refused = take(read());
  BOOST_REQUIRE(refused->unread.size() == 1u);
  BOOST_TEST(refused->unread.front().message
             == "earlier reads of the tree hang; look whether its disk answers");
  const auto other = make_candidate(tree_of(fine), {});
  const auto scaled = take(self->request(books, caf::infinite, load_atom_v, other,
                                         config::override_map{{"a", R"({"replicas":2})"}}));
  BOOST_TEST(scaled->loaded.spec->bots.at("a")->instances.size() == 2u);
  disk->gate.set_value();
  BOOST_TEST(take(std::move(first))->unread.empty());
  BOOST_TEST(take(std::move(second))->unread.empty());
  // They go right after they have answered.
  bool reads_again = false;
  for (int i = 0; i < 100'000 && !reads_again; ++i)
    reads_again = take(read())->unread.empty();
  BOOST_TEST(reads_again);
  caf::anon_send_exit(books, caf::exit_reason::kill);
}

BOOST_AUTO_TEST_CASE(no_text_can_be_taken_for_another) {
  const config::tree one{"/f", "", {{"a.json", "x"}, {"b.json", "y"}}};
  auto other = one;
  other.documents = {{"a.json", "x6:b.json1:y"}};
  BOOST_TEST(config_hash(one, {}) != config_hash(other, {}));
  other = one;
  other.profile = "prod";
  BOOST_TEST(config_hash(one, {}) != config_hash(other, {}));
}
