#pragma once

// Plain sockets: connecting to admin.sock and saying hello, before CAF is needed.

#include "config/result.hpp"
#include "messages/admin.hpp"
#include "runtime/os/unique_fd.hpp"
#include "runtime/shell/hello.hpp"

#include <chrono>
#include <optional>
#include <signal.h>
#include <string>

namespace troupe::shell {

using clock_type = std::chrono::steady_clock;

/// What came of waiting for a descriptor.
enum class waited { ready, timed_out, interrupted };

/// Waits until `fd` is readable or hung up. `mask` is in force meanwhile; null leaves
/// the signals as they are.
waited wait_readable(int fd, clock_type::time_point deadline, const sigset_t* mask);

refusal no_runtime(const std::string& path);
refusal silent_runtime(const std::string& path);
refusal interrupted();

/// Connects and sends the hello. The error is final: there is nobody, or we may not.
config::expected<os::unique_fd, refusal> connect_and_greet(const std::string& path,
                                                           clock_type::time_point deadline);

/// Reads the answer to the hello. Nothing: the runtime went away meanwhile; try again.
std::optional<config::expected<welcome, refusal>> hear_welcome(const os::unique_fd& socket,
                                                               const std::string& path,
                                                               clock_type::time_point deadline,
                                                               const sigset_t* mask);

} // namespace troupe::shell
