// The tree on disk beside what is in force: when it comes by itself, and what is told of it.

#include "test/actor/fleet_world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

struct disk_world : fleet_world {
  /// Somebody edited, or only touched, a file.
  void look(nanoseconds for_so_long = 10s) {
    caf::anon_send(all().config, reload_atom_v, std::string{"edited"}, false);
    advance(for_so_long);
  }

  void hang_up() {
    caf::anon_send(all().config, reload_atom_v, std::string{"HUP"}, true);
    advance(10s);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(disk, disk_world)

BOOST_AUTO_TEST_CASE(an_edit_is_applied_by_itself_only_when_that_is_wanted) {
  begin(two_bots);
  write("b.json", bot("third"));
  look();
  BOOST_TEST(store.versions.size() == 1u);
  BOOST_TEST(standing()["disk"]["state"] == "differs");
  hang_up();
  BOOST_TEST(store.versions.size() == 2u);
  BOOST_TEST(store.versions.back().reason == "HUP");
  BOOST_TEST(store.versions.back().author == "runtime");
  BOOST_TEST(standing()["disk"]["state"] == "same");
  write("runtime.json", R"({"auto_apply": true})");
  hang_up();
  write("b.json", bot("fourth"));
  look();
  BOOST_TEST(store.versions.size() == 4u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(what_was_rolled_back_is_not_applied_by_itself_again) {
  begin({{"runtime.json", R"({"auto_apply": true})"}, {"b.json", bot("other")}});
  write("b.json", bot("crashes"));
  host.of("b#0").lives = 200ms;
  for (int i = 0; i < 5; ++i)
    look();
  BOOST_TEST(store.versions.size() == 3u);
  // Nor by a config actor that was not there then.
  break_actor(all().config);
  advance(1s);
  look();
  BOOST_TEST(store.versions.size() == 3u);
  BOOST_TEST(standing()["disk"]["state"] == "differs");
  BOOST_TEST(standing()["deciding"] == false);
}

BOOST_AUTO_TEST_CASE(a_rollback_is_not_undone_by_a_look_at_the_tree) {
  begin({{"runtime.json", R"({"auto_apply": true})"}, {"b.json", bot("one")}});
  look();
  write("b.json", bot("two"));
  look();
  BOOST_TEST(version() == 2u);
  change("rollback", {{"number", 1}});
  advance(10s);
  BOOST_TEST(version() == 3u);
  look(); // somebody touched a file
  BOOST_TEST(version() == 3u);
  BOOST_TEST(standing()["disk"]["state"] == "differs");
  change("set", {{"bot", "b"}, {"path", "description"}, {"value", "x"}});
  drop(); // nor by the first look of a new runtime, whatever is set
  raise(tree_of(tree));
  advance(2s);
  look();
  BOOST_TEST(version() == 4u);
  write("b.json", bot("three"));
  look();
  BOOST_TEST(version() == 5u);
  write("b.json", bot("two")); // an edit, though of something that was there before
  look();
  BOOST_TEST(version() == 6u);
  // What was edited while no runtime was there to see it.
  drop();
  write("b.json", bot("four"));
  raise(tree_of(tree));
  advance(2s);
  look();
  BOOST_TEST(version() == 7u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_tree_that_is_deleted_in_pieces_is_not_applied_half) {
  begin({{"runtime.json", R"({"auto_apply": true})"},
         {"a.json", bot("one")},
         {"b.json", bot("two")}});
  look(1s);
  const auto whole = tree;
  tree.erase("a.json");
  on_disk = tree_of(tree);
  look(1s);
  BOOST_TEST(version() == 1u);
  tree.erase("b.json");
  write("c.json", bot("three"));
  advance(2s);
  look(1s);
  BOOST_TEST(version() == 1u);
  on_disk = tree_of(tree = whole);
  advance(10s);
  BOOST_TEST(version() == 1u);
  BOOST_TEST(host.spawns("a#0") == 1u);
  tree.erase("a.json");
  on_disk = tree_of(tree);
  look(1s);
  BOOST_TEST(version() == 1u);
  advance(10s);
  BOOST_TEST(version() == 2u);
  BOOST_TEST(host.living("a#0") == 0u);
}

// Whoever watches the tree tells an edit once.
BOOST_AUTO_TEST_CASE(an_edit_that_could_not_be_written_down_is_not_forgotten) {
  begin({{"runtime.json", R"({"auto_apply": true})"}, {"b.json", bot("one")}});
  look();
  store.trouble = "the disk is full";
  write("b.json", bot("two"));
  look();
  advance(5min);
  BOOST_TEST(version() == 1u);
  store.trouble.clear();
  advance(30s);
  BOOST_TEST(version() == 2u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(an_edit_is_not_forgotten_with_the_actor_that_was_told_of_it) {
  begin({{"runtime.json", R"({"auto_apply": true})"}, {"b.json", bot("one")}});
  look();
  write("b.json", bot("two"));
  caf::anon_send(all().config, reload_atom_v, std::string{"edited"}, false);
  break_actor(all().config);
  advance(30s);
  BOOST_TEST(version() == 2u);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(a_tree_that_could_not_be_read_is_read_again) {
  begin({{"runtime.json", R"({"auto_apply": true})"}, {"b.json", bot("one")}});
  look();
  write("b.json", bot("two"));
  const auto edited = std::exchange(on_disk, std::nullopt);
  look();
  BOOST_TEST(standing()["disk"]["state"] == "invalid");
  on_disk = edited;
  advance(30s);
  BOOST_TEST(version() == 2u);
}

BOOST_AUTO_TEST_CASE(a_broken_tree_is_told_once) {
  begin(two_bots);
  write("b.json", "{");
  for (int i = 0; i < 3; ++i)
    look(1s);
  const auto all_said = remarks();
  BOOST_TEST(std::count_if(all_said.begin(), all_said.end(),
                           [](const auto& x) {
                             return x.find("is not valid: b.json:1:") != std::string::npos;
                           })
             == 1);
  BOOST_TEST(standing()["disk"]["problems"].size() == 1u);
  write("b.json", bot("other"));
  look(1s);
  BOOST_TEST(standing()["disk"]["state"] == "same");
  BOOST_TEST(was_said("is what is in force again"));
}

BOOST_AUTO_TEST_SUITE_END()
