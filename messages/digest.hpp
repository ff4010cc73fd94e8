#pragma once

// What content is known by: in versions of the config, and in the chain of the audit.

#include <string>
#include <string_view>

namespace troupe {

/// SHA-256 of the bytes, as 64 lower-case hex digits. Throws std::bad_alloc when memory has run
/// out, and std::runtime_error when libcrypto has no SHA-256, which no Debian build of it lacks.
std::string sha256_hex(std::string_view bytes);

} // namespace troupe
