#include "runtime/watch/meaning.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/inotify.h>

namespace troupe::watch {

std::ostream& operator<<(std::ostream& out, const meaning& what) {
  return out << (what.told ? static_cast<int>(*what.told) : -1) << (what.survey ? " survey" : "")
             << (what.if_link ? " if it is a link" : "");
}

} // namespace troupe::watch

using namespace troupe::watch;

namespace {

const place in_tree{"/t/market", true, false, {"link.json", ".data"}};
const place root{"/t", true, true, {}};
const place on_the_way{"/", false, false, {"t"}};
const meaning nothing;
const meaning written{haste::writing, false, false};
const meaning written_and_moved{haste::writing, true, false};
const meaning renamed{haste::settled, true, false};

} // namespace

BOOST_AUTO_TEST_SUITE(an_event)

BOOST_AUTO_TEST_CASE(of_config_counts) {
  BOOST_TEST(meaning_of(IN_CLOSE_WRITE, "bot.json", &in_tree) == written);
  BOOST_TEST(meaning_of(IN_ATTRIB, "bot.json", &in_tree) == written);
  BOOST_TEST(meaning_of(IN_DELETE, "bot.json", &in_tree) == written);
  BOOST_TEST(meaning_of(IN_MOVED_FROM, "bot.json", &in_tree) == written);
  BOOST_TEST(meaning_of(IN_CREATE, "bot.json", &in_tree) == written_and_moved);
  BOOST_TEST(meaning_of(IN_MOVED_TO, "bot.json", &in_tree) == renamed);
}

BOOST_AUTO_TEST_CASE(of_what_editors_leave_does_not) {
  for (const auto* name : {".bot.json.swp", ".#bot.json", "bot.json~", "_draft.json", "4913",
                           "bot.json.tmp", "notes.txt", "#bot.json#"})
    for (const std::uint32_t mask : {IN_CLOSE_WRITE, IN_DELETE, IN_MOVED_FROM, IN_ATTRIB})
      BOOST_TEST(meaning_of(mask, name, &in_tree) == nothing, name);
  // It could be a symlink to a directory.
  BOOST_TEST(meaning_of(IN_CREATE, "new", &in_tree) == (meaning{haste::writing, true, true}));
  BOOST_TEST(meaning_of(IN_CREATE, ".new", &in_tree) == nothing);
}

BOOST_AUTO_TEST_CASE(of_a_directory_changes_what_is_watched) {
  BOOST_TEST(meaning_of(IN_CREATE | IN_ISDIR, "sub", &in_tree) == written_and_moved);
  BOOST_TEST(meaning_of(IN_DELETE | IN_ISDIR, "sub", &in_tree) == written_and_moved);
  BOOST_TEST(meaning_of(IN_MOVED_TO | IN_ISDIR, "sub", &in_tree) == renamed);
  BOOST_TEST(meaning_of(IN_CREATE | IN_ISDIR, ".git", &in_tree) == nothing);
  BOOST_TEST(meaning_of(IN_DELETE_SELF, "", &in_tree) == written_and_moved);
  BOOST_TEST(meaning_of(IN_MOVE_SELF, "", &root) == written_and_moved);
}

BOOST_AUTO_TEST_CASE(of_secrets_in_the_root_does_not_count) {
  BOOST_TEST(meaning_of(IN_ATTRIB | IN_ISDIR, "secrets", &root) == nothing);
  BOOST_TEST(meaning_of(IN_ATTRIB | IN_ISDIR, "secrets", &in_tree) == written_and_moved);
}

BOOST_AUTO_TEST_CASE(of_what_leads_on_counts_however_it_is_called) {
  BOOST_TEST(meaning_of(IN_MOVED_TO, ".data", &in_tree) == renamed);
  BOOST_TEST(meaning_of(IN_CREATE | IN_ISDIR, "t", &on_the_way) == written_and_moved);
  BOOST_TEST(meaning_of(IN_CREATE | IN_ISDIR, "u", &on_the_way) == nothing);
  BOOST_TEST(meaning_of(IN_CREATE, "bot.json", &on_the_way) == nothing);
}

BOOST_AUTO_TEST_CASE(that_was_lost_is_made_up_for) {
  BOOST_TEST(meaning_of(IN_Q_OVERFLOW, "", nullptr) == written_and_moved);
}

BOOST_AUTO_TEST_CASE(of_each_write_to_a_log_is_not_even_heard) {
  BOOST_TEST((whole_mask & IN_MODIFY) == 0u);
  BOOST_TEST((way_mask & IN_MODIFY) == 0u);
}

BOOST_AUTO_TEST_CASE(of_what_is_watched_no_more_does_not_count) {
  BOOST_TEST(meaning_of(IN_IGNORED, "", nullptr) == nothing);
  BOOST_TEST(meaning_of(IN_MOVED_TO, "bot.json", nullptr) == nothing);
}

BOOST_AUTO_TEST_SUITE_END()
