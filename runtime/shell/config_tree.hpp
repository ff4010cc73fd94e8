#pragma once

// The config tree that a command means, as far as the client has to do with it.

#include "config/problem.hpp"
#include "config/result.hpp"
#include "config/tree.hpp"
#include "messages/admin.hpp"
#include "runtime/shell/client.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace troupe::shell {

/// A tree to send, or why it cannot be.
struct sent_tree {
  std::string directory; ///< absolute
  /// Nothing when it is the very tree that the fleet runs: the runtime reads it itself.
  std::optional<config::tree> tree;
  std::string packed;                    ///< what travels of it
  std::vector<config::problem> problems; ///< why it cannot be read; then there is no tree
};

/// Reads the tree in `directory` to go in place of the one that the runtime has.
config::expected<sent_tree, refusal> read_for(client& runtime, const std::string& directory);

/// The tree on disk that the runtime has, as it is now; nothing when it cannot be read here.
std::optional<config::tree> read_own(client& runtime);

/// The problems of a document, back from JSON.
std::vector<config::problem> problems_in(const nlohmann::ordered_json& document);

} // namespace troupe::shell
