#pragma once

#include "config/result.hpp"
#include "runtime/os/unique_fd.hpp"

#include <string>
#include <sys/types.h>

namespace troupe::sockets {

/// Binds and listens on `path`, in place of what an earlier life left. The caller holds the lock of
/// the state directory, so whoever made what is there has no right to it. `backlog` connects wait
/// until they are accepted. The descriptor is CLOEXEC and non-blocking; the error is a sentence.
config::expected<os::unique_fd, std::string> bind_socket(const std::string& path, mode_t mode,
                                                         int backlog);

} // namespace troupe::sockets
