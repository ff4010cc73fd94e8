#pragma once

// Reads the output pipes of all bots and puts what comes into their log files (docs/logs.md).
// Two threads: one reads the pipes in rounds, the other writes files, and a bounded hand-over
// is between them. A file that cannot be written holds up nothing but itself.

#include "config/spec.hpp"
#include "runtime/logs/patterns.hpp"
#include "runtime/logs/writer.hpp"
#include "runtime/os/unique_fd.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace troupe::logs {

/// How one source of output is to be treated.
struct source_options {
  config::log_spec log;
  std::vector<std::string> patterns; ///< looked for from the first byte on, see `watch`
  pattern_found found;
  bool adopted = false; ///< an earlier runtime has read from it
};

/// Something for the event log: an instance closed its output, or some of it was dropped.
struct remark {
  std::string instance;
  std::uint64_t incarnation = 0;
  std::string text;
  bool closed = false; ///< «closed its output»: is no news when the process has ended
};

/// Bytes of output of one incarnation, hooks not counted.
struct output_count {
  std::uint64_t read = 0;
  std::uint64_t dropped = 0;
};

struct collector_options {
  std::string state; ///< the state directory; the logs are in `logs/` there
  std::function<void(const remark&)> on_remark;
  std::function<void(const std::string&)> on_trouble;           ///< a sentence for the log
  write_call write;                                             ///< empty: `::write`
  std::chrono::milliseconds patience = std::chrono::seconds{1}; ///< with a writer that is stuck
  std::size_t most_blocks = hand_over::most_blocks;
  std::size_t most_open = 1024; ///< logs open at a time
};

/// Every method may be called from any thread and never waits for a disk. The callbacks are
/// called in the thread that reads, with no lock held; they must be quick.
///
/// A source is named by its instance, `market/trader#0`, or with a suffix for what runs beside
/// the bot, `market/trader#0:on_crash`: both write into the log of the instance.
class collector {
public:
  explicit collector(collector_options options);
  /// As `close`.
  ~collector();
  collector(const collector&) = delete;
  collector& operator=(const collector&) = delete;

  /// Takes the read end of a pipe, makes it non-blocking and reads it until its end or
  /// `remove`. One that is there under this name is finished first, and its tail is kept.
  void add(const std::string& source, std::uint64_t incarnation, os::unique_fd pipe,
           source_options options = {});

  /// From now on.
  void settings(const std::string& source, std::uint64_t incarnation, const config::log_spec& spec);

  /// Looks for each of the patterns (RE2) until it was found once, instead of what was looked
  /// for so far. A pattern that was found before, in this collector's life, is told again at once.
  void watch(const std::string& source, std::uint64_t incarnation,
             std::vector<std::string> patterns, pattern_found found);

  /// The last 20 lines, at most 4 KiB, with what is in the pipe now but was not read yet. A
  /// grandchild that still holds the pipe does not delay it.
  std::string tail(const std::string& source, std::uint64_t incarnation);

  output_count count(const std::string& source, std::uint64_t incarnation) const;

  /// Reads what is in the pipe, closes it and forgets it.
  void remove(const std::string& source, std::uint64_t incarnation);

  /// Bytes that all log files together may have; 0, as before the first call: any number.
  void set_space(std::uint64_t bytes);

  /// Reads no more, writes what was read, and returns when that is done or the time is over.
  /// What is in the pipes stays there for whoever reads them next. No callback comes later.
  void close(std::chrono::milliseconds limit = std::chrono::seconds{2});

private:
  struct state;
  std::shared_ptr<state> state_;
};

} // namespace troupe::logs
