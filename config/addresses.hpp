#pragma once

#include <cstdint>
#include <string_view>

namespace troupe::config {

/// What an entry of `may_send` or `may_subscribe` names.
enum class permission_kind : std::uint8_t {
  invalid,
  bot,      ///< `market/trader`, every instance of it
  instance, ///< `market/trader#2`
  group,    ///< `market/`, every bot in it and below; `/` is the whole fleet
  topic,    ///< `topic:` and a pattern
};

/// One entry taken apart.
struct permission {
  permission_kind kind = permission_kind::invalid;
  std::string_view name; ///< of the bot or the group, without '/' and index, or the pattern
};

/// Reads an entry by its form; whether there is such a bot is another question.
permission read_permission(std::string_view entry);

/// 1 to 16 words of [A-Za-z0-9_-], `*` for one word, a last `>` for one or more, at most 200
/// bytes (docs/link-protocol.md).
bool valid_topic_pattern(std::string_view pattern);

} // namespace troupe::config
