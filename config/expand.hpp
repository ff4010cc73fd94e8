#pragma once

#include "config/result.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::config {

/// What placeholders stand for at one start of one instance. A callback that is not set
/// knows no names.
struct expand_context {
  std::string bot;         ///< `${bot.name}`, the full name
  std::uint32_t index = 0; ///< `${bot.index}`
  std::function<std::optional<std::string>(const std::string&)> env;
  /// Reads a secret: its value, or why there is none. The value goes nowhere but into the
  /// expanded text.
  std::function<expected<std::string, std::string>(const std::string&)> secret;
};

/// The text with its placeholders replaced and `$$` turned into `$`; any other `$` stays.
/// What comes out of a placeholder is not expanded again. The error names the placeholder
/// and never holds a value.
expected<std::string, std::string> expand(std::string_view text, const expand_context& context);

/// One `${…}` of a text.
struct placeholder {
  enum class kind : std::uint8_t { bot_name, bot_index, env, secret, invalid };
  kind what = kind::invalid;
  std::string name;       ///< of the variable or secret
  std::size_t offset = 0; ///< of its '$'
  std::string message;    ///< of `invalid`
  std::string hint;       ///< of `invalid`; may be empty
};

/// All placeholders of a text, for checks before the start.
std::vector<placeholder> placeholders(std::string_view text);

} // namespace troupe::config
