#pragma once

// Values of unit files: specifiers, quoting, times.

#include "config/result.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::importing {

/// What specifiers of one unit stand for, by their letter.
using specifiers = std::map<char, std::string>;

/// Who runs the manager of a unit: root, or for one under systemd/user/ the owner of its file;
/// where that is root's, whoever imports it.
struct unit_manager {
  bool of_user = false;
  unsigned uid = 0;
  std::string name; ///< "root"
  std::string home; ///< empty when the account is not known
  std::string shell;
  unsigned gid = 0;
};
unit_manager manager_of(const std::string& path);

/// Of a unit of that name in this file.
specifiers specifiers_of(const std::string& unit, const std::string& path,
                         const unit_manager& manager);

/// `%i` and `%%` replaced. The error names what is not known.
config::expected<std::string, std::string> with_specifiers(std::string_view text,
                                                           const specifiers& known);

/// What systemd splits into words.
enum class unit_quoting : bool {
  of_lines,  ///< of a unit: with C escapes, and every quote must be closed
  of_values, ///< of a variable: a backslash stands for what follows, and a quote may be left open
};

/// Words with quotes, as systemd splits them; nothing when a quote is left open that must not be.
std::optional<std::vector<std::string>> unit_words(std::string_view text,
                                                   unit_quoting how = unit_quoting::of_lines);

/// "5min 20s", "90", "infinity" in seconds; infinity is negative.
std::optional<double> unit_seconds(std::string_view text);

} // namespace troupe::importing
