#include "test/unit/logs/logs_fixture.hpp"

#include <ctime>
#include <random>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace troupe;
using troupe::test::logs_fixture;
namespace fs = std::filesystem;

namespace {

std::string lines(int from, int to) {
  std::string result;
  for (int i = from; i <= to; ++i)
    result += "line " + std::to_string(i) + '\n';
  return result;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(collector_suite, logs_fixture)

BOOST_AUTO_TEST_CASE(what_a_bot_writes_is_in_its_log) {
  start();
  const std::string raw{"\x1b]0;x\a\0\xff\n", 9};
  const auto before = std::time(nullptr);
  const auto a = add("g/h/a#0", 3);
  const auto b = add("b#12", 4);
  say(a, raw);
  say(b, "hello\nopen end");
  BOOST_TEST(becomes("g/h/a.0.log", raw));
  BOOST_TEST(becomes("b.12.log", "hello\nopen end"));
  const auto mode = [&](const char* name) {
    struct stat info {};
    BOOST_REQUIRE(::lstat(file(name).c_str(), &info) == 0);
    return info.st_mode & 0777;
  };
  BOOST_TEST(mode("") == 0700u);
  BOOST_TEST(mode("g") == 0700u);
  BOOST_TEST(mode("g/h") == 0700u);
  BOOST_TEST(mode("g/h/a.0.log") == 0600u);
  BOOST_TEST(mode("g/h/a.0.index") == 0600u);
  const auto records = index("g/h/a.0.index");
  BOOST_REQUIRE(records.size() == 1u);
  BOOST_TEST(records[0].offset == 0u);
  BOOST_TEST(records[0].incarnation == 3u);
  BOOST_TEST(records[0].time / 1'000'000 >= before);
  BOOST_TEST(records[0].time / 1'000'000 <= std::time(nullptr));
  BOOST_TEST(collector->count("b#12", 4).read == 14u);
  BOOST_TEST(collector->count("b#12", 4).dropped == 0u);
  BOOST_TEST(collector->count("b#12", 5).read == 0u);
  // The bot's own end of the pipe stays as it was.
  BOOST_TEST((::fcntl(a.get(), F_GETFL) & O_NONBLOCK) == 0);
}

BOOST_AUTO_TEST_CASE(the_tail_has_what_is_in_the_pipe) {
  start();
  const auto end = add("a#0", 1);
  for (int i = 0; i < 200; ++i) {
    say(end, lines(i, i));
    BOOST_TEST(collector->tail("a#0", 1) == lines(std::max(0, i - 19), i));
  }
  BOOST_TEST(collector->tail("a#0", 2) == "");
  BOOST_TEST(collector->tail("b#0", 1) == "");
  // And nothing of it is lost or out of order in the log.
  BOOST_TEST(becomes("a.0.log", lines(0, 199)));
}

BOOST_AUTO_TEST_CASE(two_incarnations_share_no_line) {
  start();
  auto first = add("a#0", 1);
  say(first, "half a li");
  BOOST_TEST(becomes("a.0.log", "half a li"));
  say(first, "ne");
  BOOST_TEST(becomes("a.0.log", "half a line"));
  collector->remove("a#0", 1);
  const auto second = add("a#0", 2);
  say(second, "new\n");
  BOOST_TEST(becomes("a.0.log", "half a line\nnew\n"));
  const auto records = index("a.0.index");
  BOOST_REQUIRE(!records.empty());
  BOOST_TEST(records.back().incarnation == 2u);
  BOOST_TEST(records.back().offset == 12u);
}

BOOST_AUTO_TEST_CASE(a_hook_writes_into_the_log_of_its_instance) {
  start();
  const auto bot = add("a#0", 1);
  const auto hook = add("a#0:on_crash", 1);
  say(bot, "the bot's");
  BOOST_TEST(becomes("a.0.log", "the bot's"));
  say(hook, "the hook's\n");
  BOOST_TEST(becomes("a.0.log", "the bot's\nthe hook's\n"));
  BOOST_TEST(collector->tail("a#0:on_crash", 1) == "the hook's\n");
  BOOST_TEST(collector->tail("a#0", 1) == "the bot's");
}

BOOST_AUTO_TEST_CASE(a_new_runtime_goes_on_where_the_old_one_was) {
  start();
  const auto end = add("a#0", 1);
  int copies[2];
  BOOST_REQUIRE(::pipe2(copies, O_CLOEXEC) == 0);
  // As the keeper has it: the same pipe, held elsewhere too.
  os::unique_fd kept{::fcntl(copies[0], F_DUPFD_CLOEXEC, 3)};
  collector->add("b#0", 1, os::unique_fd{copies[0]});
  const os::unique_fd other{copies[1]};
  say(end, "one li");
  say(other, "other\n");
  BOOST_TEST(becomes("a.0.log", "one li"));
  BOOST_TEST(becomes("b.0.log", "other\n"));
  collector.reset();
  say(other, "in the gap\n");
  start();
  logs::source_options adopted;
  adopted.adopted = true;
  collector->add("b#0", 1, std::move(kept), adopted);
  BOOST_TEST(becomes("b.0.log", "other\nin the gap\n"));
  // Of the same incarnation nothing is put between.
  const auto again = add("a#0", 1, adopted);
  say(again, "ne\n");
  BOOST_TEST(becomes("a.0.log", "one line\n"));
}

BOOST_AUTO_TEST_CASE(everything_read_is_written_at_the_end) {
  for (int round = 0; round < 20; ++round) {
    start();
    const auto end =
        add("a#" + std::to_string(round), 1,
            {{1 << 20, 1, false, config::log_spec::line_format::json, {}}, {}, {}, {}});
    say(end, "no end of line");
    BOOST_TEST(
        eventually([&] { return collector->count("a#" + std::to_string(round), 1).read == 14u; }));
    collector->close();
    BOOST_TEST(log("a." + std::to_string(round) + ".log").ends_with("\"no end of line\"}\n"));
  }
}

BOOST_AUTO_TEST_CASE(what_is_removed_is_drained_and_closed) {
  start();
  for (int round = 1; round <= 50; ++round) {
    const auto end = add("a#0", static_cast<std::uint64_t>(round));
    say(end, lines(round, round));
    collector->remove("a#0", static_cast<std::uint64_t>(round));
    BOOST_TEST(collector->tail("a#0", static_cast<std::uint64_t>(round)) == "");
    // Who still holds it learns that nobody reads any more.
    BOOST_TEST(eventually(
        [&] { return ::write(end.get(), "", 0) == 0 && ::write(end.get(), "x", 1) < 0; }));
  }
  BOOST_TEST(eventually([&] { return log("a.0.log").find("line 50\n") != std::string::npos; }));
  for (int round = 1; round <= 50; ++round)
    BOOST_TEST(log("a.0.log").find(lines(round, round)) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_known_source_is_replaced) {
  start();
  const auto old = add("a#0", 1);
  say(old, "old\n");
  const auto now = add("a#0", 1);
  say(now, "new\n");
  BOOST_TEST(collector->tail("a#0", 1) == "old\nnew\n");
  BOOST_TEST(becomes("a.0.log", "old\nnew\n"));
  // Nobody reads the first any more.
  BOOST_TEST(eventually([&] { return ::write(old.get(), "x", 1) < 0; }));
  say(now, "again\n");
  BOOST_TEST(becomes("a.0.log", "old\nnew\nagain\n"));
}

BOOST_AUTO_TEST_CASE(the_end_of_the_output_is_told_once_and_costs_nothing) {
  start();
  auto end = add("a#0", 1);
  say(end, "last\n");
  end.reset();
  BOOST_TEST(noted("a#0@1: closed its output"));
  BOOST_TEST(collector->tail("a#0", 1) == "last\n");
  const auto cpu = [] {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec * 1'000'000 + used.ru_utime.tv_usec
           + used.ru_stime.tv_sec * 1'000'000 + used.ru_stime.tv_usec;
  };
  const auto before = cpu();
  std::this_thread::sleep_for(std::chrono::milliseconds{1500});
  BOOST_TEST(cpu() - before < 150'000); // an open end would wake us all the time
  collector->close();
  BOOST_TEST(count_notes("closed its output") == 1u);
}

BOOST_AUTO_TEST_CASE(an_end_that_an_earlier_runtime_saw_is_no_news) {
  start();
  logs::source_options adopted;
  adopted.adopted = true;
  auto end = add("a#0", 1, adopted);
  end.reset();
  auto other = add("b#0", 1);
  other.reset();
  BOOST_TEST(noted("b#0@1: closed its output"));
  collector->close();
  BOOST_TEST(count_notes("a#0") == 0u);
}

BOOST_AUTO_TEST_CASE(patterns_are_found_from_the_first_byte_on) {
  start();
  const auto found = [this](const std::string& pattern, const std::string& line) {
    note(pattern + " in " + line);
  };
  const auto end = add("a#0", 1, {{}, {"ready on \\d+"}, found, false});
  say(end, "\nready on 80\nready on 81\n");
  BOOST_TEST(noted("ready on \\d+ in ready on 80"));
  // Asked again, it is told again; another one is looked for from now on.
  collector->watch("a#0", 1, {"ready on \\d+", "pool"}, [&](const auto& pattern, const auto& line) {
    note("again " + pattern + " in " + line);
  });
  BOOST_TEST(noted("again ready on \\d+ in ready on 80"));
  say(end, "po");
  say(end, "ol\npool\n");
  BOOST_TEST(noted("again pool in pool"));
  collector->watch("b#0", 1, {"x"}, found);
  collector->close();
  BOOST_TEST(count_notes("ready on 81") == 0u);
  BOOST_TEST(count_notes("again pool") == 1u);
}

BOOST_AUTO_TEST_CASE(settings_are_changed_in_place) {
  start();
  const auto end = add("a#0", 1);
  say(end, "plain\n");
  BOOST_TEST(becomes("a.0.log", "plain\n"));
  config::log_spec spec;
  spec.format = config::log_spec::line_format::json;
  spec.max_size = 4096;
  spec.keep = 1;
  collector->settings("a#0", 1, spec);
  for (int i = 0; i < 100; ++i)
    say(end, lines(i, i));
  BOOST_TEST(eventually([&] { return log("a.0.log").find("line 99\"") != std::string::npos; }));
  BOOST_TEST(fs::exists(file("a.0.log.1")));
  BOOST_TEST(!fs::exists(file("a.0.log.2")));
  BOOST_TEST(fs::file_size(file("a.0.log.1")) <= 4096u);
}

BOOST_AUTO_TEST_CASE(what_is_over_the_rate_is_told) {
  start();
  config::log_spec spec;
  spec.rate = 100;
  const auto end = add("a#0", 1, {spec, {}, {}, false});
  say(end, lines(1000, 1999));
  BOOST_TEST(noted("bytes of output were dropped: it writes more than log.rate"));
  const auto count = collector->count("a#0", 1);
  BOOST_TEST(count.read == 10'000u);
  BOOST_TEST(count.dropped >= 9'700u);
  BOOST_TEST(eventually([&] { return log("a.0.log").size() + count.dropped == 10'000u; }));
}

// Whatever the pieces in which it comes, and however often files are rotated.
BOOST_AUTO_TEST_CASE(nothing_is_lost_or_out_of_order) {
  std::mt19937 dice{7};
  const auto up_to = [&](std::size_t most) {
    return std::uniform_int_distribution<std::size_t>{0, most}(dice);
  };
  start();
  for (std::uint64_t round = 1; round <= 12; ++round) {
    const auto name = "r" + std::to_string(round) + "#0";
    logs::source_options how;
    how.log.max_size = 4096 + up_to(200'000);
    how.log.keep = 900;
    const auto end = add(name, round, how);
    std::string text;
    while (text.size() < 2'000'000)
      text += std::to_string(text.size()) + std::string(up_to(up_to(20) == 0 ? 60'000 : 200), '.')
              + '\n';
    text += "this is the end of it\n";
    for (std::size_t i = 0; i < text.size();) {
      const auto part = std::string_view{text}.substr(i, 1 + up_to(up_to(3) == 0 ? 200'000 : 5000));
      say(end, part);
      i += part.size();
      if (up_to(50) == 0)
        BOOST_TEST(text.substr(0, i).ends_with(collector->tail(name, round)));
    }
    collector->remove(name, round);
    const auto stem = "r" + std::to_string(round) + ".0";
    BOOST_TEST(
        eventually([&] { return log(stem + ".log").ends_with(text.substr(text.size() - 20)); }));
    BOOST_TEST((whole(stem) == text), round);
    std::size_t files = 0;
    for (int i = 1; fs::exists(file(stem + ".log." + std::to_string(i))); ++i, ++files) {
      const auto number = '.' + std::to_string(i);
      BOOST_TEST(fs::file_size(file(stem + ".log" + number))
                     + fs::file_size(file(stem + ".index" + number))
                 <= how.log.max_size);
      const auto records = index(stem + ".index" + number);
      BOOST_REQUIRE(!records.empty());
      BOOST_TEST(records.front().offset == 0u);
      BOOST_TEST(records.front().incarnation == round);
    }
    BOOST_TEST(files >= 5u);
  }
}

BOOST_AUTO_TEST_CASE(many_at_once) {
  start();
  constexpr int bots = 100;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = t; i < bots; i += 4) {
        const auto name = "g/b#" + std::to_string(i);
        for (std::uint64_t life = 1; life <= 3; ++life) {
          int ends[2];
          if (::pipe2(ends, O_CLOEXEC) != 0)
            return;
          collector->add(name, life, os::unique_fd{ends[0]});
          for (int n = 0; n < 20; ++n) {
            const auto text = std::to_string(life) + ' ' + lines(n, n);
            static_cast<void>(::write(ends[1], text.data(), text.size()) > 0);
            collector->tail(name, life);
          }
          ::close(ends[1]);
          collector->count(name, life);
          collector->remove(name, life);
        }
      }
    });
  for (auto& x : threads)
    x.join();
  collector->close(std::chrono::seconds{20});
  std::string expected;
  for (int life = 1; life <= 3; ++life)
    for (int n = 0; n < 20; ++n)
      expected += std::to_string(life) + ' ' + lines(n, n);
  for (int i = 0; i < bots; ++i)
    BOOST_TEST((log("g/b." + std::to_string(i) + ".log") == expected), i);
}

// While many say a little, there are long pauses between rounds: not for one that says much.
BOOST_AUTO_TEST_CASE(a_burst_among_many_is_not_held_back) {
  using namespace std::chrono_literals;
  start();
  constexpr int bots = 300;
  const auto name = [](int i) { return "g/b#" + std::to_string(i); };
  std::vector<os::unique_fd> ends;
  for (int i = 0; i < bots; ++i)
    ends.push_back(add(name(i), 1));
  int said = 0;
  const auto all_say = [&] {
    for (const auto& end : ends)
      say(end, lines(said, said));
    ++said;
  };
  // All have something to say in each round.
  const auto quiet_end = std::chrono::steady_clock::now() + 1s;
  while (std::chrono::steady_clock::now() < quiet_end) {
    all_say();
    BOOST_TEST(collector->tail(name(7), 1).ends_with(lines(said - 1, said - 1)));
    std::this_thread::sleep_for(50ms);
  }
  const auto bursting = add("burst#0", 1);
  const std::string burst(8 << 20, 'x');
  const auto begun = std::chrono::steady_clock::now();
  std::thread burster{[&] { say(bursting, burst + '\n'); }};
  burster.join();
  // A pause for each pipe full would be 50 s.
  BOOST_TEST((std::chrono::steady_clock::now() - begun < 15s));
  all_say();
  collector->watch(name(0), 1, {"^now$"}, [this](const auto&, const auto&) { note("found"); });
  say(ends[0], "now\n");
  BOOST_TEST(noted("found"));
  for (int i = 0; i < bots; ++i)
    collector->remove(name(i), 1);
  collector->remove("burst#0", 1);
  collector->close(20s);
  for (int i = 0; i < bots; ++i)
    BOOST_TEST(
        (log("g/b." + std::to_string(i) + ".log") == lines(0, said - 1) + (i == 0 ? "now\n" : "")),
        i);
  auto text = log("burst.0.log");
  std::erase(text, '\n');
  BOOST_TEST(text.size() == burst.size());
  BOOST_TEST((text == burst));
}

BOOST_AUTO_TEST_SUITE_END()
