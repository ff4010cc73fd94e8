#pragma once

// The applied states of the config. A tree is kept compressed.

#include "messages/records.hpp"
#include "runtime/store/connection.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::store {

/// What is kept of a tree is neither whole nor plain.
struct damaged_tree : std::runtime_error {
  damaged_tree()
      : std::runtime_error{"a kept tree is damaged"} {}
};

// All that take a connection throw SQLite::Exception, and those that give trees damaged_tree.

/// Writes a version whole, in place of one of the same number.
void write(connection& db, const config_version& x, std::uint64_t run);

/// One version whole, or nothing when it is not kept.
std::optional<config_version> read_version(connection& db, std::uint64_t number);

/// The newest first, without trees and overrides.
std::vector<config_version> last_versions(connection& db, std::uint32_t last);

/// The last one of that run.
std::optional<config_version> applied_in(connection& db, std::uint64_t run);

/// The last healthy one of that run before `number`.
std::optional<config_version> healthy_before(connection& db, std::uint64_t run,
                                             std::uint64_t number);

/// Keeps the last `keep`, and the last healthy one whatever its age.
void drop_versions(connection& db, std::uint64_t keep);

/// A tree as it stands in the table, and back; what is not compressed comes back as it is.
/// `unpacked` throws damaged_tree.
std::string packed(std::string_view tree);
std::string unpacked(std::string_view bytes);

} // namespace troupe::store
