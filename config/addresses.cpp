#include "config/addresses.hpp"

#include "config/names.hpp"

#include <algorithm>

namespace troupe::config {

namespace {

constexpr std::string_view topic_prefix = "topic:";
constexpr std::size_t most_words = 16;
constexpr std::size_t longest_topic = 200;

bool valid_word(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
           || c == '-';
  });
}

} // namespace

bool valid_topic_pattern(std::string_view pattern) {
  if (pattern.size() > longest_topic)
    return false;
  for (std::size_t words = 1; words <= most_words; ++words) {
    const auto dot = pattern.find('.');
    const auto word = pattern.substr(0, dot);
    const bool last = dot == std::string_view::npos;
    if (word != "*" && !(word == ">" && last) && !valid_word(word))
      return false;
    if (last)
      return true;
    pattern.remove_prefix(dot + 1);
  }
  return false;
}

permission read_permission(std::string_view entry) {
  if (entry.starts_with(topic_prefix)) {
    const auto pattern = entry.substr(topic_prefix.size());
    return {valid_topic_pattern(pattern) ? permission_kind::topic : permission_kind::invalid,
            pattern};
  }
  if (entry == "/")
    return {permission_kind::group, {}};
  if (entry.ends_with('/')) {
    entry.remove_suffix(1);
    const auto group = split_instance(entry);
    return {group && !group->index ? permission_kind::group : permission_kind::invalid, entry};
  }
  const auto name = split_instance(entry);
  if (!name || entry.starts_with("runtime/")) // its services, no bots
    return {permission_kind::invalid, entry};
  return {name->index ? permission_kind::instance : permission_kind::bot,
          entry.substr(0, name->bot.size())};
}

} // namespace troupe::config
