#pragma once

// INI files as Python's configparser reads them for supervisord.

#include "config/result.hpp"
#include "runtime/import/fleet.hpp"
#include "runtime/import/source.hpp"

#include <string>
#include <vector>

namespace troupe::importing {

struct ini_entry {
  std::string key; ///< in lower case
  std::string value;
  place where;
};

struct ini_section {
  std::string name;
  place where;
  std::vector<ini_entry> entries;

  /// The last one of that key, which holds; null without one.
  const ini_entry* find(std::string_view key) const;
};

/// Sections in their order; those of one name are one, as configparser makes it. The error
/// names the line that is no INI.
config::expected<std::vector<ini_section>, failure> parse_ini(const source& from);

} // namespace troupe::importing
