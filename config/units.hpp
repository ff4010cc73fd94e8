#pragma once

#include "config/result.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::config {

/// Longest duration that is accepted: ten years.
inline constexpr std::chrono::nanoseconds max_duration = std::chrono::hours{24 * 3650};

/// "250ms", "1.5s", "1m30s"; units ns us ms s m h d, larger before smaller; "0" needs none.
/// The error is a hint that completes «… is no duration».
expected<std::chrono::nanoseconds, std::string> parse_duration(std::string_view text);

/// "64MiB", "1.5GiB", "10MB", "512B" in bytes; "0" needs no unit. The error is a hint.
expected<std::uint64_t, std::string> parse_size(std::string_view text);

/// "50/s", "600/m", "10/h" as a number per second, above 0. The error is a hint.
expected<double, std::string> parse_rate(std::string_view text);

/// "1MiB/s" in bytes per second, above 0. The error is a hint.
expected<std::uint64_t, std::string> parse_byte_rate(std::string_view text);

/// The shortest text that `parse_duration` reads back, such as "1m30s"; below a second
/// in one unit, such as "1.5ms".
std::string format_duration(std::chrono::nanoseconds value);

/// The number of a signal: "TERM", "SIGTERM", "RTMIN+3"; 0 when there is none of that name.
int parse_signal(std::string_view name);

} // namespace troupe::config
