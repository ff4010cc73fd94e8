#include "config/secret_names.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <vector>

namespace troupe::config {

namespace {

bool is_upper(char c) {
  return std::isupper(static_cast<unsigned char>(c)) != 0;
}

bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

bool is_of_a_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
}

/// The words of a name in capitals: «dbPass», «DB_PASS» and «db-pass2» are DB and PASS.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> result;
  for (std::size_t at = 0; at < name.size(); ++at) {
    if (!is_letter(name[at]))
      continue;
    const bool after_letter = at > 0 && is_letter(name[at - 1]);
    const bool before_small =
        at + 1 < name.size() && is_letter(name[at + 1]) && !is_upper(name[at + 1]);
    if (!after_letter || (is_upper(name[at]) && (!is_upper(name[at - 1]) || before_small)))
      result.emplace_back();
    result.back() += static_cast<char>(std::toupper(static_cast<unsigned char>(name[at])));
  }
  return result;
}

} // namespace

bool names_a_secret(std::string_view name) {
  std::string upper{name};
  std::ranges::transform(upper, upper.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  constexpr std::array parts{"SECRET", "PASSW",      "PASSPHRASE", "PASSCODE", "TOKEN",
                             "KEY",    "CREDENTIAL", "AUTH",       "DSN"};
  if (std::ranges::any_of(parts, [&](const char* part) { return upper.find(part) != upper.npos; }))
    return true;
  // Parts of other words, such as COMPASS; and PWD itself is where a process is.
  constexpr std::array<std::string_view, 5> whole{"PASS", "PWD", "PRIVATE", "COOKIE", "COOKIES"};
  return name != "PWD" && std::ranges::any_of(words_of(name), [&](const std::string& word) {
           return std::ranges::find(whole, word) != whole.end();
         });
}

bool carries_password(std::string_view text) {
  for (auto at = text.find("://"); at != std::string_view::npos; at = text.find("://", at + 3)) {
    const auto url = text.substr(at + 3, text.find_first_of(" \t\n", at) - at - 3);
    const auto host = url.find('@');
    if (host != std::string_view::npos && url.find(':') < host)
      return true;
  }
  return false;
}

bool tells_a_secret(std::string_view text) {
  if (carries_password(text))
    return true;
  for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end + 1) {
    end = begin;
    while (end < text.size() && is_of_a_name(text[end]))
      ++end;
    const auto name = text.substr(begin, end - begin);
    const auto value = std::min(text.find_first_not_of(" \t\r\n\"'=:", end), text.size());
    const auto between = text.substr(end, value - end);
    const bool given =
        between.find_first_of("=:") != between.npos || (name.starts_with('-') && !between.empty());
    const auto shown = text.substr(value);
    const bool reference = shown.starts_with("${secret:") || shown.starts_with("${env:")
                           || text.substr(0, end).ends_with("${secret");
    if (given && value < text.size() && !reference && names_a_secret(name))
      return true;
  }
  return false;
}

} // namespace troupe::config
