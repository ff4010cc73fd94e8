#include "config/loader.hpp"

#include "config/fleet_builder.hpp"
#include "config/fleet_files.hpp"
#include "config/fleet_provenance.hpp"
#include "config/problem_bag.hpp"

#include <cstdlib>
#include <utility>

namespace troupe::config {

namespace {

/// Nobody sees the text of an override, so a place in it helps nobody.
std::vector<problem> without_places(std::vector<problem> problems) {
  for (auto& one : problems)
    if (is_override_path(one.file))
      one.line = one.column = 0;
  return problems;
}

} // namespace

std::optional<std::string> process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>{value} : std::nullopt;
}

load_result load(const tree& source, const load_options& options) {
  load_result result;
  problem_bag problems;
  auto files = sort_files(source, problems);
  if (!files->too_large) {
    add_overrides(*files, options.overrides, problems);
    check_files(*files, options, problems);
    auto bots = merge_bots(*files, problems);
    if (!options.alone)
      resolve_dependencies(*files, bots, problems);
    if (problems.empty()) {
      result.spec = build_fleet(*files, std::move(bots));
      result.origins = make_provenance(files, result.spec);
    }
  }
  result.errors = without_places(problems.take_errors(fleet_limits::problems));
  result.warnings = without_places(problems.take_warnings(fleet_limits::problems));
  return result;
}

} // namespace troupe::config
