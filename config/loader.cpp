#include "config/loader.hpp"

#include "config/fleet_builder.hpp"
#include "config/fleet_files.hpp"
#include "config/names.hpp"
#include "config/problem_bag.hpp"

#include <cstdlib>
#include <utility>

namespace troupe::config {

namespace {

class fleet_provenance final : public provenance {
public:
  fleet_provenance(std::shared_ptr<const fleet_files> files, spec_ptr spec)
      : files_{std::move(files)}
      , spec_{std::move(spec)} {}

  expected<std::vector<origin>, std::string> explain(const std::string& instance) const override {
    auto name = split_instance(instance);
    auto bot = name ? spec_->bots.find(name->bot) : spec_->bots.end();
    if (bot == spec_->bots.end())
      return unexpected{"there is no bot " + in_quotes(name ? name->bot : instance)};
    auto index = name->index.value_or(0);
    if (index >= bot->second->instances.size())
      return unexpected{name->bot + " has " + std::to_string(bot->second->instances.size())
                        + " instances, the last one is #"
                        + std::to_string(bot->second->instances.size() - 1)};
    auto layers = files_->layers_of(name->bot, index);
    auto merged = nlohmann::json::object();
    for (const auto& one : layers)
      merge_patch(merged, *one.value);
    merged.erase("instances");
    std::vector<origin> result;
    for_each_leaf(merged, [&](const std::string& pointer, const nlohmann::json& value) {
      origin leaf;
      leaf.pointer = pointer;
      static_cast<setting&>(leaf) = setter_of(layers, pointer);
      leaf.value = value;
      result.push_back(std::move(leaf));
    });
    return result;
  }

  nlohmann::json settings(const std::string& instance, bool with_overrides) const override {
    auto name = split_instance(instance);
    if (!name || !files_->bots.contains(name->bot))
      return nullptr;
    auto merged = nlohmann::json::object();
    for (const auto& one : files_->layers_of(name->bot, name->index.value_or(0)))
      if (with_overrides || one.where != scope::operator_override)
        merge_patch(merged, *one.value);
    merged.erase("instances");
    return merged;
  }

  setting source_of(const std::string& instance, const std::string& pointer) const override {
    auto name = split_instance(instance);
    if (!name || !files_->bots.contains(name->bot))
      return {};
    return setter_of(files_->layers_of(name->bot, name->index.value_or(0)), pointer);
  }

private:
  static setting setter_of(const std::vector<layer>& layers, const std::string& pointer) {
    setting result;
    if (auto at = locate(layers, pointer)) {
      const auto& setter = layers[*at];
      result.where = setter.where;
      if (setter.source) {
        auto place = place_of(setter.source->text(), setter.source->offset(setter.base + pointer));
        result.file = setter.source->path();
        result.line = place.line;
        result.column = place.column;
      }
    }
    return result;
  }

  std::shared_ptr<const fleet_files> files_;
  spec_ptr spec_;
};

/// Takes over what operators have set.
void apply_overrides(fleet_files& files, const load_options& options, problem_bag& problems) {
  for (const auto& [name, patch] : options.overrides) {
    if (!files.bots.contains(name))
      continue;
    auto value = nlohmann::json::parse(patch, nullptr, false);
    if (!value.is_object())
      problems.add(file_problem("", "the override of " + name + " is no JSON object"));
    else if (const auto count = value.find("replicas");
             count != value.end() && (*count < 1 || *count > 10'000))
      problems.add(
          file_problem("", name + " cannot be scaled to " + count->dump(), "1 to 10000 instances"));
    else
      files.overrides[name] = std::move(value);
  }
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
    apply_overrides(*files, options, problems);
    check_files(*files, options, problems);
    auto bots = merge_bots(*files, problems);
    if (!options.alone)
      resolve_dependencies(*files, bots, problems);
    if (problems.empty()) {
      result.spec = build_fleet(*files, std::move(bots));
      result.origins = std::make_shared<fleet_provenance>(files, result.spec);
    }
  }
  result.errors = problems.take_errors(fleet_limits::problems);
  result.warnings = problems.take_warnings(fleet_limits::problems);
  return result;
}

} // namespace troupe::config
