#pragma once

// Writes logs as the runtime does, and remembers what a reader must find.

#include "runtime/logs/reading/reader.hpp"
#include "test/unit/os/temporary.hpp"

#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <optional>
#include <random>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace troupe::test {

struct written_line {
  std::string text;
  std::int64_t time = 0;
  std::uint64_t incarnation = 0;
  bool operator==(const written_line&) const = default;
};

class log_writer {
public:
  explicit log_writer(const std::string& directory)
      : place{directory + "/bot.0"} {}

  /// Appends bytes that were read at `time`; a record for them unless one is in force.
  void write(const std::string& bytes) {
    const auto size = file_size(place.log(0));
    if (size == 0 || time >= recorded_ + 1'000'000 || incarnation != of_) {
      const auto record = logs::encode({size, time, incarnation});
      append(place.index(0), {record.data(), record.size()});
      recorded_ = time;
      of_ = incarnation;
    }
    append(place.log(0), bytes);
    touch(place.log(0));
  }

  /// One whole line, into `lines` too, with the time of the record in force.
  void line(const std::string& text) {
    write(text + "\n");
    lines.push_back({text, recorded_, of_});
  }

  void rotate(std::uint32_t keep) {
    for (auto n = keep; n-- > 0;) {
      std::rename(place.log(n).c_str(), place.log(n + 1).c_str());
      std::rename(place.index(n).c_str(), place.index(n + 1).c_str());
    }
    std::remove(place.log(keep + 1).c_str());
    append(place.log(0), "");
    of_ = 0;
  }

  /// Sets when a file was written last to now, by our clock.
  void touch(const std::string& file) const {
    const timespec now{time / 1'000'000, time % 1'000'000 * 1000};
    const timespec both[2] = {now, now};
    utimensat(AT_FDCWD, file.c_str(), both, 0);
  }

  static std::uint64_t file_size(const std::string& file) {
    struct stat about {};
    return stat(file.c_str(), &about) == 0 ? static_cast<std::uint64_t>(about.st_size) : 0;
  }

  static void append(const std::string& file, std::string_view bytes) {
    const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    [[maybe_unused]] const auto done = ::write(fd, bytes.data(), bytes.size());
    close(fd);
  }

  log_reading::log_place place;
  std::int64_t time = 1'700'000'000'000'000;
  std::uint64_t incarnation = 1;
  std::vector<written_line> lines;

private:
  std::int64_t recorded_ = 0;
  std::uint64_t of_ = 0;
};

/// All that a reader gives out now.
inline std::vector<written_line> drain(log_reading::log_reader& reader, bool unfinished = false) {
  std::vector<written_line> result;
  log_reading::log_line line;
  while (reader.next(line) || (unfinished && reader.rest(line)))
    result.push_back({std::string{line.text}, line.time.value_or(0), line.incarnation});
  return result;
}

} // namespace troupe::test
