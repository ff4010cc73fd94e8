#pragma once

#include "config/result.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::importing {

/// What `%(NAME)s` stands for in one section of a supervisord.conf.
struct percent_context {
  std::map<std::string, std::string> values; ///< "here", "program_name", …
  std::map<std::string, std::string> env;    ///< of ENV_X, set in the file; as the tree wants it
  /// Set: stands for process_num as a number. Unset: as `${bot.index}`.
  std::optional<long long> process_num;
};

/// How the result is used.
enum class percent_use : bool {
  plain,    ///< as it is: the tree expands nothing there, and ENV_X is no use
  expanded, ///< where the tree expands placeholders
};

/// The text with `%(NAME)s`, `%(NAME)02d` and `%%` replaced. The error says what is wrong.
config::expected<std::string, std::string>
percent_expand(std::string_view text, const percent_context& context, percent_use use);

/// The text such that percent_expand makes the same of it.
std::string percent_literal(std::string_view text);

/// Whether process_num is used such that `${bot.index}` cannot stand for it.
bool needs_each_number(std::string_view text);
bool uses_number(std::string_view text);

} // namespace troupe::importing
