#include "runtime/watch/tree_watch.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <stdlib.h>
#include <string>
#include <sys/stat.h>
#include <vector>

using namespace troupe::watch;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// A tree that is watched. Waits are for callbacks; their limit only ends a test that fails.
struct fixture {
  fixture() {
    char name[] = "/tmp/troupe-watch-XXXXXX";
    home = ::mkdtemp(name);
    tree = home / "tree";
    fs::create_directories(tree / "market");
    put("market/bot.json");
  }
  ~fixture() {
    watch.reset();
    fs::remove_all(home);
  }

  void put(const std::string& file, const std::string& text = "{}") {
    std::ofstream{tree / file} << text;
  }

  /// As good editors do.
  void replace(const std::string& file, const std::string& text = "{}") {
    put(file + ".tmp", text);
    fs::rename(tree / (file + ".tmp"), tree / file);
  }

  void begin() {
    tree_watch::options options;
    options.tree = root.empty() ? tree : root;
    options.look = 20ms;
    options.check = check;
    options.on_change = [this] { count(told); };
    options.warn = [this](const std::string& line) {
      const std::lock_guard lock{mutex};
      lines.push_back(line);
      changed.notify_all();
    };
    options.open = [this] {
      errno = EMFILE;
      return broken ? given() : tree_watch::real_inotify();
    };
    // Nobody has looked before, so it is told at once.
    told_after([&] { watch = std::make_unique<tree_watch>(std::move(options)); });
  }

  void count(int& what) {
    const std::lock_guard lock{mutex};
    ++what;
    changed.notify_all();
  }

  void await(int number) {
    std::unique_lock lock{mutex};
    BOOST_TEST_REQUIRE(changed.wait_for(lock, 60s, [&] { return told >= number; }), told);
  }

  int so_far() {
    const std::lock_guard lock{mutex};
    return told;
  }

  /// An edit is told; the edits of before are.
  template <class F>
  void told_after(F edit) {
    const int before = so_far();
    edit();
    await(before + 1);
  }

  void await_line(const std::string& part) {
    std::unique_lock lock{mutex};
    BOOST_TEST_REQUIRE(changed.wait_for(lock, 60s,
                                        [&] {
                                          return !lines.empty()
                                                 && lines.back().find(part) != std::string::npos;
                                        }),
                       part);
  }

