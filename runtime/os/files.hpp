#pragma once

#include "runtime/os/unique_fd.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::os {

/// The first `limit` bytes of a file, or nothing with `errno` set. `directory` is a
/// descriptor or AT_FDCWD. Never blocks on a FIFO.
std::optional<std::string> read_file(int directory, const std::string& name,
                                     std::size_t limit = 64 * 1024);
std::optional<std::string> read_file(const std::string& path, std::size_t limit = 64 * 1024);

/// Writes into a file that exists, as files of the kernel want it: at once. Returns 0
/// or errno.
int write_file(int directory, const std::string& name, std::string_view text);

/// «mkdir /srv/x: Permission denied».
std::string sentence(std::string_view step, std::string_view subject, int error);

} // namespace troupe::os
