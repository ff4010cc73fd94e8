// Files that fill, vanish, move or cannot be written.

#include "runtime/logs/inventory.hpp"
#include "test/unit/logs/logs_fixture.hpp"

#include <atomic>
#include <cerrno>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace troupe;
using troupe::test::logs_fixture;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

config::log_spec sized(std::uint64_t max_size, std::uint32_t keep) {
  config::log_spec result;
  result.max_size = max_size;
  result.keep = keep;
  return result;
}

/// Lines of 100 bytes.
std::string block_of(int number, std::size_t bytes) {
  std::string result;
  for (int i = 0; result.size() < bytes; ++i) {
    auto line = std::to_string(number) + ' ' + std::to_string(i) + ' ';
    result += line + std::string(99 - line.size(), '.') + '\n';
  }
  return result;
}

/// Stands in for `write`, and fails or hangs on order.
struct bad_disk : logs_fixture {
  bad_disk() {
    options.write = [this](int fd, const void* data, std::size_t size) -> ssize_t {
      ++calls;
      while (hangs)
        std::this_thread::sleep_for(1ms);
      std::this_thread::sleep_for(std::chrono::microseconds{delay.load()});
      if (room >= 0 && error != 0) {
        const auto part = std::min<std::size_t>(size, static_cast<std::size_t>(room.load()));
        room -= static_cast<long>(part);
        if (part == 0) {
          errno = error;
          return -1;
        }
        size = part;
      }
      return ::write(fd, data, size);
    };
  }
  ~bad_disk() override { hangs = false; }

  std::atomic<int> calls{0};
  std::atomic<bool> hangs{false};
  std::atomic<int> delay{0}; // microseconds
  std::atomic<int> error{0};
  std::atomic<long> room{0}; // bytes until the error
};

/// How many lines of `text` the bot did not write as a whole: where something was lost, the
/// line before it may be half. All must begin as lines of the bot.
std::size_t half_lines(const std::string& text, const std::string& written) {
  std::size_t result = 0;
  for (std::size_t i = 0, end = 0; i < text.size(); i = end + 1) {
    end = text.find('\n', i);
    BOOST_REQUIRE(end != std::string::npos);
    const auto line = '\n' + text.substr(i, end - i);
    if (written.find(line + '\n') != std::string::npos)
      continue;
    ++result;
    BOOST_TEST(written.find(line) != std::string::npos, line);
  }
  return result;
}

} // namespace

BOOST_AUTO_TEST_SUITE(files_suite)