  fs::path home;
  fs::path tree;
  fs::path root; ///< what is watched, if not `tree`
  std::chrono::milliseconds check{60'000};
  std::atomic<bool> broken{false};
  std::function<int()> given = [] { return -1; }; ///< in place of an inotify, when `broken`
  std::mutex mutex;
  std::condition_variable changed;
  int told = 0;
  std::vector<std::string> lines;
  std::unique_ptr<tree_watch> watch;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(a_watch, fixture)

BOOST_AUTO_TEST_CASE(tells_of_edits) {
  begin();
  told_after([&] { put("market/bot.json", "{ }"); });
  told_after([&] { replace("market/bot.json"); });
  told_after([&] { fs::permissions(tree / "market/bot.json", fs::perms{0}); });
  told_after([&] { fs::remove(tree / "market/bot.json"); });
  BOOST_TEST(lines.empty());
}

BOOST_AUTO_TEST_CASE(tells_of_an_edit_once_and_of_no_other_files) {
  begin();
  for (int i = 0; i < 50; ++i)
    put("market/notes.txt");
  put(".hidden.json");
  put("_draft.json");
  fs::create_directories(tree / "secrets");
  put("secrets/key.json");
  // Whatever these had to say would be in front of this.
  told_after([&] { replace("market/bot.json"); });
  BOOST_TEST(so_far() == 2);
}

BOOST_AUTO_TEST_CASE(sees_what_is_in_new_directories) {
  begin();
  told_after([&] {
    fs::create_directories(tree / "a/b/c");
    put("a/b/c/bot.json");
  });
  told_after([&] { put("a/b/c/bot.json", "{ }"); });
  told_after([&] { fs::rename(tree / "a/b", tree / "d"); });
  told_after([&] { put("d/c/bot.json", "{  }"); });
}

BOOST_AUTO_TEST_CASE(does_not_follow_what_has_left_the_tree) {
  begin();
  told_after([&] { fs::rename(tree / "market", home / "gone"); });
  std::ofstream{home / "gone/bot.json"} << "{ }";
  told_after([&] { put("other.json"); });
  BOOST_TEST(so_far() == 3);
}

BOOST_AUTO_TEST_CASE(f04_sees_the_swap_of_a_symlink) {
  // As Kubernetes mounts its config maps.
  fs::create_directories(tree / "..v1");
  fs::create_directories(tree / "..v2");
  put("..v1/feed.json");
  put("..v2/feed.json");
  fs::create_directory_symlink("..v1", tree / "..data");
  fs::create_symlink("..data/feed.json", tree / "feed.json");
  begin();
  told_after([&] {
    fs::create_directory_symlink("..v2", tree / "..data_tmp");
    fs::rename(tree / "..data_tmp", tree / "..data");
  });
  told_after([&] { put("..v2/feed.json", "{ }"); });
}

BOOST_AUTO_TEST_CASE(f04_sees_what_is_behind_symlinks) {
  fs::create_directories(home / "elsewhere/deep");
  std::ofstream{home / "elsewhere/deep/bot.json"} << "{}";
  std::ofstream{home / "single"} << "{}";
  fs::create_directory_symlink(home / "elsewhere", tree / "linked");
  fs::create_symlink("../single", tree / "single.json");
  begin();
  told_after([&] { std::ofstream{home / "elsewhere/deep/bot.json"} << "{ }"; });
  told_after([&] { std::ofstream{home / "single"} << "{ }"; });
  told_after([&] { fs::create_directory_symlink(home / "elsewhere", tree / "again"); });
  told_after([&] { fs::remove(tree / "linked"); });
}

BOOST_AUTO_TEST_CASE(f04_sees_another_root_behind_a_symlink) {
  fs::create_directories(home / "releases/2/market");
  fs::rename(tree, home / "releases/1");
  fs::create_directory_symlink("releases/1", home / "tree");
  begin();
  told_after([&] {
    fs::create_directory_symlink("releases/2", home / "next");
    fs::rename(home / "next", home / "tree");
  });
  told_after([&] { put("market/bot.json"); });
}

BOOST_AUTO_TEST_CASE(f09_sees_a_root_that_comes_back) {
  begin();
  told_after([&] { fs::remove_all(tree); });
  told_after([&] {
    fs::create_directories(tree / "market");
    put("market/bot.json");
  });
  told_after([&] { put("market/bot.json", "{ }"); });
  // And one whose directory above has gone too.
  told_after([&] { fs::rename(home, home.string() + "-old"); });
  told_after([&] { fs::rename(home.string() + "-old", home); });
  told_after([&] { put("market/bot.json", "{  }"); });
}

BOOST_AUTO_TEST_CASE(f09_looks_itself_without_inotify) {
  broken = true;
  begin();
  await_line("max_user_instances");
  told_after([&] { put("market/bot.json", "{ }"); });
  told_after([&] { fs::create_directories(tree / "new"); });
  told_after([&] {
    // F17: of the same size, with the time of before.
    struct stat status {};
    BOOST_REQUIRE(::stat((tree / "market/bot.json").c_str(), &status) == 0);
    put("market/bot.json", "{\t}");
    const timespec times[] = {status.st_atim, status.st_mtim};
    BOOST_REQUIRE(::utimensat(AT_FDCWD, (tree / "market/bot.json").c_str(), times, 0) == 0);
  });
  BOOST_TEST(lines.size() == 1u);
  broken = false;
  await_line("again");
  told_after([&] { put("market/bot.json", "{  }"); });
}

BOOST_AUTO_TEST_CASE(f09_tells_of_a_burst_once_where_it_looks_itself) {
  broken = true;
  begin();
  await_line("max_user_instances");
  // Longer than it takes to look, and with less between two writes than until the next look.
  told_after([&] {
    const auto until = std::chrono::steady_clock::now() + 1s;
    for (int i = 0; std::chrono::steady_clock::now() < until; ++i)
      put("market/bot" + std::to_string(i % 500) + ".json", std::to_string(i));
  });
  BOOST_TEST(so_far() == 2);
}

BOOST_AUTO_TEST_CASE(f09_goes_on_without_what_cannot_be_used) {
  broken = true;
  given = [] { return 1 << 20; }; // no file
  begin();
  await_line("cannot be watched: inotify: ");
  told_after([&] { put("market/bot.json", "{ }"); });
  broken = false;
  await_line("again");
}

BOOST_AUTO_TEST_CASE(f09_goes_on_after_what_should_not_happen) {
  broken = true;
  given = [this]() -> int {
    broken = false;
    throw std::runtime_error{"no memory"};
  };
  begin();
  BOOST_TEST(lines.front().find("begins anew: no memory") != std::string::npos);
  await_line("again");
  told_after([&] { put("market/bot.json", "{ }"); });
}

BOOST_AUTO_TEST_CASE(f09_sees_in_time_what_raises_no_event) {
  check = 20ms;
  begin();
  std::ofstream open_for_ever{tree / "market/bot.json", std::ios::app};
  told_after([&] { open_for_ever << " " << std::flush; });
  told_after([&] { open_for_ever << " " << std::flush; });
  BOOST_TEST(lines.empty());
}

BOOST_AUTO_TEST_CASE(does_not_tell_again_of_what_it_has_told) {
  check = 20ms;
  begin();
  told_after([&] { replace("market/bot.json"); });
  told_after([&] { put("market/bot.json", "{  }"); });
  // Some looks later.
  told_after([&] { fs::remove(tree / "market/bot.json"); });
  BOOST_TEST(so_far() == 4);
}

BOOST_AUTO_TEST_CASE(does_not_tell_of_logs_behind_links) {
  fs::create_directories(home / "logs");
  std::ofstream{home / "logs/1.log"} << "";
  std::ofstream{home / "logs/2.log"} << "";
  fs::create_symlink(home / "logs/1.log", tree / "market/current");
  begin();
  for (int i = 0; i < 50; ++i)
    std::ofstream{home / "logs/1.log", std::ios::app} << "x";
  fs::create_symlink(home / "logs/2.log", tree / "market/next");
  fs::rename(tree / "market/next", tree / "market/current");
  told_after([&] { replace("market/bot.json"); });
  BOOST_TEST(so_far() == 2);
}

BOOST_AUTO_TEST_CASE(f09_sees_what_was_lost_in_an_overflow) {
  begin();
  // More than the queue holds, unless it is emptied that fast.
  std::ifstream limit{"/proc/sys/fs/inotify/max_queued_events"};
  int most = 0;
  limit >> most;
  told_after([&] {
    for (int i = 0; i < most / 2; ++i) {
      put("market/a.json");
      put("market/b.json");
    }
    fs::remove(tree / "market/a.json");
    fs::create_directories(tree / "late");
  });
  told_after([&] { put("late/bot.json"); });
}

BOOST_AUTO_TEST_CASE(ends_while_it_waits) {
  begin();
  put("market/bot.json", "{ }");
  watch.reset();
  const int before = so_far();
  begin();
  BOOST_TEST(so_far() == before + 1);
}

BOOST_AUTO_TEST_SUITE_END()
