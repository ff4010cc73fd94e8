#pragma once

#include "runtime/import/fleet.hpp"
#include "runtime/import/source.hpp"
#include "runtime/import/unit_file.hpp"

#include <optional>
#include <string>
#include <vector>

namespace troupe::importing {

/// Services of systemd. They name each other, so all are read before any becomes a bot.
class systemd_units {
public:
  /// Reads a unit and its drop-ins. `path` says its name, «foo@x.service», also where the file
  /// read was «foo@.service».
  std::optional<failure> add(const source& from, const std::string& path);

  /// Makes the bots.
  void import(imported_fleet& fleet);

private:
  struct known_unit {
    unit_file file;
    std::string path;
    std::string bot;     ///< its name here; empty when it is none
    bool starts = false; ///< with the fleet: it is installed, or needed by one that starts
  };

  void see_what_starts();
  void depend(imported_fleet& fleet, known_unit& unit);
  known_unit* find(const std::string& name);

  std::vector<known_unit> units_;
};

} // namespace troupe::importing
