#pragma once

// Commands on the config that the client has a part in: it reads trees, asks before it changes
// anything, follows what comes of it, writes what is exported.

#include "runtime/shell/executor.hpp"

#include <string_view>

namespace troupe::shell {

/// Whether `configure` is for this command.
bool is_configuring(std::string_view command);

/// Carries it out; returns the exit code. `config keys` needs no runtime.
int configure(const invocation&, client&, const executor::options&);

} // namespace troupe::shell
