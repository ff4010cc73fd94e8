#pragma once

// zstd for payloads.

#include <optional>
#include <string>
#include <string_view>

namespace troupe::wire {

/// One zstd frame that states its content size, or nothing when that would not be smaller.
std::optional<std::string> compress(std::string_view payload);

/// What was compressed. `length` is what its message says it has; nothing when that is not
/// true, is beyond `max_payload`, or the bytes are none of zstd. Takes no more memory than that.
std::optional<std::string> decompress(std::string_view compressed, std::size_t length);

} // namespace troupe::wire
