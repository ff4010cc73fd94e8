#pragma once

// What differs between two versions of a config as they are kept: for the audit, and for people.
// Secrets are masked in both.

#include "config/spec.hpp"
#include "config/tree.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::config {

/// A longer patch is left out of the audit, and that is said instead.
inline constexpr std::size_t max_patch_bytes = 64 << 10;

/// From one version to another as JSON text: an array as RFC 6902 wants it, on the document
/// {"profile": "prod", "tree": {"market/trader.json": {…}}, "overrides": {"market/trader": {…}}};
/// empty when nothing but comments differs. Over `max_patch_bytes` an object that says so:
/// {"omitted": "…", "operations": n, "bytes": n}.
std::string version_patch(const tree& from, const override_map& from_overrides, const tree& to,
                          const override_map& to_overrides);

/// The unified diff of two texts with three lines around each change; empty when they are equal.
/// A label is a path, or «/dev/null» for a file that is not there.
std::string unified_diff(std::string_view before, std::string_view after,
                         const std::string& before_label, const std::string& after_label);

/// A file of two trees that is not the same in both.
struct file_diff {
  std::string path;
  std::string text; ///< unified
};

/// All files that differ, by path.
std::vector<file_diff> tree_diff(const tree& from, const tree& to);

} // namespace troupe::config
