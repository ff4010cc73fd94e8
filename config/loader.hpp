#pragma once

#include "config/problem.hpp"
#include "config/provenance.hpp"
#include "config/spec.hpp"
#include "config/tree.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe::config {

/// Bounds of what one tree may describe.
struct fleet_limits {
  static constexpr std::size_t instances = 100'000; ///< of all bots together
  static constexpr std::size_t values = 2'000'000;  ///< JSON values of all files together
  static constexpr std::size_t problems = 1000;     ///< shown; the rest is counted
};

/// A variable of this process's environment, if it is set.
std::optional<std::string> process_environment(const std::string& name);

struct load_options {
  /// What operators have set. Names of no bot are ignored: an override outlives its bot.
  override_map overrides;
  /// One bot without its fleet: whom its depends_on names is not looked up.
  bool alone = false;
  /// Used only to warn of `${env:NAME}` that are not set.
  std::function<std::optional<std::string>(const std::string&)> env = process_environment;
};

struct load_result {
  spec_ptr spec; ///< null when there are errors
  std::vector<problem> errors;
  std::vector<problem> warnings;
  std::shared_ptr<const provenance> origins; ///< null when there are errors
};

/// Makes the typed spec of a tree. Pure: reads no file, and the same tree gives the same
/// result. Finds every error at once, sorted by place.
load_result load(const tree& source, const load_options& options = {});

} // namespace troupe::config
