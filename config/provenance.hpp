#pragma once

#include "config/merge.hpp"
#include "config/result.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::config {

/// A value that a scope gives.
struct setting {
  nlohmann::json value;
  scope where = scope::built_in;
  std::string file; ///< empty for built-in values and overrides
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

/// One value of an instance and what set it.
struct origin : setting {
  std::string pointer;            ///< of the value in the merged settings
  std::vector<setting> overrides; ///< what weaker scopes say of it, strongest first
};

/// Where each value of a loaded fleet comes from. Computed when asked for; keeps the
/// parsed documents alive.
class provenance {
public:
  virtual ~provenance() = default;

  /// The leaves of "market/trader#2" (or "market/trader", which is #0) at `pointer` and below,
  /// sorted by pointer; of the group itself when the name ends in '/'. When there are none because
  /// a scope has taken them away with `null`, one origin with the value null says which. The error
  /// says why there is no such instance, or that no scope says anything there.
  virtual expected<std::vector<origin>, std::string>
  explain(const std::string& instance, const std::string& pointer = {}) const = 0;

  /// The merged settings of an instance, without `instances`; `with_overrides`: with what
  /// operators have set. Null when there is no such bot; its index may be any.
  virtual nlohmann::json settings(const std::string& instance, bool with_overrides) const = 0;

  /// What sets the value at `pointer` in the settings of an instance, or takes it away. Built-in
  /// when nothing says anything of it. Its own `value` is left null.
  virtual setting source_of(const std::string& instance, const std::string& pointer) const = 0;
};

} // namespace troupe::config
