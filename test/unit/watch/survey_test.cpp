#include "runtime/watch/survey.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <linux/magic.h>
#include <stdlib.h>
#include <string>

using namespace troupe::watch;
namespace fs = std::filesystem;

namespace {

struct fixture {
  fixture() {
    char name[] = "/tmp/troupe-survey-XXXXXX";
    tree = ::mkdtemp(name);
    fs::create_directories(tree / "market");
    std::ofstream{tree / "market/bot.json"} << "{}";
  }
  ~fixture() { fs::remove_all(tree); }

  /// What is wrong when /proc were one of another machine.
  std::string trouble() const {
    return survey(tree.string(), -1, [](std::uint32_t type) { return type == PROC_SUPER_MAGIC; })
        .trouble;
  }

  fs::path tree;
};

constexpr const char* silent = " is on a file system that does not tell";

} // namespace

BOOST_FIXTURE_TEST_SUITE(a_survey, fixture)

BOOST_AUTO_TEST_CASE(knows_file_systems_of_a_network) {
  BOOST_TEST(is_remote(NFS_SUPER_MAGIC));
  BOOST_TEST(!is_remote(TMPFS_MAGIC));
  BOOST_TEST(!is_remote(EXT4_SUPER_MAGIC));
}

BOOST_AUTO_TEST_CASE(finds_them_behind_a_linked_directory) {
  BOOST_TEST(trouble() == "");
  fs::create_directory_symlink("/proc/sys/fs/inotify", tree / "market/linked");
  BOOST_TEST(trouble()
             == "/proc/sys/fs/inotify" + std::string{silent} + " of the edits of other machines");
}

BOOST_AUTO_TEST_CASE(finds_them_behind_a_linked_file) {
  fs::create_symlink("/proc/version", tree / "market/linked.json");
  BOOST_TEST(trouble().find(std::string{"/proc/version"} + silent) == 0u);
}

BOOST_AUTO_TEST_CASE(finds_them_where_a_link_lies) {
  // /proc/mounts leads to self/mounts, and self to the process: links that others may move.
  fs::create_symlink("/proc/self/cwd", tree / "market/linked.json");
  BOOST_TEST(trouble().find(std::string{"/proc"} + silent) == 0u);
}

BOOST_AUTO_TEST_CASE(does_not_mind_a_link_to_what_is_no_config) {
  const auto before = survey(tree.string(), -1).fingerprint;
  fs::create_symlink("/proc/version", tree / "market/linked");
  BOOST_TEST(trouble() == "");
  BOOST_TEST(survey(tree.string(), -1).fingerprint == before);
}

BOOST_AUTO_TEST_SUITE_END()
