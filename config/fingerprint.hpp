#pragma once

#include "config/spec.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>

namespace troupe::config {

/// A number for all settings that need a new process to come into force: those whose schema says
/// so and that differ from what is built in. `settings` are the merged ones; of paths it is where
/// `spec` has resolved them to that counts. The same settings give the same number in every
/// version, run and machine; it is never 0.
std::uint64_t fingerprint(const nlohmann::json& settings, const bot_spec& spec);

} // namespace troupe::config
