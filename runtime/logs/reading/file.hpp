#pragma once

#include "runtime/logs/reading/index_view.hpp"
#include "runtime/logs/reading/names.hpp"
#include "runtime/os/unique_fd.hpp"

#include <memory>
#include <string_view>
#include <sys/types.h>

namespace troupe::log_reading {

/// Which file it is, whatever it is called by now. Good while the file is open.
struct file_id {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const file_id&) const = default;
};

/// What the name of a file stands for now; nothing when there is no regular file.
std::optional<file_id> identify(const std::string& path);

/// One log file, open for reading.
class log_file {
public:
  /// Nothing when it is not there, or no regular file; `errno` says why.
  static std::shared_ptr<log_file> open(const log_place& place, std::uint32_t number);

  const file_id& id() const { return id_; }
  std::uint64_t size() const;   ///< now
  std::int64_t changed() const; ///< when it was written last, nanoseconds since 1970

  /// Up to `length` bytes from `offset`; 0 at the end, and where it cannot be read.
  std::size_t read(std::uint64_t offset, char* into, std::size_t length) const;

  /// Its index, as it was when it was looked at first or refreshed last.
  const index_view& index();
  void refresh_index();

  /// The number that it was last seen under; for who looks for it.
  std::uint32_t number = 0;

private:
  bool open_log();
  bool open_index();

  log_place place_;
  os::unique_fd fd_;
  file_id id_;
  index_view index_;
  bool index_read_ = false;
};

using log_file_ptr = std::shared_ptr<log_file>;

} // namespace troupe::log_reading
