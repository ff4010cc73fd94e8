#pragma once

// The output of instances on its way to stdout.

#include "runtime/logs/reading/merge.hpp"
#include "runtime/logs/reading/watcher.hpp"
#include "runtime/shell/log_choice.hpp"
#include "runtime/shell/log_text.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <signal.h>
#include <string>

namespace troupe::shell {

/// Which lines of an instance are shown.
struct log_extent {
  std::optional<std::uint64_t> last; ///< so many; else all
  std::optional<std::int64_t> since; ///< microseconds since 1970
  bool previous = false;             ///< of the process before
};

/// Prints what is kept, and then, if that is wanted, what comes. Holds some blocks of 64 KiB,
/// however much there is; when stdout is slow, nobody waits but this process.
class log_printer {
public:
  struct options {
    std::string logs; ///< the directory
    log_extent extent;
    log_text::form form = log_text::form::plain;
    bool names = false; ///< before the lines, when there are several
    bool follow = false;
    /// Signals that may end it; null: none do.
    const sigset_t* interruptible = nullptr;
    terminal on;
  };

  log_printer(log_choice what, const log_reading::log_listing& files, options given);

  /// Instances of which there is something to show.
  std::size_t known() const { return shown_.size(); }

  /// Prints up to where the files end now. The exit code, or nothing: go on.
  std::optional<int> print_kept();

  /// Goes on until a signal comes or stdout is gone. When `fd`, unless -1, becomes readable,
  /// what was written until then is printed and then what `told` returns; with a
  /// code, it ends.
  int follow(int fd, const std::function<std::optional<int>(std::string& text)>& told);

private:
  void add(const std::string& instance, std::uint64_t incarnation, std::uint32_t highest);
  void add_new();
  void add_by_name(const std::string& instance);
  std::optional<int> print_lines();
  std::optional<int> flush();
  bool interrupted() const;

  log_choice what_;
  options given_;
  log_text text_;
  bool timed_ = false;
  std::size_t block_ = 0;
  log_reading::merged_logs lines_;
  std::map<std::string, log_reading::merged_logs::source*> shown_;
  /// Files that were there and of no instance that is meant: how long they were.
  std::map<std::string, log_reading::log_range> others_;
  std::string out_;
};

} // namespace troupe::shell
