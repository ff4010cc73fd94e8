// What is written.

#include "config/tree.hpp"
#include "fixture.hpp"
#include "runtime/import/new_tree.hpp"
#include "runtime/import/place_tree.hpp"
#include "runtime/import/pretty.hpp"

#include <sys/stat.h>

using namespace troupe;
using namespace troupe::importing;
namespace fs = std::filesystem;

BOOST_FIXTURE_TEST_SUITE(tree, import_fixture)

BOOST_AUTO_TEST_CASE(what_is_on_disk_is_what_was_checked) {
  import("Procfile", "web: sleep 100\n");
  const auto path = directory + "/tree";
  BOOST_TEST(place_tree(made.tree, path, false).error == "");
  const auto read = config::read_tree(path);
  BOOST_REQUIRE(read);
  BOOST_TEST((read->documents == made.tree.documents));
  struct stat about {};
  BOOST_TEST(stat((path + "/web.json").c_str(), &about) == 0);
  BOOST_TEST((about.st_mode & 07777) == 0600u);
  BOOST_TEST(stat(path.c_str(), &about) == 0);
  BOOST_TEST((about.st_mode & 07777) == 0700u);
  // Nothing is left beside it.
  for (const auto& entry : fs::directory_iterator{directory})
    BOOST_TEST(!entry.path().filename().string().starts_with(".troupe"));
}

BOOST_AUTO_TEST_CASE(nothing_is_written_over) {
  import("Procfile", "web: sleep 100\n");
  const auto path = directory + "/tree";
  write("tree/mine", "x");
  BOOST_TEST(place_tree(made.tree, path, false).error != "");
  BOOST_TEST(fs::exists(path + "/mine"));
  BOOST_TEST(!fs::exists(path + "/web.json"));
  const auto placed = place_tree(made.tree, path, true);
  BOOST_TEST(placed.error == "");
  BOOST_TEST(placed.earlier == path + ".1");
  BOOST_TEST(fs::exists(path + ".1/mine"));
  BOOST_TEST(fs::exists(path + "/web.json"));
  BOOST_TEST(!fs::exists(path + "/mine"));
}

BOOST_AUTO_TEST_CASE(an_empty_directory_stays_the_same_one) {
  import("Procfile", "web: sleep 100\n");
  const auto path = directory + "/tree";
  fs::create_directory(path);
  struct stat before {};
  struct stat after {};
  BOOST_TEST(stat(path.c_str(), &before) == 0);
  BOOST_TEST(place_tree(made.tree, path, false).error == "");
  BOOST_TEST(stat(path.c_str(), &after) == 0);
  BOOST_TEST(before.st_ino == after.st_ino);
  BOOST_TEST(fs::exists(path + "/web.json"));
}

BOOST_AUTO_TEST_CASE(a_new_tree_passes_check) {
  auto made_new = new_tree(directory + "/new", "prices");
  BOOST_TEST(place_tree(made_new, directory + "/new", false).error == "");
  const auto read = config::read_tree(directory + "/new");
  BOOST_REQUIRE(read);
  const auto loaded = config::load(*read);
  BOOST_REQUIRE(loaded.spec);
  BOOST_TEST(loaded.warnings.empty());
  BOOST_TEST(loaded.spec->bots.size() == 1u);
  BOOST_TEST(loaded.spec->runtime.auto_apply);
}

BOOST_AUTO_TEST_CASE(comments_cannot_be_left) {
  import("ecosystem.json", "{\"apps\": [{\"script\": \"a.sh\", \"x\\n\\\"y\\u001b\": 1}]}");
  const auto text = document("a.json");
  BOOST_TEST(text.find('\x1b') == std::string::npos);
  BOOST_TEST(made.loaded.spec != nullptr);
}

BOOST_AUTO_TEST_CASE(short_things_stand_in_one_line) {
  BOOST_TEST(pretty(json::parse(R"({"b": ["x", "y"], "a": {"k": {"l": 1}}})"))
             == "{\n  \"b\": [\"x\", \"y\"],\n  \"a\": {\"k\": {\"l\": 1}}\n}\n");
  BOOST_TEST(pretty(json::object()) == "{}\n");
}

BOOST_AUTO_TEST_SUITE_END()
