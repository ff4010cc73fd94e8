#include "runtime/logs/reading/merge.hpp"
#include "runtime/logs/reading/watcher.hpp"
#include "test/unit/logs/log_writer.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <poll.h>
#include <random>

using namespace troupe;
using namespace troupe::log_reading;
using test::log_writer;
using troupe::logs::encode;

namespace {

log_reader whole(const log_writer& writer) {
  const log_history history{writer.place};
  return {history, history.all(), true, 512};
}

} // namespace

BOOST_AUTO_TEST_CASE(lines_of_several_come_in_the_order_of_their_time) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random{seed};
    std::vector<std::unique_ptr<test::temporary>> directories;
    std::vector<log_writer> writers;
    for (int i = 0; i < 5; ++i) {
      directories.push_back(std::make_unique<test::temporary>());
      writers.emplace_back(directories.back()->path);
    }
    std::int64_t time = 1'700'000'000'000'000;
    std::size_t count = 0;
    for (; count < 200; ++count) {
      auto& writer = writers[random() % writers.size()];
      writer.time = time += random() % 3'000'000;
      writer.line("line " + std::to_string(count));
    }
    merged_logs all{true};
    for (std::size_t i = 0; i < writers.size(); ++i)
      all.add(std::to_string(i), whole(writers[i]));
    std::map<std::string, std::vector<std::string>> by_source;
    std::int64_t before = 0;
    while (const auto* one = all.next()) {
      BOOST_TEST_REQUIRE(one->line.time.has_value());
      BOOST_TEST(*one->line.time >= before);
      before = *one->line.time;
      by_source[one->instance].emplace_back(one->line.text);
      --count;
    }
    BOOST_TEST(count == 0u);
    for (std::size_t i = 0; i < writers.size(); ++i) {
      std::vector<std::string> expected;
      for (const auto& line : writers[i].lines)
        expected.push_back(line.text);
      BOOST_TEST(by_source[std::to_string(i)] == expected, boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_clock_that_was_set_back_does_not_turn_lines_around) {
  test::temporary directory;
  log_writer writer{directory.path};
  for (int i = 0; i < 10; ++i) {
    writer.line(std::to_string(i));
    writer.time += i == 5 ? -3'600'000'000 : 2'000'000;
    writer.incarnation += i == 5;
  }
  merged_logs all;
  all.add("a", whole(writer));
  for (int i = 0; i < 10; ++i) {
    const auto* one = all.next();
    BOOST_TEST_REQUIRE(one);
    BOOST_TEST(one->line.text == std::to_string(i));
  }
  BOOST_TEST(!all.next());
  writer.line("more");
  auto& source = *all.sources().front();
  source.reader.follow();
  all.look(source);
  BOOST_TEST_REQUIRE(all.next());
  BOOST_TEST(source.line.text == "more");
}

BOOST_AUTO_TEST_CASE(changes_are_told_by_instance) {
  test::temporary directory;
  std::filesystem::create_directory(directory.path + "/market");
  log_watcher watcher{directory.path};
  const auto wait = [&] {
    pollfd what{watcher.fd(), POLLIN, 0};
    poll(&what, 1, 10'000);
    return watcher.take();
  };
  log_writer::append(directory.path + "/market/feed.0.log", "x\n");
  BOOST_TEST((wait().instances == std::set<std::string>{"market/feed#0"}));
  log_writer::append(directory.path + "/market/feed.0.index", "x\n");
  BOOST_TEST(wait().instances.empty());
  std::filesystem::create_directories(directory.path + "/new/deep");
  BOOST_TEST(wait().anything);
  log_writer::append(directory.path + "/new/deep/bot.3.log", "x\n");
  BOOST_TEST(wait().instances.contains("new/deep/bot#3"));
}
