#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::config {

/// The rule in words, for messages.
inline constexpr std::string_view name_rule =
    "a-z, 0-9, '.', '_' and '-', beginning with a letter or digit, at most 64 characters";

/// One component of a name: [a-z0-9][a-z0-9._-]{0,63}.
bool valid_name(std::string_view component);

/// The nearest valid component ("Feed 1" -> "feed-1"); empty when nothing is left.
std::string suggest_name(std::string_view component);

/// "market/trader" from "market" and "trader"; from "" and "flaky" it is "flaky".
std::string join_name(std::string_view group, std::string_view component);
/// "market" of "market/trader", "" of "flaky".
std::string_view parent_name(std::string_view name);
/// "trader" of "market/trader".
std::string_view leaf_name(std::string_view name);

/// "market/trader#2" taken apart; a bot alone has no index.
struct instance_name {
  std::string bot;
  std::optional<std::uint32_t> index;
  bool operator==(const instance_name&) const = default;
};

/// Empty when the text is no name of a bot or an instance.
std::optional<instance_name> split_instance(std::string_view text);
std::string join_instance(std::string_view bot, std::uint32_t index);

/// '*' any run of characters but '/', '**' any run, '?' one character but '/'. Linear in
/// the text for each star; no recursion.
bool glob_match(std::string_view pattern, std::string_view text);
bool is_glob(std::string_view text);

/// Damerau-Levenshtein distance (adjacent swaps count one), by bytes.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to `word` if it is near enough to be meant; else empty.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// `did you mean "…"?`, or an empty string.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

/// The text in double quotes, cut to a length fit for a message. Messages reach events, logs and
/// the audit: of a text that tells a secret there is only "***".
std::string in_quotes(std::string_view text);

} // namespace troupe::config
