#pragma once

#include "runtime/logs/reading/file.hpp"

#include <cstdint>
#include <optional>

namespace troupe::log_reading {

/// A place in the output of an instance. Without a file: before all that will come.
struct log_position {
  log_file_ptr file;
  std::uint64_t offset = 0;
};

/// From one position up to another.
struct log_range {
  log_position begin;
  log_position end;
};

/// All files of one instance as one stretch of output. Files may be renamed, cut off and
/// removed meanwhile: each is known by what it is, not by its name. Reads blocks of 64 KiB,
/// never a file.
class log_history {
public:
  /// `highest` is the highest number that was seen; gaps between numbers may be up to 16.
  explicit log_history(log_place place, std::uint32_t highest = 0)
      : place_{std::move(place)}
      , highest_{highest} {}

  const log_place& place() const { return place_; }

  log_file_ptr newest() const;
  log_file_ptr oldest() const;
  log_file_ptr older(const log_file&) const;
  /// The file that follows; null when this one is the newest or it cannot be told yet.
  log_file_ptr newer(log_file&) const;
  /// The file that follows, but none beyond `end`: that one, when what lay between is gone.
  log_file_ptr newer(log_file&, const log_file_ptr& end) const;

  /// All that there is now. Both ends without a file when there is nothing.
  log_range all() const;

  /// Where the last `count` lines of the range begin. A line that has not ended counts.
  log_position last_lines(const log_range&, std::uint64_t count) const;

  /// Where that begins which was read at `time` (microseconds since 1970) or later, to
  /// about a second. Where no index tells, by when the file was written last, so that
  /// too much is shown rather than too little.
  log_position since(const log_range&, std::int64_t time) const;

  /// The output of the last incarnation before `current`, or before the last one in the
  /// files when that is later. Nothing when there is none.
  std::optional<log_range> previous(const log_range&, std::uint64_t current) const;

private:
  std::optional<std::uint32_t> number_of(const log_file&) const;
  bool are_neighbours(const log_file&, std::uint32_t older) const;
  log_file_ptr after_removal(const log_file&) const;

  log_place place_;
  mutable std::uint32_t highest_; ///< that was seen
};

} // namespace troupe::log_reading
