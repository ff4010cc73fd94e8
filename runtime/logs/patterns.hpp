#pragma once

#include "runtime/logs/lines.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace troupe::logs {

/// Called with a pattern and the line in which it was found, without its newline and at most
/// 4 KiB of it.
using pattern_found = std::function<void(const std::string& pattern, const std::string& line)>;

/// A compiled pattern; the same object for all that have the same text at a time, because
/// many instances wait for the same. Nothing for a text that is no pattern. Any thread.
std::shared_ptr<const re2::RE2> compiled_pattern(const std::string& text);

/// Looks for patterns in the lines of one source until each was found once. A line longer
/// than `max_line` counts as several. Costs nothing when there is nothing to look for.
class pattern_watch {
public:
  /// From now on these are looked for and `found` is told. Of patterns that were found
  /// before, it is told at once.
  void set(const std::vector<std::string>& patterns, pattern_found found);

  void feed(std::string_view text) {
    if (missing_ > 0)
      look(text);
  }

  /// Whether one was not found yet.
  bool waits() const { return missing_ > 0; }

  /// There is no more: a last line without its end counts too.
  void end();

private:
  struct wanted {
    std::string text;
    std::shared_ptr<const re2::RE2> pattern;
    bool found = false;
    std::string line; // in which it was
  };
  void look(std::string_view text);
  void match(std::string_view line);

  std::vector<wanted> wanted_;
  std::size_t missing_ = 0;
  pattern_found found_;
  line_collector line_;
};

} // namespace troupe::logs
