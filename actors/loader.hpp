#pragma once

// Reads trees and makes specs of them. Both may take their time, so nobody waits for it who has
// anything else to do. A disk may also hang, as a dead mount does: every read of one is an actor
// of its own that answers once and is gone, so that what is in memory can be loaded all the same.
// Keeps nothing: a replaced one is as good.

#include "actors/interfaces.hpp"
#include "config/plan.hpp"
#include "config/problem.hpp"
#include "config/result.hpp"
#include "config/tree.hpp"

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace troupe {

/// Where the tree of a fleet comes from. Called from threads of the loader's own, from several at
/// once when a read hangs.
struct tree_source {
  virtual ~tree_source() = default;

  /// The tree as it is now, or why it cannot be read.
  virtual config::expected<config::tree, std::vector<config::problem>> read() = 0;
};

/// The one on disk; see config::read_tree.
class tree_on_disk final : public tree_source {
public:
  tree_on_disk(std::filesystem::path directory, std::string profile);

  config::expected<config::tree, std::vector<config::problem>> read() override;

private:
  std::filesystem::path directory_;
  std::string profile_;
};

/// So many reads of the disk at a time; what comes on top is refused.
inline constexpr int most_reads = 2;

struct loader_state {
  std::shared_ptr<tree_source> source;
  std::shared_ptr<std::atomic<int>> reading = std::make_shared<std::atomic<int>>(0);

  static inline const char* name = "loader";
};

/// A tree with its overrides, loaded. Never throws.
candidate_ptr make_candidate(config::tree tree, config::override_map overrides);

/// SHA-256, in hex, of all that a config is made of: root, profile, files and overrides.
std::string config_hash(const config::tree& tree, const config::override_map& overrides);

/// It as one side of a plan; must live as long. It must have been loaded without errors.
config::plan_side side_of(const candidate& from);

/// `source` may be null: what is on disk then cannot be read, and the candidate says so.
loader_actor::behavior_type loader(loader_actor::stateful_pointer<loader_state> self,
                                   std::shared_ptr<tree_source> source);

} // namespace troupe
