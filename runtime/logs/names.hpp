#pragma once

// Where the log of an instance is. Numbers count from the newest: 0 is the file that is
// written now, `trader.0.log`; 1 the one before, `trader.0.log.1`.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::logs {

/// The folder of all logs under the state directory.
inline constexpr const char* folder = "logs";

/// The instance that a source of output belongs to: `market/trader#0` for
/// `market/trader#0` and for `market/trader#0:on_crash`.
std::string_view instance_of(std::string_view source);

/// `market/trader.0` for `market/trader#0` and all its sources: the log's path below the
/// folder, without an ending.
std::string stem_of(std::string_view source);

/// `market/trader.0.log.2` and `market/trader.0.index.2`.
std::string log_name(const std::string& stem, std::uint32_t number);
std::string index_name(const std::string& stem, std::uint32_t number);

/// What a file in the folder is; nothing for a name that is not ours.
struct file_name {
  std::string stem;
  std::uint32_t number = 0;
  bool index = false;

  bool operator==(const file_name&) const = default;
};
std::optional<file_name> parse_file_name(std::string_view name);

} // namespace troupe::logs
