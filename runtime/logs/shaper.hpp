#pragma once

#include "config/spec.hpp"
#include "runtime/logs/lines.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::logs {

/// A newline that lives for ever; known by its address, so there is one in the whole program.
extern const std::string_view lasting_newline;

/// Where shaped output goes.
struct sink {
  /// `raw`: how many bytes of the bot these are. `line_start`: they begin a line.
  virtual void put(std::string_view bytes, std::size_t raw, bool line_start) = 0;

protected:
  ~sink() = default;
};

/// «2026-03-01T12:00:00.000123Z».
std::string format_time(std::int64_t unix_microseconds);

/// Makes of what one source writes what is to stand in its log: holds it to its rate, splits
/// long lines, and gives lines a time or the form of JSON when that is wanted. In plain form
/// without times it copies nothing: all that it puts are parts of what it was fed, and newlines
/// that live for ever.
class shaper {
public:
  shaper(const std::string& instance, std::uint64_t incarnation, const config::log_spec& spec);

  /// From now on. Ends a line that was begun when its form changes.
  void settings(const config::log_spec& spec, sink& out);

  /// Whether nothing is copied.
  bool in_place() const;

  /// `time`: when it was read, Unix microseconds. Returns how many bytes were over the rate.
  std::size_t feed(std::string_view text, std::int64_t time, sink& out);

  /// There is no more: puts what was held back.
  void end(sink& out);

private:
  void shape(std::string_view text, std::int64_t time, sink& out);
  void plain(std::string_view text, sink& out);
  void timed(std::string_view text, std::int64_t time, sink& out);
  void object(std::string_view line, sink& out);
  void end_line(sink& out);
  bool line_begun() const { return column_ > 0 || !line_.empty(); }

  config::log_spec spec_;
  std::string head_;           // of a JSON object, between its time and its text
  std::size_t column_ = 0;     // bytes of the line that was begun
  line_collector line_;        // of JSON
  std::int64_t line_time_ = 0; // when it was begun
  bool skipping_ = false;      // until the next newline
  double tokens_ = 0;          // bytes; a second's worth at most
  std::int64_t filled_ = 0;    // when, Unix microseconds
};

} // namespace troupe::logs
