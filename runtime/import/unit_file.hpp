#pragma once

// Unit files as systemd.syntax(7) has them, with their drop-ins.

#include "config/result.hpp"
#include "runtime/import/fleet.hpp"
#include "runtime/import/source.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace troupe::importing {

struct unit_entry {
  std::string section; ///< "Service"
  std::string key;
  std::string value; ///< of all its lines; not unquoted
  place where;
};

/// One unit with what its drop-ins add.
struct unit_file {
  std::string name; ///< "foo@bar.service"
  std::vector<unit_entry> entries;

  /// Entries of a key in force: those after the last empty assignment, in order.
  std::vector<const unit_entry*> all(std::string_view section, std::string_view key) const;
  /// The last of them; null without one.
  const unit_entry* find(std::string_view section, std::string_view key) const;
  std::string value(std::string_view section, std::string_view key) const;
};

/// Adds the assignments of one file. The error names the line that is no assignment.
std::optional<failure> parse_unit(const source& from, unit_file& into);

/// Reads what a path means: the file, or of «foo@x.service», where only «foo@.service» is there,
/// that one.
config::expected<source, failure> read_unit_source(const std::string& path);

} // namespace troupe::importing
