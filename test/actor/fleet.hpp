#pragma once

// Fleets written in code: what the loader would make of a config tree.

#include "config/spec.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace troupe::test {

/// Collects bots and groups; `build` may be called again after further changes.
class fleet_builder {
public:
  using change = std::function<void(config::bot_spec&)>;

  config::runtime_spec runtime;

  /// A bot under its full name; its groups come with it.
  fleet_builder& bot(const std::string& name, change with = {}, std::size_t replicas = 1);

  /// The same for a bot that waits for others.
  fleet_builder& bot_after(const std::string& name, std::vector<config::dependency> on,
                           change with = {});

  fleet_builder& group(const std::string& name, config::strategy how,
                       config::rate_spec intensity = {5, std::chrono::minutes{1}});
  fleet_builder& order(const std::string& group, std::vector<std::string> children);
  fleet_builder& without(const std::string& bot);

  config::spec_ptr build() const;

private:
  config::group_ptr build_group(const std::string& name, const config::fleet_spec& fleet) const;

  struct group_settings {
    config::strategy how = config::strategy::one_for_one;
    config::rate_spec intensity{5, std::chrono::minutes{1}};
    std::vector<std::string> order;
  };

  std::map<std::string, std::pair<config::bot_spec, std::size_t>> bots_;
  std::map<std::string, group_settings> groups_;
};

} // namespace troupe::test
