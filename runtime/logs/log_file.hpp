#pragma once

#include "runtime/logs/stream.hpp"
#include "runtime/os/unique_fd.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <sys/types.h>

namespace troupe::logs {

/// `::write`, or what a test puts in its place.
using write_call = std::function<ssize_t(int, const void*, std::size_t)>;

/// The file of one log that is written now, and its index. Every method that returns an int
/// returns 0 or errno. Of the writer's thread.
class log_file {
public:
  using clock = std::chrono::steady_clock;

  /// `folder`: where all logs are. Opens nothing.
  log_file(std::string folder, std::string stem)
      : folder_(std::move(folder))
      , stem_(std::move(stem)) {
    // nop
  }

  const std::string& stem() const { return stem_; }
  bool is_open() const { return static_cast<bool>(log_); }

  /// Opens both files, makes them and their directories when they are not there, and finds out
  /// what was written last. An index that does not fit its log is cut to what does.
  int open();

  /// Whether the files are still the ones of that name, and as long as they were left; when
  /// something else has appended, that is taken over.
  bool in_place();

  void close();

  /// Appends as much as can be written; `done` is how much that was.
  int append(std::string_view bytes, const write_call& write, std::size_t& done);

  /// Says in the index what comes next.
  int note(std::int64_t time, std::uint64_t incarnation, const write_call& write);

  /// Begins anew: the files become number 1 and those before get the next number, up to `keep`;
  /// `known`: how many of these there are. Closes them.
  int rotate(std::uint32_t keep, std::uint32_t known);

  /// Removes the files of that number.
  void remove(std::uint32_t number);

  /// Whether there is a log or an index of that number.
  bool has(std::uint32_t number) const;

  std::uint64_t size() const { return size_; }
  std::uint64_t index_size() const { return index_size_; }
  bool ends_in_line() const { return last_ != '\n'; }

  /// Of the last record; `noted` is false when there is none.
  bool noted() const { return index_size_ > 0; }
  std::int64_t noted_time = 0;
  std::uint64_t incarnation = 0;

  // For the writer to remember.
  std::uint64_t source = 0; ///< the number of the stream that wrote last, 0: not known
  bool lossy = false;       ///< what was to come next was dropped
  bool troubled = false;    ///< told that it cannot be written
  clock::time_point checked{};
  clock::time_point used{};
  clock::time_point retry{};

private:
  std::string path(const std::string& name) const { return folder_ + '/' + name; }
  int open_one(const std::string& name, os::unique_fd& fd);
  int trim_index();

  std::string folder_;
  std::string stem_;
  os::unique_fd log_;
  os::unique_fd index_;
  dev_t device_ = 0;
  ino_t inode_ = 0; // of the log
  std::uint64_t size_ = 0;
  std::uint64_t index_size_ = 0;
  char last_ = '\n';
};

/// Makes the directories that `file` is in, 0700, as far as they are below `base` and not there.
int make_directories(const std::string& base, const std::string& file);

} // namespace troupe::logs
