#include "runtime/import/words.hpp"

#include "config/names.hpp"
#include "config/secret_names.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstring>

namespace troupe::importing {

std::string literal(std::string_view text, bool placeholder_follows) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool last = at + 1 == text.size();
    const bool opens = text[at] == '$'
                       && (last ? placeholder_follows : text[at + 1] == '{' || text[at + 1] == '$');
    result += text[at];
    if (opens)
      result += '$';
  }
  return result;
}

std::optional<std::vector<std::string>> split_words(std::string_view line) {
  std::vector<std::string> result;
  std::string word;
  bool inside = false;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (c == '\'') {
      const auto end = line.find('\'', at + 1);
      if (end == std::string_view::npos)
        return std::nullopt;
      word += line.substr(at + 1, end - at - 1);
      at = end;
      inside = true;
    } else if (c == '"') {
      inside = true;
      for (++at; at < line.size() && line[at] != '"'; ++at) {
        if (line[at] == '\\' && at + 1 < line.size()
            && (line[at + 1] == '"' || line[at + 1] == '\\'))
          ++at;
        word += line[at];
      }
      if (at >= line.size())
        return std::nullopt;
    } else if (c == '\\') {
      if (at + 1 == line.size())
        return std::nullopt;
      word += line[++at];
      inside = true;
    } else if (std::isspace(static_cast<unsigned char>(c))) {
      if (inside)
        result.push_back(std::move(word));
      word.clear();
      inside = false;
    } else {
      word += c;
      inside = true;
    }
  }
  if (inside)
    result.push_back(std::move(word));
  return result;
}

bool needs_shell(std::string_view line) {
  char quote = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (quote == '\'') {
      quote = c == '\'' ? 0 : quote;
    } else if (c == '$' || c == '`') {
      return true;
    } else if (quote == '"') {
      quote = c == '"' ? 0 : quote;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '\\') {
      ++at;
    } else if (std::strchr("|&;<>()*?[#~{}!\n", c)) {
      return true;
    }
  }
  // A variable set for one command, «A=1 prog», and a line of builtins.
  const auto words = split_words(line);
  if (!words || words->empty())
    return true;
  static constexpr std::array builtins{"cd", "exec",  "source", ".",   "export",
                                       "if", "while", "for",    "set", "ulimit"};
  return words->front().find('=') != std::string::npos
         || std::ranges::find(builtins, words->front()) != builtins.end();
}

json shell_command(std::string_view line) {
  if (!needs_shell(line)) {
    auto result = json::array();
    const auto words = split_words(line);
    for (const auto& word : *words)
      result.push_back(literal(word));
    return result;
  }
  return json::array({"/bin/sh", "-c", literal(line)});
}

std::string shell_quoted(std::string_view word) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) || std::strchr("_-./=:,@%+", c);
  };
  if (!word.empty() && std::ranges::all_of(word, plain))
    return std::string{word};
  std::string result = "'";
  for (const char c : word)
    result += c == '\'' ? std::string{"'\\''"} : std::string(1, c);
  return result + "'";
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n\f\v");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n\f\v") - first + 1);
}

std::string lower(std::string_view text) {
  std::string result{text};
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> result;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find_first_of(separators, at), text.size());
    if (const auto word = trimmed(text.substr(at, end - at)); !word.empty())
      result.emplace_back(word);
    at = end + 1;
  }
  return result;
}

std::optional<long long> number(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('+'))
    text.remove_prefix(1);
  long long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty())
    return std::nullopt;
  return value;
}

std::optional<bool> boolean(std::string_view text) {
  const auto word = lower(trimmed(text));
  for (const auto* yes : {"true", "yes", "1", "on", "t", "y"})
    if (word == yes)
      return true;
  for (const auto* no : {"false", "no", "0", "off", "f", "n"})
    if (word == no)
      return false;
  return std::nullopt;
}

std::optional<unsigned long long> bytes(std::string_view text) {
  const auto word = lower(trimmed(text));
  const auto digits = word.find_first_not_of("0123456789.");
  const auto count = std::string{word.substr(0, digits)};
  auto unit =
      digits == std::string::npos ? std::string{} : std::string{trimmed(word.substr(digits))};
  if (count.empty() || count.find_first_of("0123456789") == std::string::npos
      || std::ranges::count(count, '.') > 1)
    return std::nullopt;
  if (unit.ends_with("ib"))
    unit.resize(unit.size() - 2);
  else if (unit.ends_with('b'))
    unit.resize(unit.size() - 1);
  static constexpr std::string_view units = "kmgtp";
  double factor = 1;
  if (unit.size() == 1 && units.find(unit[0]) != std::string_view::npos)
    factor = std::pow(1024.0, static_cast<double>(units.find(unit[0]) + 1));
  else if (!unit.empty())
    return std::nullopt;
  const double value = std::strtod(count.c_str(), nullptr) * factor;
  if (!(value >= 0 && value < 1e18))
    return std::nullopt;
  return static_cast<unsigned long long>(value);
}

std::string duration_of(double seconds) {
  const double limit = 24.0 * 3650 * 3600;
  const auto nanoseconds = std::chrono::duration<double>{std::clamp(seconds, 0.0, limit)};
  return config::format_duration(
      std::chrono::duration_cast<std::chrono::microseconds>(nanoseconds));
}

std::string size_of(unsigned long long count) {
  static constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
  if (count == 0)
    return "0B";
  std::size_t unit = 0;
  while (unit + 1 < units.size() && count % 1024 == 0) {
    count /= 1024;
    ++unit;
  }
  return std::to_string(count) + units[unit];
}

std::optional<std::string> signal_of(std::string_view text) {
  std::string word{trimmed(text)};
  std::ranges::transform(word, word.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (const auto value = number(word)) {
    const char* name = *value > 0 && *value < 65 ? sigabbrev_np(static_cast<int>(*value)) : nullptr;
    if (name)
      return std::string{name};
    return *value > 0 && *value < 65 ? std::optional{word} : std::nullopt;
  }
  if (word.starts_with("SIG"))
    word.erase(0, 3);
  if (config::parse_signal(word) == 0)
    return std::nullopt;
  return word;
}

bool valid_variable(std::string_view name) {
  return !name.empty() && name.find_first_of("=${} \t\n") == std::string_view::npos;
}

void set_variable(imported_bot& bot, const std::string& name, std::string value,
                  const place& from) {
  if (!valid_variable(name)) {
    bot.lost(from, "environment", config::in_quotes(name) + " is no name of a variable");
    return;
  }
  if (name.starts_with("TROUPE_")) {
    bot.lost(from, name, "names that begin with TROUPE_ belong to the runtime", "rename it");
    return;
  }
  warn_of_secret(bot, name, value, from);
  bot.set_in("environment", name, std::move(value), from);
}

void set_account_of(imported_bot& bot, const char* key, const std::string& account,
                    const place& from) {
  const auto id = number(account);
  bot.set(key, id ? json(*id) : json(account), from);
}

void warn_of_secret(imported_bot& bot, const std::string& name, const std::string& value,
                    const place& from) {
  const bool placeholder = value.starts_with("${");
  if (value.empty() || placeholder
      || (!config::names_a_secret(name) && !config::carries_password(value)))
    return;
  auto file = config::suggest_name(lower(name));
  if (file.empty())
    file = "name";
  bot.remark_on(
      weight::warning, from, name, "its value looks like a secret and now stands in the tree",
      "put it into secrets/" + file + " (mode 0600) and write \"${secret:" + file + "}\" instead");
}

} // namespace troupe::importing
