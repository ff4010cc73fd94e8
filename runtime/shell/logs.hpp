#pragma once

// `troupe logs` and `troupe attach`.

#include "config/result.hpp"
#include "runtime/logs/reading/names.hpp"
#include "runtime/shell/executor.hpp"

#include <string>

namespace troupe::shell {

/// Prints the output of bots; returns the exit code.
int show_logs(const invocation&, client&, const executor::options&);

/// Prints the output and the events of one bot until a signal comes or the runtime is gone;
/// returns the exit code.
int attach(const invocation&, client&, const executor::options&);

/// The logs that there are; none when there is no such directory. The error says why they
/// may not be read.
config::expected<log_reading::log_listing, refusal> find_logs(const std::string& directory);

/// For many instances each with some files.
void raise_open_files();

} // namespace troupe::shell