BOOST_FIXTURE_TEST_CASE(no_more_files_than_wanted, logs_fixture) {
  start();
  const auto end = add("a#0", 1, {sized(8192, 3), {}, {}, false});
  for (int i = 0; i < 20; ++i)
    say(end, block_of(i, 5000));
  BOOST_TEST(eventually([&] { return log("a.0.log").find("19 49 ") != std::string::npos; }));
  for (const auto* name : {"a.0.log", "a.0.log.1", "a.0.log.2", "a.0.log.3", "a.0.index.3"})
    BOOST_TEST(fs::exists(file(name)), name);
  BOOST_TEST(!fs::exists(file("a.0.log.4")));
  BOOST_TEST(whole("a.0").ends_with(block_of(18, 5000) + block_of(19, 5000)));
  // Fewer from now on, and then none at all.
  collector->settings("a#0", 1, sized(8192, 1));
  say(end, block_of(20, 20'000));
  BOOST_TEST(eventually([&] { return log("a.0.log").find("20 199 ") != std::string::npos; }));
  BOOST_TEST(!fs::exists(file("a.0.log.2")));
  BOOST_TEST(!fs::exists(file("a.0.index.2")));
  collector->settings("a#0", 1, sized(8192, 0));
  say(end, block_of(21, 20'000));
  BOOST_TEST(eventually([&] { return log("a.0.log").find("21 199 ") != std::string::npos; }));
  BOOST_TEST(!fs::exists(file("a.0.log.1")));
  BOOST_TEST(space() <= 8192u);
}

BOOST_FIXTURE_TEST_CASE(the_oldest_go_when_all_together_are_too_much, logs_fixture) {
  start();
  collector->set_space(100'000);
  const auto quiet = add("quiet#0", 1, {sized(10'000, 5), {}, {}, false});
  say(quiet, block_of(1, 25'000));
  BOOST_TEST(eventually([&] { return log("quiet.0.log").find("1 249 ") != std::string::npos; }));
  BOOST_TEST(fs::exists(file("quiet.0.log.2")));
  std::this_thread::sleep_for(1100ms); // times of files are looked at by the second
  const auto loud = add("loud#0", 1, {sized(10'000, 100), {}, {}, false});
  say(loud, block_of(2, 80'000));
  BOOST_TEST(eventually([&] { return log("loud.0.log").find("2 799 ") != std::string::npos; }));
  BOOST_TEST(!fs::exists(file("quiet.0.log.2")));
  BOOST_TEST(space() <= 100'000u);
  // As the last of all go the current ones of others, and what comes later begins anew.
  collector->settings("loud#0", 1, sized(1'000'000, 0));
  say(loud, block_of(3, 150'000));
  BOOST_TEST(eventually([&] { return log("loud.0.log").find("3 1499 ") != std::string::npos; }));
  BOOST_TEST(!fs::exists(file("quiet.0.log")));
  BOOST_TEST(space() <= 100'000u);
  say(quiet, "here again\n");
  BOOST_TEST(becomes("quiet.0.log", "here again\n"));
  // A new life counts what is there.
  collector.reset();
  start();
  collector->set_space(50'000);
  const auto again = add("quiet#0", 2);
  say(again, "and again\n");
  BOOST_TEST(eventually([&] { return space() <= 50'000; }));
  BOOST_TEST(becomes("quiet.0.log", "here again\nand again\n"));
}

// As logrotate does, whose names are ours.
BOOST_FIXTURE_TEST_CASE(what_others_rotated_is_kept, logs_fixture) {
  start();
  const auto end = add("a#0", 1, {sized(8192, 5), {}, {}, false});
  say(end, "theirs\n");
  BOOST_TEST(becomes("a.0.log", "theirs\n"));
  fs::rename(file("a.0.log"), file("a.0.log.1"));
  BOOST_TEST(eventually([&] {
    say(end, "more\n");
    return fs::exists(file("a.0.log"));
  }));
  for (int i = 1; i < 4; ++i)
    say(end, block_of(i, 5000));
  BOOST_TEST(eventually([&] { return log("a.0.log").find("3 49 ") != std::string::npos; }));
  BOOST_TEST(log("a.0.log.2").starts_with("theirs\n"));
}

BOOST_FIXTURE_TEST_CASE(what_is_moved_removed_or_truncated_is_made_anew, logs_fixture) {
  start();
  const auto end = add("g/a#0", 1);
  const std::string log_file = file("g/a.0.log");
  int tick = 0;
  const auto write_until = [&](auto done) {
    return eventually([&] {
      say(end, "tick " + std::to_string(tick++) + '\n');
      return done();
    });
  };
  BOOST_TEST(write_until([&] { return fs::exists(log_file); }));
  fs::rename(log_file, path + "/moved");
  BOOST_TEST(write_until([&] { return fs::exists(log_file) && fs::file_size(log_file) > 20; }));
  // The index is about the new one.
  const auto records = index("g/a.0.index");
  BOOST_REQUIRE(!records.empty());
  BOOST_TEST(records.front().offset == 0u);
  fs::remove_all(path + "/logs");
  BOOST_TEST(write_until([&] { return fs::exists(log_file) && fs::file_size(log_file) > 20; }));
  fs::resize_file(log_file, 0);
  BOOST_TEST(write_until([&] {
    const auto now = index("g/a.0.index");
    return now.size() == 1 && now[0].offset == 0 && fs::file_size(log_file) > 0;
  }));
  fs::remove(file("g/a.0.index"));
  BOOST_TEST(write_until([&] { return index("g/a.0.index").size() == 1; }));
  BOOST_TEST(index("g/a.0.index")[0].offset > 0u);
  // No holes, no zeros: what is there are whole lines.
  BOOST_TEST(log("g/a.0.log").find('\0') == std::string::npos);
  BOOST_TEST(log("g/a.0.log").starts_with("tick "));
}

BOOST_FIXTURE_TEST_CASE(what_is_no_file_is_not_written_to, logs_fixture) {
  start();
  fs::create_directories(path + "/logs/dir.0.log");
  BOOST_REQUIRE(::mkfifo(file("fifo.0.log").c_str(), 0600) == 0);
  fs::create_symlink(path + "/elsewhere", file("link.0.log"));
  for (const auto* name : {"dir#0", "fifo#0", "link#0"}) {
    const auto end = add(name, 1);
    say(end, "hello\n");
    const auto stem = std::string{name, 4};
    BOOST_TEST(
        noted("/logs/" + std::string{name}.substr(0, std::string{name}.find('#')) + ".0.log: "));
    BOOST_TEST(noted(std::string{name} + "@1: 6 bytes of output were dropped"));
    BOOST_TEST(collector->tail(name, 1) == "hello\n");
  }
  BOOST_TEST(!fs::exists(path + "/elsewhere"));
  // The others are written, and what is mended too.
  const auto good = add("good#0", 1);
  say(good, "hello\n");
  BOOST_TEST(becomes("good.0.log", "hello\n"));
  const auto end = add("dir#0", 2);
  fs::remove(file("dir.0.log"));
  BOOST_TEST(eventually([&] {
    say(end, "now\n");
    return fs::is_regular_file(file("dir.0.log"));
  }));
  BOOST_TEST(noted("dir.0.log can be written again"));
}

BOOST_FIXTURE_TEST_CASE(an_index_that_does_not_fit_is_cut, logs_fixture) {
  fs::create_directories(path + "/logs");
  test::put(file("a.0.log"), "twelve bytes");
  std::string records;
  for (const std::uint64_t offset : {0, 5, 12, 500}) {
    const auto bytes = logs::encode({offset, 1, 6});
    records.append(bytes.data(), bytes.size());
  }
  test::put(file("a.0.index"), records + "half");
  start();
  const auto end = add("a#0", 7);
  say(end, "new\n");
  BOOST_TEST(becomes("a.0.log", "twelve bytes\nnew\n"));
  const auto now = index("a.0.index");
  BOOST_REQUIRE(now.size() == 3u);
  BOOST_TEST(now[1].offset == 5u);
  BOOST_TEST(now[2].offset == 13u);
  BOOST_TEST(now[2].incarnation == 7u);
}

BOOST_FIXTURE_TEST_CASE(few_descriptors_are_enough, logs_fixture) {
  options.most_open = 3;
  start();
  const auto open_files = [] {
    std::size_t result = 0;
    for (const auto& x : fs::directory_iterator("/proc/self/fd")) {
      std::error_code ignored;
      result += fs::read_symlink(x.path(), ignored).native().find("/logs/") != std::string::npos;
    }
    return result;
  };
  std::vector<os::unique_fd> ends;
  for (int i = 0; i < 20; ++i)
    ends.push_back(add("a#" + std::to_string(i), 1));
  for (int round = 0; round < 10; ++round)
    for (const auto& end : ends)
      say(end, std::to_string(round) + '\n');
  for (int i = 0; i < 20; ++i)
    BOOST_TEST(becomes("a." + std::to_string(i) + ".log", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"));
  BOOST_TEST(open_files() <= 6u);
}

BOOST_FIXTURE_TEST_CASE(a_file_that_may_not_grow_costs_its_own_output_only, logs_fixture) {
  start();
  const auto end = add("a#0", 1);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit low{10'000, before.rlim_max};
  BOOST_REQUIRE(::setrlimit(RLIMIT_FSIZE, &low) == 0);
  const auto text = block_of(1, 30'000);
  say(end, text); // SIGXFSZ would have killed us
  BOOST_TEST(noted("File too large"));
  BOOST_REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  BOOST_TEST(eventually([&] {
    say(end, "later\n");
    return log("a.0.log").ends_with("later\n");
  }));
  const auto count = collector->count("a#0", 1);
  BOOST_TEST(count.dropped >= 20'000u);
  BOOST_TEST(log("a.0.log").substr(0, 9'900) == text.substr(0, 9'900));
}

BOOST_FIXTURE_TEST_CASE(a_full_disk_is_told_once_and_recovers, bad_disk) {
  start();
  const auto a = add("a#0", 1);
  const auto b = add("b#0", 1);
  say(a, "before\n");
  BOOST_TEST(becomes("a.0.log", "before\n"));
  room = 5'030;
  error = ENOSPC;
  std::string written;
  for (int i = 0; i < 50; ++i) {
    const auto text = block_of(i, 2'000);
    written += text;
    say(a, text);
    say(b, text);
    std::this_thread::sleep_for(5ms);
  }
  BOOST_TEST(noted("No space left on device; bots run on"));
  BOOST_TEST(noted("bytes of output were dropped: No space left on device"));
  error = 0;
  BOOST_TEST(eventually([&] {
    say(a, "after\n");
    const std::lock_guard lock{mutex};
    return count_notes("logs: they can be written again; ") > 0;
  }));
  BOOST_TEST(log("a.0.log").ends_with("after\n"));
  collector->close(20s);
  BOOST_TEST(count_notes("No space left on device; bots run on") == 1u);
  BOOST_TEST(count_notes("can be written again") == 1u);
  BOOST_TEST(count_notes("a#0@1: ") == 1u); // at most one a minute
  // What is there are the bot's lines; only the one at which the disk was full may be half.
  const auto count = collector->count("a#0", 1);
  BOOST_TEST(count.dropped > 80'000u);
  const auto text = log("a.0.log");
  const auto halves = half_lines(text, "\nbefore\nafter\n" + written);
  BOOST_TEST(halves <= 1u);
  // Counted to the byte, but for the newline that ends the half.
  BOOST_TEST(count.read - count.dropped == text.size() - halves);
  BOOST_TEST(fs::file_size(file("a.0.index")) % 24 == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_slow_disk_holds_the_bot_back_and_loses_nothing, bad_disk) {
  options.most_blocks = 3;
  delay = 1000;
  start();
  const auto end = add("a#0", 1, {sized(1 << 20, 100), {}, {}, false});
  const auto text = block_of(1, 6'000'000);
  say(end, text);
  collector->remove("a#0", 1);
  collector->close(20s);
  BOOST_TEST((whole("a.0") == text));
}

BOOST_FIXTURE_TEST_CASE(a_disk_that_hangs_holds_up_nobody, bad_disk) {
  options.most_blocks = 3;
  options.patience = 100ms;
  start();
  const auto quiet = add("quiet#0", 1);
  const auto end = add(
      "a#0", 1, {{}, {"^needle"}, [this](const auto&, const auto& line) { note(line); }, false});
  say(end, "before\n");
  BOOST_TEST(becomes("a.0.log", "before\n"));
  hangs = true;
  const auto text = block_of(1, 3'000'000);
  say(end, text); // returns: it is dropped
  say(end, "needle\n");
  BOOST_TEST(noted("needle"));
  say(quiet, "hello\n");
  BOOST_TEST(collector->tail("quiet#0", 1) == "hello\n");
  BOOST_TEST(collector->tail("a#0", 1).ends_with("needle\n"));
  BOOST_TEST(noted("bytes of output were dropped: the disk does not keep up"));
  BOOST_TEST(collector->count("a#0", 1).dropped > 1'000'000u);
  hangs = false;
  BOOST_TEST(eventually([&] {
    say(end, "after\n");
    return log("a.0.log").ends_with("after\n");
  }));
  const auto count = collector->count("a#0", 1);
  BOOST_TEST(eventually([&] {
    const auto now = collector->count("a#0", 1);
    const auto there = log("a.0.log");
    return now.read - now.dropped
           == there.size() - half_lines(there, "\nbefore\nneedle\nafter\n" + text);
  }));
  BOOST_TEST(count.read > text.size());
}

BOOST_FIXTURE_TEST_CASE(the_end_does_not_wait_for_a_disk_that_hangs, bad_disk) {
  hangs = true;
  start();
  const auto end = add("a#0", 1);
  say(end, "hello\n");
  BOOST_TEST(eventually([&] { return calls > 0; }));
  const auto begun = std::chrono::steady_clock::now();
  collector->close(100ms);
  BOOST_TEST((std::chrono::steady_clock::now() - begun < 10s));
  // Its thread ends by itself when it can.
  hangs = false;
  BOOST_TEST(becomes("a.0.log", "hello\n"));
  std::this_thread::sleep_for(50ms);
}

BOOST_AUTO_TEST_CASE(the_oldest_of_all_logs) {
  test::temporary here;
  const auto put = [&](const std::string& name, std::size_t size, std::time_t when) {
    fs::create_directories(fs::path{here.path + '/' + name}.parent_path());
    test::put(here.path + '/' + name, std::string(size, 'x'));
    const timespec times[2]{{when, 0}, {when, 0}};
    BOOST_REQUIRE(::utimensat(AT_FDCWD, (here.path + '/' + name).c_str(), times, 0) == 0);
  };
  put("g/a.0.log", 100, 50);
  put("g/a.0.log.1", 10, 40);
  put("g/a.0.index.1", 1, 40);
  put("g/a.0.log.3", 20, 20);
  put("b.0.log", 5, 45);
  put("b.0.log.1", 30, 30);
  put("notes.txt", 1000, 1);
  logs::inventory all;
  all.scan(here.path);
  BOOST_TEST(all.total() == 166u);
  std::vector<std::string> order;
  while (const auto x = all.oldest("g/a.0")) {
    order.push_back(x->stem + ' ' + std::to_string(x->number));
    all.removed(*x);
  }
  // Number 2 is not there, which costs nothing.
  BOOST_TEST(order == (std::vector<std::string>{"g/a.0 3", "g/a.0 2", "b.0 1", "g/a.0 1", "b.0 0"}),
             boost::test_tools::per_element());
  BOOST_TEST(all.total() == 100u);
  all.resize("g/a.0", 70, 60);
  all.rotated("g/a.0", 2);
  all.resize("g/a.0", 7, 61);
  BOOST_TEST(all.total() == 77u);
  all.rotated("g/a.0", 1);
  BOOST_TEST(all.total() == 7u);
  all.rotated("g/a.0", 0);
  BOOST_TEST(all.total() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
