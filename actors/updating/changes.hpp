#pragma once

// What a new spec means for a process that was started with another one.

#include "config/spec.hpp"

#include <cstdint>
#include <string>

namespace troupe {

/// Whether a process that was started with these settings (instance_record::settings) must be
/// replaced to run with those of `spec`. What is not known counts as up to date.
bool out_of_date(std::uint64_t settings, const config::bot_spec& spec);

/// For people, why: «its config has changed: command, user». `from` may be null.
std::string describe_change(const config::bot_spec* from, const config::bot_spec& to);

/// Whether an instance that keeps failing, or was given up, deserves a new try under `to`.
bool deserves_new_try(const config::bot_spec& from, const config::bot_spec& to);

/// `fresh` as it holds for a process that `running` was the spec of: without what is used at a
/// start only.
config::bot_spec_ptr in_force(const config::bot_spec_ptr& running,
                              const config::bot_spec_ptr& fresh);

/// Whether the processes, their output and who waits for it are concerned, or only what we do.
bool reaches_process(const config::bot_spec& from, const config::bot_spec& to);

} // namespace troupe
