#include "config/names.hpp"

#include "config/secret_names.hpp"

#include <algorithm>
#include <charconv>

namespace troupe::config {

namespace {

constexpr std::size_t max_component = 64;
/// Longer words are not compared: no name or key is longer, and the time is quadratic.
constexpr std::size_t max_compared = 128;

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool valid_path(std::string_view name) {
  while (true) {
    auto slash = name.find('/');
    if (!valid_name(name.substr(0, slash)))
      return false;
    if (slash == std::string_view::npos)
      return true;
    name.remove_prefix(slash + 1);
  }
}

} // namespace

bool valid_name(std::string_view component) {
  return !component.empty() && component.size() <= max_component && is_alnum(component.front())
         && std::all_of(component.begin(), component.end(),
                        [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; });
}

std::string suggest_name(std::string_view component) {
  std::string result;
  if (tells_a_secret(component))
    return result;
  for (char c : component.substr(0, max_component)) {
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
    if (!is_alnum(c) && c != '.' && c != '_' && c != '-')
      c = '-';
    if (!result.empty() || is_alnum(c))
      result += c;
  }
  return result;
}

std::string join_name(std::string_view group, std::string_view component) {
  std::string result{group};
  if (!result.empty())
    result += '/';
  result += component;
  return result;
}

std::string_view parent_name(std::string_view name) {
  auto slash = name.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : name.substr(0, slash);
}

std::string_view leaf_name(std::string_view name) {
  auto slash = name.rfind('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

std::optional<instance_name> split_instance(std::string_view text) {
  auto hash = text.find('#');
  auto bot = text.substr(0, hash);
  if (!valid_path(bot))
    return std::nullopt;
  if (hash == std::string_view::npos)
    return instance_name{std::string{bot}, std::nullopt};
  auto digits = text.substr(hash + 1);
  std::uint32_t index = 0;
  auto result = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  bool canonical = digits.size() == 1 || (!digits.empty() && digits.front() != '0');
  if (result.ec != std::errc{} || result.ptr != digits.data() + digits.size() || !canonical)
    return std::nullopt;
  return instance_name{std::string{bot}, index};
}

std::string join_instance(std::string_view bot, std::uint32_t index) {
  return std::string{bot} + '#' + std::to_string(index);
}

bool is_glob(std::string_view text) {
  return text.find_first_of("*?") != std::string_view::npos;
}

bool glob_match(std::string_view pattern, std::string_view text) {
  // matched[j]: the pattern up to here matches the first j characters of the text.
  std::vector<bool> matched(text.size() + 1, false);
  matched[0] = true;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '*') {
      bool over_slash = i + 1 < pattern.size() && pattern[i + 1] == '*';
      if (over_slash)
        ++i;
      for (std::size_t j = 1; j <= text.size(); ++j)
        if (matched[j - 1] && (over_slash || text[j - 1] != '/'))
          matched[j] = true;
    } else {
      for (std::size_t j = text.size(); j > 0; --j)
        matched[j] =
            matched[j - 1] && (pattern[i] == '?' ? text[j - 1] != '/' : text[j - 1] == pattern[i]);
      matched[0] = false;
    }
  }
  return matched[text.size()];
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  if (word.empty() || word.size() > max_compared)
    return {};
  const std::string* best = nullptr;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    auto difference = candidate.size() > word.size() ? candidate.size() - word.size()
                                                     : word.size() - candidate.size();
    if (difference >= best_distance || candidate == word)
      continue;
    auto distance = edit_distance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best ? *best : std::string{};
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  auto found = nearest(word, candidates);
  return found.empty() ? found : "did you mean " + in_quotes(found) + "?";
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t shown = 60;
  if (tells_a_secret(text))
    text = "***";
  std::string result = "\"";
  if (text.size() <= shown) {
    result += text;
  } else {
    auto end = shown;
    while (end > 0 && (text[end] & 0xc0) == 0x80)
      --end; // not in the middle of a character
    result += text.substr(0, end);
    result += "…";
  }
  return result += '"';
}

} // namespace troupe::config
