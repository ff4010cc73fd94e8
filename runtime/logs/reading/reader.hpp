#pragma once

#include "runtime/logs/reading/history.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::log_reading {

/// Longer lines come in pieces of this size.
inline constexpr std::size_t longest_line = 64 * 1024;

/// One line of output, without its newline.
struct log_line {
  std::string_view text; ///< raw bytes; good until the reader is asked again
  /// When it was read from the bot, microseconds since 1970, to about a second; nothing
  /// where no index tells.
  std::optional<std::int64_t> time;
  std::uint64_t incarnation = 0; ///< 0: unknown
};

/// Reads the output of one instance line by line, over the ends of files. It holds at most
/// a block and a line, 128 KiB.
class log_reader {
public:
  /// Without `timed`, lines have no time and the index is not read. `block` is how much is
  /// read at once, in bytes.
  log_reader(log_history history, const log_range& range, bool timed,
             std::size_t block = longest_line);

  /// The next whole line. False: there is none now; of a bounded range that is the end.
  bool next(log_line&);

  /// What stands behind the last newline. For the end of a bounded range.
  bool rest(log_line&);

  /// Goes on past the end of the range from now on, with whatever is written: into the next
  /// file when one was begun, from the beginning of a file that was cut off.
  void follow() { end_.reset(); }

private:
  enum class filled { some, nothing, file_over };
  filled fill();
  filled at_end();
  bool was_replaced() const;
  void take(std::size_t length, std::size_t skip, log_line&);
  void enter(log_file_ptr, std::uint64_t offset);
  void find_time(std::uint64_t offset);
  void know_time(std::uint64_t offset, log_line&);

  log_history history_;
  log_file_ptr file_;
  std::optional<log_position> end_;
  bool timed_;
  std::size_t block_;

  std::vector<char> buffer_; ///< [head_, fill_) was read and not given out
  std::size_t head_ = 0;
  std::size_t seen_ = 0; ///< up to here there is no newline
  std::size_t fill_ = 0;
  std::uint64_t offset_ = 0; ///< in the file, of what is read next
  std::string tail_;         ///< the bytes before `offset_`, to see that they are still there
  log_file_ptr next_file_;   ///< comes when all of this one was given out
  bool restart_ = false;     ///< this one was cut off

  std::optional<logs::index_record> now_; ///< the record that covers the last line
  std::optional<logs::index_record> then_;
  std::uint64_t place_ = 0;   ///< of `then_`
  std::uint64_t edition_ = 0; ///< of the index, when these were found
};

} // namespace troupe::log_reading
