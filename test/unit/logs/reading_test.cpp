#include "runtime/logs/reading/reader.hpp"
#include "test/unit/logs/log_writer.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <random>
#include <thread>

using namespace troupe;
using namespace troupe::log_reading;
using test::log_writer;
using test::written_line;
using troupe::logs::encode;

namespace std {
ostream& operator<<(ostream& out, const written_line& x) {
  return out << "«" << x.text.substr(0, 40) << "» (" << x.text.size() << ") at " << x.time << " of "
             << x.incarnation;
}
} // namespace std

namespace {

using lines = std::vector<written_line>;

lines read_all(const log_history& history, const log_range& range,
               std::size_t block = longest_line) {
  log_reader reader{history, range, true, block};
  return test::drain(reader, true);
}

lines last(const lines& all, std::size_t count) {
  return {all.end() - static_cast<std::ptrdiff_t>(std::min(count, all.size())), all.end()};
}

std::string text_of(std::size_t i) {
  return "line " + std::to_string(i);
}

#define CHECK_LINES(got, want)                                                                     \
  do {                                                                                             \
    const lines got_ = got;                                                                        \
    const lines want_ = want;                                                                      \
    BOOST_TEST_REQUIRE(got_ == want_, boost::test_tools::per_element());                           \
  } while (false)

constexpr std::uint32_t keep = 40;

struct fixture {
  test::temporary directory;
  log_writer writer{directory.path};
  log_history history{writer.place, keep};
};

/// One random life of a log: lines, silences, deaths, rotations.
void live(log_writer& writer, std::mt19937& random, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    switch (random() % 40) {
    case 0:
      writer.rotate(keep);
      break;
    case 1:
    case 2:
      writer.incarnation += 1 + random() % 3;
      break;
    default:
      writer.time += random() % 700'000;
    }
    const std::size_t length = random() % 50 == 0 ? random() % 70'000 : random() % 30;
    writer.line(std::string(std::min(length, longest_line), static_cast<char>('a' + i % 26)));
  }
}

} // namespace

BOOST_AUTO_TEST_CASE(nothing_is_there) {
  fixture f;
  const auto range = f.history.all();
  BOOST_TEST(!range.begin.file);
  BOOST_TEST(read_all(f.history, range).empty());
  BOOST_TEST(!f.history.last_lines(range, 5).file);
  BOOST_TEST(!f.history.since(range, 0).file);
  BOOST_TEST(!f.history.previous(range, 7));
}

BOOST_AUTO_TEST_CASE(an_unfinished_line_counts_and_comes_when_asked_for) {
  fixture f;
  f.writer.line("one");
  f.writer.write("tw");
  const auto range = f.history.all();
  log_reader reader{f.history, {f.history.last_lines(range, 2), range.end}, false};
  log_line line;
  BOOST_TEST_REQUIRE(reader.next(line));
  BOOST_TEST(line.text == "one");
  BOOST_TEST(!reader.next(line));
  // Who follows waits for its end.
  f.writer.write("o\nthree\n");
  BOOST_TEST(!reader.next(line));
  reader.follow();
  BOOST_TEST_REQUIRE(reader.next(line));
  BOOST_TEST(line.text == "two");
  BOOST_TEST_REQUIRE(reader.next(line));
  BOOST_TEST(line.text == "three");
  BOOST_TEST(!reader.next(line));
}

BOOST_AUTO_TEST_CASE(what_has_no_end_comes_in_pieces) {
  fixture f;
  const std::string flood(3 * longest_line + 5, 'x');
  log_writer::append(f.writer.place.log(0), flood + "\nend\n");
  const auto got = read_all(f.history, f.history.all());
  BOOST_TEST_REQUIRE(got.size() == 5u);
  std::string together;
  for (std::size_t i = 0; i < 4; ++i) {
    BOOST_TEST(got[i].text.size() <= longest_line);
    together += got[i].text;
  }
  BOOST_TEST(together == flood);
  BOOST_TEST(got[4].text == "end");
}

BOOST_AUTO_TEST_CASE(any_bytes_come_as_they_are) {
  fixture f;
  using namespace std::string_literals;
  f.writer.line("\0\x1b]0;x\a\xff\r"s);
  f.writer.line("");
  f.writer.line("\xe2\x82"s);
  CHECK_LINES(read_all(f.history, f.history.all(), 3), f.writer.lines);
}

