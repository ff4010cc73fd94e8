#pragma once

#include "config/spec.hpp"

#include <cstdint>

namespace troupe::config {

/// A number for all settings that need a new process to come into force (`"x-change": "restart"`
/// in the schema). It is of what they mean, not of how they are written: equal ones give the same
/// number in every version, run and machine. Never 0.
std::uint64_t fingerprint(const bot_spec& spec);

} // namespace troupe::config
