#include "runtime/os/state_directory.hpp"
#include "test/unit/os/temporary.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <fcntl.h>
#include <map>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace troupe;
using namespace troupe::os;
namespace fs = std::filesystem;

namespace {

environment_lookup variables(std::map<std::string, std::string> all) {
  return [all = std::move(all)](const std::string& name) -> std::optional<std::string> {
    const auto found = all.find(name);
    return found == all.end() ? std::nullopt : std::optional{found->second};
  };
}

mode_t mode_of(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(state_directory_suite, test::temporary)

BOOST_AUTO_TEST_CASE(the_place_is_chosen_by_option_variable_and_user) {
  const auto all = variables({{"TROUPE_STATE", "/t"}, {"XDG_STATE_HOME", "/x"}, {"HOME", "/h"}});
  BOOST_TEST(*choose_state_directory("/o", all, 0) == "/o");
  BOOST_TEST(*choose_state_directory("", all, 0) == "/t");
  BOOST_TEST(*choose_state_directory("", variables({}), 0) == "/var/lib/troupe");
  BOOST_TEST(*choose_state_directory("", variables({{"XDG_STATE_HOME", "/x"}}), 1) == "/x/troupe");
  BOOST_TEST(*choose_state_directory("", variables({{"XDG_STATE_HOME", "x"}, {"HOME", "/h"}}), 1)
             == "/h/.local/state/troupe");
  BOOST_TEST(!choose_state_directory("", variables({}), 1).has_value());
}

BOOST_AUTO_TEST_CASE(it_is_made_with_its_parents_and_mode) {
  const auto old = ::umask(077);
  const auto made = state_directory::open(path + "/a/b/state");
  ::umask(old);
  BOOST_REQUIRE(made.has_value());
  BOOST_TEST(made->path() == path + "/a/b/state");
  BOOST_TEST(mode_of(made->path()) == 0711u);
  BOOST_TEST(made->hash().size() == 16u);
  const auto again = state_directory::open(path + "/a/../a/b/state");
  BOOST_REQUIRE(again.has_value());
  BOOST_TEST(again->hash() == made->hash());
  // Another one at the same path.
  fs::rename(made->path(), path + "/a/b/before");
  const auto other = state_directory::open(path + "/a/b/state");
  BOOST_REQUIRE(other.has_value());
  BOOST_TEST(other->hash() != made->hash());
}

BOOST_AUTO_TEST_CASE(a_foreign_directory_with_files_keeps_its_mode) {
  fs::permissions(path, fs::perms::owner_all);
  test::put(path + "/mine", "");
  BOOST_TEST(state_directory::open(path).has_value());
  BOOST_TEST(mode_of(path) == 0700u);
}

BOOST_AUTO_TEST_CASE(what_was_somebodys_before_it_was_ours_keeps_its_mode) {
  fs::permissions(path, fs::perms::owner_all);
  test::put(path + "/mine", "");
  for (int run = 0; run < 2; ++run) {
    const auto state = state_directory::open(path);
    BOOST_REQUIRE(state.has_value());
    BOOST_TEST(state->lock(::getpid()).has_value());
    BOOST_TEST(state->write_pid(::getpid()) == "");
  }
  BOOST_TEST(mode_of(path) == 0700u);
}

BOOST_AUTO_TEST_CASE(long_paths_are_refused) {
  const auto result = state_directory::open(path + '/' + std::string(80, 'x'));
  BOOST_REQUIRE(!result.has_value());
  BOOST_TEST(result.error().find("at most 80") != std::string::npos);
  BOOST_TEST(!state_directory::open("").has_value());
}

BOOST_AUTO_TEST_CASE(what_others_own_or_may_write_is_refused) {
  fs::create_directory(path + "/open");
  fs::permissions(path + "/open", fs::perms::all);
  const auto open = state_directory::open(path + "/open");
  BOOST_REQUIRE(!open.has_value());
  BOOST_TEST(open.error().find("may be written by others") != std::string::npos);
  BOOST_TEST(mode_of(path + "/open") == 0777u);
  test::put(path + "/file", "");
  BOOST_TEST(!state_directory::open(path + "/file").has_value());
  if (::geteuid() != 0)
    return;
  fs::create_directory(path + "/theirs");
  BOOST_REQUIRE(::chown((path + "/theirs").c_str(), 65534, 65534) == 0);
  const auto theirs = state_directory::open(path + "/theirs");
  BOOST_REQUIRE(!theirs.has_value());
  BOOST_TEST(theirs.error().find("belongs to uid 65534") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(one_life_at_a_time) {
  const auto state = state_directory::open(path);
  BOOST_REQUIRE(state.has_value());
  const auto self = ::getpid();
  auto first = state->lock(self);
  BOOST_REQUIRE(first.has_value());
  BOOST_TEST((::fcntl(first->get(), F_GETFD) & FD_CLOEXEC) != 0);
  const auto second = state->lock(4712);
  BOOST_REQUIRE(!second.has_value());
  BOOST_TEST(second.error().holder == self);
  BOOST_TEST(second.error().message.find("as pid " + std::to_string(self)) != std::string::npos);
  first->reset();
  BOOST_TEST(state->lock(4713).has_value());
}

BOOST_AUTO_TEST_CASE(the_lock_lives_on_in_a_copy_and_dies_with_it) {
  const auto state = state_directory::open(path);
  int ready[2];
  BOOST_REQUIRE(::pipe(ready) == 0);
  const auto child = ::fork();
  if (child == 0) {
    const auto lock = state->lock(::getpid());
    static_cast<void>(::write(ready[1], "x", 1) == 1);
    for (;;)
      ::pause();
  }
  char byte = 0;
  BOOST_REQUIRE(::read(ready[0], &byte, 1) == 1);
  BOOST_TEST(state->lock(1).error().holder == child);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  // A stale file is no lock.
  BOOST_TEST(state->lock(1).has_value());
  ::close(ready[0]);
  ::close(ready[1]);
}

BOOST_AUTO_TEST_CASE(nobody_else_may_open_the_lock) {
  const auto state = state_directory::open(path);
  test::put(path + "/lock", "");
  fs::permissions(path + "/lock", fs::perms{0644}); // as it once was
  BOOST_TEST(state->lock(::getpid()).has_value());
  BOOST_TEST(mode_of(path + "/lock") == 0600u);
  fs::remove(path + "/lock");
  BOOST_TEST(state->lock(::getpid()).has_value());
  BOOST_TEST(mode_of(path + "/lock") == 0600u);
}

BOOST_AUTO_TEST_CASE(a_lock_without_a_living_taker_is_a_lock_still) {
  const auto state = state_directory::open(path);
  const auto dead = ::fork();
  if (dead == 0)
    ::_exit(0);
  ::waitpid(dead, nullptr, 0);
  auto lock = state->lock(dead);
  BOOST_REQUIRE(lock.has_value());
  // Only we have it open, and of ourselves we do not speak.
  auto refused = state->lock(1).error();
  BOOST_TEST(refused.holder == dead);
  BOOST_TEST(refused.message.find("no process that can be seen") != std::string::npos);
  const auto heir = ::fork();
  if (heir == 0)
    for (;;)
      ::pause();
  refused = state->lock(1).error();
  BOOST_TEST(refused.holder == heir);
  BOOST_TEST(refused.message.find("pid " + std::to_string(dead) + ", which took it, is dead")
             != std::string::npos);
  BOOST_TEST(::truncate((path + "/lock").c_str(), 0) == 0);
  refused = state->lock(1).error();
  BOOST_TEST(refused.holder == heir);
  BOOST_TEST(refused.message.find("it does not say who took it") != std::string::npos);
  ::kill(heir, SIGKILL);
  ::waitpid(heir, nullptr, 0);
  BOOST_TEST(state->lock(1).error().holder == unknown_holder);
}

BOOST_AUTO_TEST_CASE(the_pid_file_is_replaced) {
  const auto state = state_directory::open(path);
  BOOST_TEST(state->write_pid(123) == "");
  BOOST_TEST(state->write_pid(45) == "");
  BOOST_TEST(test::get(path + "/runtime.pid") == "45\n");
  BOOST_TEST(!fs::exists(path + "/runtime.pid.new"));
}

BOOST_AUTO_TEST_CASE(a_bot_has_a_directory_of_its_own) {
  const auto state = state_directory::open(path);
  const auto where = state->bot_directory("market/trader#12");
  BOOST_TEST(where == path + "/bots/market/trader.12");
  const auto old = ::umask(077);
  BOOST_TEST(state->make_bot_directory("market/trader#12", ::geteuid(), ::getegid()) == "");
  ::umask(old);
  BOOST_TEST(mode_of(where) == 0700u);
  BOOST_TEST(mode_of(path + "/bots") == 0711u);
  BOOST_TEST(mode_of(path + "/bots/market") == 0711u);
  fs::permissions(where, fs::perms::all);
  BOOST_TEST(state->make_bot_directory("market/trader#12", ::geteuid(), ::getegid()) == "");
  BOOST_TEST(mode_of(where) == 0700u);
  if (::geteuid() != 0)
    return;
  BOOST_TEST(state->make_bot_directory("market/trader#12", 65534, 65534) == "");
  struct stat info {};
  BOOST_REQUIRE(::stat(where.c_str(), &info) == 0);
  BOOST_TEST(info.st_uid == 65534u);
}

BOOST_AUTO_TEST_CASE(no_link_of_a_bot_is_followed) {
  const auto state = state_directory::open(path);
  BOOST_TEST(state->make_bot_directory("a#0", ::geteuid(), ::getegid()) == "");
  fs::remove(path + "/bots/a.0");
  fs::create_directory(path + "/elsewhere");
  fs::create_directory_symlink(path + "/elsewhere", path + "/bots/a.0");
  BOOST_TEST(state->make_bot_directory("a#0", ::geteuid(), ::getegid()) != "");
  fs::create_directory_symlink(path + "/elsewhere", path + "/bots/g");
  BOOST_TEST(state->make_bot_directory("g/b#0", ::geteuid(), ::getegid()) != "");
  BOOST_TEST(fs::is_empty(path + "/elsewhere"));
}

BOOST_AUTO_TEST_SUITE_END()