BOOST_AUTO_TEST_CASE(a_folder_in_place_of_a_log_is_no_log) {
  fixture f;
  std::filesystem::create_directory(f.writer.place.log(0));
  BOOST_TEST(!f.history.all().begin.file);
  BOOST_TEST(list_logs(f.directory.path).instances.contains("bot#0"));
}

BOOST_AUTO_TEST_CASE(logs_are_listed_by_instance) {
  test::temporary directory;
  std::filesystem::create_directories(directory.path + "/market/deep");
  for (const auto* name : {"market/trader.0.log", "market/trader.0.log.3", "market/trader.12.log",
                           "market/trader.0.index", "market/deep/a.b.1.log.2", "no.log", "x.0.lo",
                           "UPPER.0.log", "y.0.log.x", "z.00.log"})
    log_writer::append(directory.path + "/" + name, "");
  const auto found = list_logs(directory.path);
  const std::map<std::string, std::uint32_t> expected{
      {"market/deep/a.b#1", 2}, {"market/trader#0", 3}, {"market/trader#12", 0}};
  BOOST_TEST(found.error == 0);
  BOOST_TEST((found.instances == expected));
  BOOST_TEST(list_logs(directory.path + "/none").error == ENOENT);
}

BOOST_AUTO_TEST_CASE(last_since_and_all_equal_the_naive_answer) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      std::mt19937 random{seed};
      fixture f;
      live(f.writer, random, random() % 300);
      const auto& all = f.writer.lines;
      const auto range = f.history.all();
      CHECK_LINES(read_all(f.history, range, 1 + random() % 5000), all);
      for (int i = 0; i < 10; ++i) {
        const auto count = random() % (all.size() + 3);
        CHECK_LINES(read_all(f.history, {f.history.last_lines(range, count), range.end}),
                    last(all, count));
        const auto time = f.writer.time - static_cast<std::int64_t>(random() % 100'000'000);
        lines after;
        std::ranges::copy_if(all, std::back_inserter(after),
                             [&](const auto& line) { return line.time >= time; });
        const log_range young{f.history.since(range, time), range.end};
        CHECK_LINES(read_all(f.history, young), after);
        CHECK_LINES(read_all(f.history, {f.history.last_lines(young, count), range.end}),
                    last(after, count));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_long_index_is_searched) {
  fixture f;
  std::string log;
  std::string index;
  for (std::size_t i = 0; i < 20'000; ++i) {
    f.writer.time += 2'000'000;
    const auto record = encode({log.size(), f.writer.time, 1 + i / 7000});
    index.append(record.data(), record.size());
    f.writer.lines.push_back({text_of(i), f.writer.time, 1 + i / 7000});
    log += text_of(i) + "\n";
  }
  log_writer::append(f.writer.place.log(0), log);
  log_writer::append(f.writer.place.index(0), index);
  f.writer.touch(f.writer.place.log(0));
  const auto& all = f.writer.lines;
  const auto range = f.history.all();
  for (std::size_t i : {0, 1, 6999, 7000, 15'903, 15'904, 15'905, 19'999}) {
    const log_range young{f.history.since(range, all[i].time), range.end};
    CHECK_LINES(read_all(f.history, young), last(all, all.size() - i));
  }
  CHECK_LINES(read_all(f.history, {f.history.last_lines(range, 5), range.end}), last(all, 5));
  CHECK_LINES(read_all(f.history, *f.history.previous(range, 0)),
              lines(all.begin() + 7000, all.begin() + 14'000));
  // Somebody emptied the log: the records of before count no more, few or many.
  for (const std::size_t kept : {100, 10'000}) {
    std::filesystem::resize_file(f.writer.place.log(0), 0);
    std::filesystem::resize_file(f.writer.place.index(0), 0);
    const auto size = static_cast<std::size_t>(std::find(log.begin(), log.end(), '\n') - log.begin()
                                               + 1); // of the first line
    std::string other;
    lines expected;
    for (std::size_t i = 0; i < kept; ++i) {
      const auto record = encode({i * size, all[i].time + 1, 9});
      other.append(record.data(), record.size());
      expected.push_back({text_of(0), all[i].time + 1, 9});
      log_writer::append(f.writer.place.log(0), text_of(0) + "\n");
    }
    log_writer::append(f.writer.place.index(0), index + other);
    CHECK_LINES(last(read_all(f.history, f.history.all()), 50), last(expected, 50));
  }
}

BOOST_AUTO_TEST_CASE(the_previous_incarnation_equals_the_naive_answer) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      std::mt19937 random{seed};
      fixture f;
      live(f.writer, random, random() % 300);
      const auto& all = f.writer.lines;
      const auto range = f.history.all();
      // The runtime may know of one that has not written yet.
      const std::uint64_t current = random() % 2 ? f.writer.incarnation + 1 : 0;
      const auto newest = std::max(all.empty() ? 0 : all.back().incarnation, current);
      std::uint64_t wanted = 0;
      for (const auto& line : all)
        if (line.incarnation < newest)
          wanted = std::max(wanted, line.incarnation);
      const auto found = f.history.previous(range, current);
      BOOST_TEST_REQUIRE(found.has_value() == (wanted > 0));
      if (!found)
        continue;
      lines expected;
      std::ranges::copy_if(all, std::back_inserter(expected),
                           [&](const auto& line) { return line.incarnation == wanted; });
      CHECK_LINES(read_all(f.history, *found), expected);
      const auto count = random() % (expected.size() + 3);
      CHECK_LINES(read_all(f.history, {f.history.last_lines(*found, count), found->end}),
                  last(expected, count));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_damaged_index_costs_no_line) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      std::mt19937 random{seed};
      fixture f;
      live(f.writer, random, 50 + random() % 200);
      const auto& all = f.writer.lines;
      for (std::uint32_t n = 0; n < keep; ++n) {
        const auto index = f.writer.place.index(n);
        const auto size = log_writer::file_size(index);
        std::string noise(random() % 200, '\0');
        for (auto& c : noise)
          c = static_cast<char>(random());
        switch (random() % 5) {
        case 0:
          std::remove(index.c_str());
          break;
        case 1:
          std::filesystem::exists(index)
              ? std::filesystem::resize_file(index, random() % (size + 1))
              : void();
          break;
        case 2: // records of what never came into the log
          if (std::filesystem::exists(index)) {
            const auto record = encode({1u << 30, f.writer.time, f.writer.incarnation});
            log_writer::append(index, {record.data(), record.size()});
          }
          break;
        case 3:
          log_writer::append(index, noise);
          break;
        default:
          break;
        }
      }
      const auto texts = [](const lines& from) {
        std::vector<std::string> result;
        for (const auto& line : from)
          result.push_back(line.text);
        return result;
      };
      const auto range = f.history.all();
      BOOST_TEST_REQUIRE((texts(read_all(f.history, range, 100)) == texts(all)));
      const auto count = random() % all.size();
      BOOST_TEST_REQUIRE(
          (texts(read_all(f.history, {f.history.last_lines(range, count), range.end}))
           == texts(last(all, count))));
      // Whatever the index says: some end of the output, and no crash.
      for (const auto& begin :
           {f.history.since(range, f.writer.time - 30'000'000),
            f.history.previous(range, 0).value_or(log_range{range.end, range.end}).begin}) {
        const auto got = texts(read_all(f.history, {begin, range.end}));
        if (!got.empty())
          BOOST_TEST(got.back() == all.back().text);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(without_an_index_too_much_is_shown_rather_than_too_little) {
  fixture f;
  for (std::size_t i = 0; i < 100; ++i) {
    f.writer.time += 1'000'000;
    f.writer.line(text_of(i));
    if (i == 49)
      f.writer.rotate(5);
  }
  std::remove(f.writer.place.index(0).c_str());
  std::remove(f.writer.place.index(1).c_str());
  const auto range = f.history.all();
  const auto since = [&](std::int64_t ago) {
    return read_all(f.history, {f.history.since(range, f.writer.time - ago), range.end}).size();
  };
  BOOST_TEST(since(10'000'000) == 50u);
  BOOST_TEST(since(70'000'000) == 100u);
  BOOST_TEST(since(-10'000'000) == 0u);
}

BOOST_AUTO_TEST_CASE(following_loses_and_doubles_nothing) {
  for (unsigned seed = 1; seed <= 80; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      std::mt19937 random{seed};
      fixture f;
      live(f.writer, random, random() % 40);
      const auto range = f.history.all();
      log_reader reader{f.history, {range.end, range.end}, true, 1 + random() % 3000};
      reader.follow();
      const auto before = f.writer.lines.size();
      lines got;
      const auto look = [&] {
        for (auto& line : test::drain(reader))
          got.push_back(std::move(line));
      };
      std::uint32_t rotations = 0;
      for (int i = 0; i < 200; ++i) {
        const auto text = std::string(random() % 60, static_cast<char>('a' + i % 26));
        f.writer.time += 10'000;
        switch (random() % 12) {
        case 0:
          if (rotations < 4) {
            f.writer.rotate(5);
            ++rotations;
          }
          break;
        case 1: // half a line first, which is not shown
          f.writer.write(text);
          look();
          rotations = 0;
          f.writer.line("-" + text);
          f.writer.lines.back().text = text + "-" + text;
          break;
        case 2: // somebody empties the log
          f.writer.line(text);
          look();
          rotations = 0;
          std::filesystem::resize_file(f.writer.place.log(0), 0);
          break;
        case 3: // somebody removes it, and the writer makes another
          f.writer.line(text);
          look();
          rotations = 0;
          std::remove(f.writer.place.log(0).c_str());
          std::remove(f.writer.place.index(0).c_str());
          if (random() % 2)
            look();
          break;
        case 4:
          f.writer.time += 900'000;
          ++f.writer.incarnation;
          break;
        case 5:
        case 6:
          look();
          rotations = 0;
          break;
        default:
          f.writer.line(std::to_string(i) + text);
        }
      }
      look();
      std::vector<std::string> expected;
      std::vector<std::string> texts;
      for (std::size_t i = before; i < f.writer.lines.size(); ++i)
        expected.push_back(f.writer.lines[i].text);
      for (const auto& line : got)
        texts.push_back(line.text);
      BOOST_TEST_REQUIRE(texts == expected, boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(reading_ends_where_it_was_to_end_however_much_is_written) {
  fixture f;
  for (std::size_t i = 0; i < 400; ++i) {
    f.writer.time += 10'000;
    f.writer.line(text_of(i));
    if (i % 100 == 99 && i < 399)
      f.writer.rotate(3);
  }
  const auto range = f.history.all();
  log_reader reader{f.history, range, false, 64};
  log_line line;
  std::vector<std::string> got;
  for (std::size_t i = 0; i < 10 && reader.next(line); ++i)
    got.emplace_back(line.text);
  // Everything is pushed out, and it goes on for as long as somebody reads.
  for (int i = 0; i < 5000; ++i) {
    f.writer.time += 10'000;
    f.writer.line("later");
    if (i % 10 == 0)
      f.writer.rotate(3);
    if (i < 100)
      continue;
    if (!reader.next(line))
      break;
    got.emplace_back(line.text);
  }
  BOOST_TEST(!reader.next(line));
  BOOST_TEST(std::ranges::count(got, "later") == 0);
  // Of what was removed, the files that it had open are there: its own and the last.
  BOOST_TEST_REQUIRE(got.size() == 200u);
  for (std::size_t i = 0; i < 100; ++i) {
    BOOST_TEST(got[i] == text_of(i));
    BOOST_TEST(got[100 + i] == text_of(300 + i));
  }
}

BOOST_AUTO_TEST_CASE(times_are_right_after_the_index_was_cut) {
  fixture f;
  for (std::size_t i = 0; i < 50; ++i) {
    f.writer.time += 1'500'000;
    f.writer.line(text_of(i));
  }
  const auto range = f.history.all();
  log_reader reader{f.history, {range.end, range.end}, true};
  reader.follow();
  // As the runtime does with an index that does not fit its log any more.
  std::filesystem::resize_file(f.writer.place.log(0), 0);
  std::filesystem::resize_file(f.writer.place.index(0), 0);
  f.writer.lines.clear();
  for (std::size_t i = 0; i < 5; ++i) {
    f.writer.time += 1'500'000;
    f.writer.line(text_of(i));
  }
  CHECK_LINES(test::drain(reader), f.writer.lines);
}

BOOST_AUTO_TEST_CASE(following_loses_nothing_however_far_behind) {
  fixture f;
  f.writer.line("first");
  log_reader reader{log_history{f.writer.place}, log_history{f.writer.place}.all(), false};
  reader.follow();
  log_line line;
  BOOST_TEST_REQUIRE(reader.next(line));
  // All within one tick of the clock.
  for (std::size_t i = 0; i < 100; ++i) {
    f.writer.rotate(200);
    f.writer.line(text_of(i));
  }
  for (std::size_t i = 0; i < 100; ++i) {
    BOOST_TEST_REQUIRE(reader.next(line));
    BOOST_TEST_REQUIRE(line.text == text_of(i));
  }
  // The file being read goes, and all before it.
  for (std::size_t i = 0; i < 30; ++i) {
    f.writer.rotate(200);
    f.writer.line(text_of(i));
  }
  for (std::uint32_t n = 30; n <= 200; ++n)
    std::remove(f.writer.place.log(n).c_str());
  for (std::size_t i = 0; i < 30; ++i) {
    BOOST_TEST_REQUIRE(reader.next(line));
    BOOST_TEST_REQUIRE(line.text == text_of(i));
  }
}

// Between the renames of a rotation a name is free, and the file that is to have it is on its way.
BOOST_AUTO_TEST_CASE(following_loses_nothing_while_files_are_being_renamed) {
  constexpr std::size_t count = 5000;
  constexpr std::size_t ahead = 8;
  fixture f;
  f.writer.line(text_of(0));
  std::atomic<std::size_t> read = 0;
  std::jthread writing{[&](const std::stop_token& stopped) {
    for (std::size_t i = 1; i <= count && !stopped.stop_requested(); ++i) {
      while (i > read + ahead && !stopped.stop_requested())
        std::this_thread::yield();
      f.writer.rotate(ahead + 2);
      f.writer.line(text_of(i));
    }
  }};
  log_reader reader{log_history{f.writer.place}, log_history{f.writer.place}.all(), false};
  reader.follow();
  log_line line;
  while (read <= count)
    if (reader.next(line))
      BOOST_TEST_REQUIRE(line.text == text_of(read++));
}

BOOST_AUTO_TEST_CASE(following_begins_before_there_is_a_file) {
  fixture f;
  log_reader reader{f.history, f.history.all(), true};
  reader.follow();
  log_line line;
  BOOST_TEST(!reader.next(line));
  f.writer.line("first");
  f.writer.rotate(3);
  f.writer.line("second");
  CHECK_LINES(test::drain(reader), f.writer.lines);
}

BOOST_AUTO_TEST_CASE(a_log_that_was_emptied_and_has_grown_beyond_is_seen) {
  fixture f;
  for (int i = 0; i < 20; ++i)
    f.writer.line("old " + std::to_string(i));
  const auto range = f.history.all();
  log_reader reader{f.history, {range.end, range.end}, false};
  reader.follow();
  std::filesystem::resize_file(f.writer.place.log(0), 0);
  for (int i = 0; i < 50; ++i)
    f.writer.line("new " + std::to_string(i));
  const auto got = test::drain(reader);
  BOOST_TEST_REQUIRE(got.size() == 50u);
  BOOST_TEST(got.front().text == "new 0");
}

BOOST_AUTO_TEST_CASE(reading_goes_on_in_a_file_that_was_renamed_and_removed) {
  fixture f;
  for (std::size_t i = 0; i < 1000; ++i) {
    f.writer.time += 1000;
    f.writer.line(text_of(i));
    if (i % 300 == 299)
      f.writer.rotate(9);
  }
  const auto range = f.history.all();
  log_reader reader{f.history, range, false, 64};
  log_line line;
  std::size_t count = 0;
  while (count < 350 && reader.next(line))
    BOOST_TEST_REQUIRE(line.text == text_of(count++));
  // Twice, while the reader is in the second file; then its file is removed.
  f.writer.rotate(9);
  f.writer.rotate(9);
  std::remove(f.writer.place.log(4).c_str());
  while (reader.next(line))
    BOOST_TEST_REQUIRE(line.text == text_of(count++));
  BOOST_TEST(count == 1000u);
}
