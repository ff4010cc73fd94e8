// The day the disk is full, as far as it can be had without a disk of one's own; the rest is
// test/fault/test_s_disk.py.

#include "fixture.hpp"
#include "runtime/store/reserve.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

using namespace troupe;
using namespace troupe::store;

namespace {

constexpr std::uint64_t mebibyte = 1 << 20;
constexpr std::uint64_t more_than_any_disk = 1ull << 60;

} // namespace

BOOST_FIXTURE_TEST_SUITE(reserve, troupe::test::store_fixture)

BOOST_AUTO_TEST_CASE(it_takes_its_blocks_once) {
  const auto file = directory + "/reserve";
  disk_reserve first{file, mebibyte};
  BOOST_TEST(first.ensure());
  struct stat info {};
  BOOST_REQUIRE(stat(file.c_str(), &info) == 0);
  BOOST_TEST(info.st_size == static_cast<off_t>(mebibyte));
  BOOST_TEST(info.st_blocks * 512 >= static_cast<off_t>(mebibyte));
  BOOST_TEST((info.st_mode & 0777) == 0600u);
  const auto inode = info.st_ino;
  // The next life takes it over.
  disk_reserve second{file, mebibyte};
  BOOST_TEST(second.ensure());
  BOOST_REQUIRE(stat(file.c_str(), &info) == 0);
  BOOST_TEST(info.st_ino == inode);
  // There is room: it is for another day.
  BOOST_TEST(!second.release_if_full());
  BOOST_TEST(std::filesystem::exists(file));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_made_is_missing_and_leaves_nothing) {
  disk_reserve large{directory + "/reserve", more_than_any_disk};
  BOOST_TEST(!large.ensure());
  BOOST_TEST(!large.release_if_full());
  BOOST_TEST(!std::filesystem::exists(directory + "/reserve"));
  std::filesystem::create_directory(directory + "/taken");
  disk_reserve taken{directory + "/taken", mebibyte};
  BOOST_TEST(!taken.ensure());
  disk_reserve none{directory + "/none", 0};
  BOOST_TEST(none.ensure());
  BOOST_TEST(!std::filesystem::exists(directory + "/none"));
}

BOOST_AUTO_TEST_CASE(without_it_only_what_the_fleet_does_is_written) {
  options bounds;
  bounds.reserve = more_than_any_disk;
  const auto store = open_store(path, bounds);
  store->load(1);
  journal_batch events;
  events.transitions.push_back(make_transition(1));
  BOOST_TEST(store->write(events, false) == "");
  BOOST_TEST(events.alarm.find("is full") != std::string::npos, events.alarm);
  BOOST_TEST(events.notice.find("is full") != std::string::npos); // once, for the log
  journal_batch change;
  change.audits.emplace_back();
  const auto refused = store->write(change, true);
  BOOST_TEST(refused.find("make room for") != std::string::npos, refused);
  BOOST_TEST(change.audits.front().id == 0u);
  BOOST_TEST(change.notice == "");
  BOOST_TEST(store->events({}).size() == 1u);
}

BOOST_AUTO_TEST_CASE(with_it_all_is_written) {
  options bounds;
  bounds.reserve = mebibyte;
  const auto store = open_store(path, bounds);
  store->load(1);
  journal_batch change;
  change.audits.emplace_back();
  BOOST_TEST(store->write(change, true) == "");
  BOOST_TEST(change.alarm == "");
  BOOST_TEST(change.audits.front().id == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
