#pragma once

// What a fleet's store holds, read beside a runtime or after its end. Nothing is written,
// not even the files that SQLite makes for itself.

#include "config/result.hpp"
#include "config/tree.hpp"
#include "messages/records.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace troupe::report {

struct kept {
  std::optional<config::tree> applied; ///< the tree in force
  std::vector<transition> events;      ///< the last ones, oldest first
  std::vector<death> deaths;           ///< the same
};

/// Reads `state.db`. The error says why it cannot be read.
config::expected<kept, std::string> read_kept(const std::string& state, std::size_t events,
                                              std::size_t deaths);

} // namespace troupe::report
