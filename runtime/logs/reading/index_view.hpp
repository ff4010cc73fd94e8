#pragma once

#include "runtime/logs/index.hpp"
#include "runtime/os/unique_fd.hpp"

#include <functional>
#include <optional>
#include <string>

namespace troupe::log_reading {

/// The index of one log file as it is now. May be missing, torn or wrong: a torn record is
/// left out, and where offsets fall (the log was cut off), only what follows counts; for that,
/// the last 4096 records are looked at, and some of the others.
class index_view {
public:
  index_view() = default;
  /// Opens it; it has records after `refresh`. One that is not there has none.
  explicit index_view(const std::string& path);

  bool is_open() const { return static_cast<bool>(fd_); }

  /// Looks for what was written since. Reads what is new, in blocks of 64 KiB.
  void refresh();

  /// Another number: records came to count no more, places are counted anew.
  std::uint64_t edition() const { return edition_; }
  std::uint64_t size() const { return count_ - first_; }
  bool empty() const { return size() == 0; }
  /// A record by its place; nothing when it cannot be read (any more).
  std::optional<logs::index_record> at(std::uint64_t place) const;
  std::optional<logs::index_record> last() const;

  /// The first place whose record is not `before`, `size()` when all are.
  std::uint64_t first_not(const std::function<bool(const logs::index_record&)>& before) const;

private:
  void skip_to(std::uint64_t place);

  os::unique_fd fd_;
  std::uint64_t first_ = 0; ///< of the records that count
  std::uint64_t count_ = 0;
  std::uint64_t top_ = 0; ///< the last offset
  std::uint64_t edition_ = 0;
};

} // namespace troupe::log_reading
