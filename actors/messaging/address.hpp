#pragma once

// What a message is addressed to, taken apart.

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::messaging {

/// Texts point into what was parsed.
struct address {
  enum class kind : std::uint8_t {
    none,     ///< no address at all
    instance, ///< `market/trader#2`, maybe with an actor in it
    bot,      ///< `market/trader`: one of its instances
    group,    ///< `market/*`: everyone in it; `*`: everyone
    topic,    ///< `topic:ticks.btc`
    service,  ///< `runtime/state`
  };

  kind what = kind::none;
  std::string_view name;  ///< instance, bot, group (empty: the root), topic, or `state`
  std::string_view bot;   ///< of an instance
  std::string_view actor; ///< in the instance, empty: the process itself
};

/// Takes an address apart by its form alone. Never allocates; a text that is no address has
/// the kind `none`.
address parse_address(std::string_view text);

/// Why a text is no address, for people: what is wrong and what would be right.
std::string explain_address(std::string_view text);

/// The group that a bot, an instance or a group is in; empty: the root.
std::string_view enclosing(std::string_view name);

/// Whether the name of a bot, an instance or a group is in that group or below it; the root
/// has everything.
bool within(std::string_view name, std::string_view group);

/// Whether it is 1 … 16 words of [A-Za-z0-9_-] between dots, at most 200 bytes.
bool valid_topic(std::string_view topic);
/// The same, where a word may be `*` and the last one `>`.
bool valid_pattern(std::string_view pattern);

/// What is wrong with a topic or a pattern, for people; empty: nothing.
std::string explain_topic(std::string_view topic);
std::string explain_pattern(std::string_view pattern);

/// Whether a valid pattern matches a valid topic.
bool matches(std::string_view pattern, std::string_view topic);
/// Whether every topic that the inner pattern matches is matched by the outer one too.
bool covers(std::string_view outer, std::string_view inner);

} // namespace troupe::messaging
