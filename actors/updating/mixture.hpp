#pragma once

// What is in force while a fleet changes: some instances already as they are to be, the others as
// they were. One function makes it, for each step of an update and for a runtime that finds an
// update half done. Pure.

#include "config/spec.hpp"
#include "messages/records.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace troupe::updating {

/// What is known of the instances, by name.
using record_map = std::map<std::string, instance_record>;

/// Instances whose process runs with other settings than it should → their fingerprint.
using outdated_map = std::map<std::string, std::uint64_t>;

/// Whether the process of this instance was started with other settings than these.
bool is_outdated(const instance_record& record, const config::bot_spec& spec);

/// The instances of `to` that have to be replaced.
outdated_map find_outdated(const config::fleet_spec& to, const record_map& records);

/// The instances of `to` that are wanted, and whose last process, whether it is there or not, was
/// started with other settings: those that an update which stopped has not come to.
outdated_map find_untold(const config::fleet_spec& to, const record_map& records);

/// `to`, but the outdated ones as the processes are that run: as the first of `before` has them
/// that has the settings they were started with; else as in `to`, under the fingerprint of what
/// runs. Whom they depend on, and what is awaited of their output, is that of `to`: the others go
/// by it. Each of `before` may be null.
config::spec_ptr mixture(const config::spec_ptr& to, const std::vector<config::spec_ptr>& before,
                         const outdated_map& outdated);

/// The bots of a fleet in start order: whom one waits for comes before it.
std::vector<std::string> start_order(const config::fleet_spec& fleet);

/// How many of `total` are changed at a time, at least one.
std::uint32_t batch_of(const config::batch_size& size, std::size_t total);

/// The spec of an instance; null when the fleet has none of that name.
config::bot_spec_ptr spec_of(const config::fleet_spec& fleet, const std::string& instance);

} // namespace troupe::updating
