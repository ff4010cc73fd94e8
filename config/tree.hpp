#pragma once

#include "config/result.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::config {

struct problem;

/// Bounds that hold before anything is parsed.
struct tree_limits {
  static constexpr std::uint64_t file_bytes = 16ull << 20;
  static constexpr std::uint64_t total_bytes = 128ull << 20;
  static constexpr std::size_t entries = 100'000; ///< of all directories together
  static constexpr std::size_t depth = 32;        ///< of directories
};

/// One JSON file of a tree.
struct document {
  std::string path; ///< relative to the tree, "market/feed.json"
  std::string text;

  bool operator==(const document&) const = default;
};

/// All JSON files of a config tree as text, sorted by path: what `load` reads and what a
/// version stores.
struct tree {
  std::string root;    ///< absolute directory, from which relative paths count
  std::string profile; ///< the chosen one; empty for none
  std::vector<document> documents;

  /// The document of that path, or null.
  const document* find(std::string_view path) const;

  bool operator==(const tree&) const = default;
};

/// Reads the tree in `directory`. Follows symlinks, but takes regular files only and never
/// blocks on anything else; refuses what others may write, what is over `tree_limits`, and
/// loops. Files that do not end in ".json", and names that begin with '.' or '_', are
/// ignored; `secrets` in the root is never opened.
expected<tree, std::vector<problem>> read_tree(const std::filesystem::path& directory,
                                               std::string profile = {});

/// One bot's file as a tree of its own, read with the same care; what lies beside it is not
/// looked at.
expected<tree, std::vector<problem>> read_bot_file(const std::filesystem::path& file);

/// The tree as one JSON document.
std::string to_json(const tree& what);

/// Reverses `to_json`.
expected<tree, std::vector<problem>> tree_from_json(std::string_view text);

} // namespace troupe::config
