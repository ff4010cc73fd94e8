#pragma once

// Text for terminals: escaping, widths, durations, tables, colour.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::shell {

/// What a bot wrote must not steer the terminal: control characters, and those that
/// turn the direction of writing, are shown as \x1b or \u202e. UTF-8 is kept.
std::string escape(std::string_view text);

/// The same for a line of a file: tabs stay.
std::string escape_line(std::string_view text);

/// The text, escaped, in double quotes, cut when long.
std::string in_quotes(std::string_view text);

std::string upper(std::string_view text);

/// Columns that the text takes: its characters, as each were one wide.
std::size_t width_of(std::string_view text);

/// Cut to that many columns, with «…» at the end when something is missing.
std::string cut(std::string_view text, std::size_t columns);

/// «350ms», «12s», «3m12s», «5h02m», «3d04h».
std::string human_duration(double seconds);

/// «7.3 s» below a minute, else as human_duration.
std::string human_delay(double seconds);

/// «812 B», «1.5 MiB».
std::string human_size(std::uint64_t bytes);

/// «1 instance», «3 instances».
std::string count_of(std::size_t count, std::string_view what);

/// What the terminal at the other end of stdout can do.
struct terminal {
  bool tty = false;
  bool colour = false;     ///< a tty, and NO_COLOR is not set
  std::size_t columns = 0; ///< 0: no limit
};

/// Of stdout, as it is now.
terminal this_terminal();

enum class tone : std::uint8_t { plain, good, busy, bad, faint, strong };

std::string painted(std::string_view text, tone how, const terminal&);

/// A table: columns as wide as their content. Where the terminal is too narrow, the last
/// column is cut, then columns that may be dropped are, from the right, then names are cut.
class table {
public:
  struct cell {
    std::string text; ///< escaped already
    tone how = tone::plain;
  };

  explicit table(std::vector<std::string> heads, std::vector<std::size_t> droppable = {})
      : heads_{std::move(heads)}
      , droppable_{std::move(droppable)} {}

  void add(std::vector<cell> row) { rows_.push_back(std::move(row)); }

  /// Columns that are empty in every row are left out.
  std::string text(const terminal&) const;

private:
  std::vector<std::string> heads_;
  std::vector<std::size_t> droppable_; ///< columns, from the left
  std::vector<std::vector<cell>> rows_;
};

} // namespace troupe::shell
