#include "runtime/import/unit_words.hpp"

#include "config/names.hpp"
#include "runtime/import/words.hpp"
#include "runtime/os/files.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace troupe::importing {

namespace {

/// «a-b\x2dc» as systemd-escape(1) reads it: a path's slashes are dashes.
std::string unescaped(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x') {
      result +=
          static_cast<char>(std::strtol(std::string{text.substr(i + 2, 2)}.c_str(), nullptr, 16));
      i += 3;
    } else {
      result += text[i] == '-' ? '/' : text[i];
    }
  }
  return result;
}

bool is_variable_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

/// A `$NAME` or `${NAME}` at `at`: its name and where it ends; an empty name when there is none.
struct variable_at {
  std::string name;
  std::size_t end = 0;
};
variable_at variable_in(std::string_view word, std::size_t at) {
  const bool braces = at + 1 < word.size() && word[at + 1] == '{';
  auto end = at + (braces ? 2 : 1);
  const auto start = end;
  while (end < word.size() && is_variable_char(word[end]))
    ++end;
  if (end == start || (braces && (end == word.size() || word[end] != '}')))
    return {"", at + 1};
  return {std::string{word.substr(start, end - start)}, end + (braces ? 1 : 0)};
}

} // namespace

unit_manager manager_of(const std::string& path) {
  unit_manager result;
  std::error_code error;
  const auto full = std::filesystem::absolute(path, error).lexically_normal().string();
  result.of_user = full.find("/systemd/user/") != std::string::npos;
  struct stat about {};
  if (result.of_user)
    result.uid = stat(full.c_str(), &about) == 0 && about.st_uid != 0 ? about.st_uid : geteuid();
  result.name = std::to_string(result.uid);
  if (const auto* account = getpwuid(result.uid)) {
    result.name = account->pw_name;
    result.home = account->pw_dir;
    result.shell = account->pw_shell;
    result.gid = account->pw_gid;
  }
  return result;
}

specifiers specifiers_of(const std::string& unit, const std::string& path,
                         const unit_manager& manager) {
  const auto stem = unit.substr(0, unit.rfind('.'));
  const auto at = stem.find('@');
  const auto prefix = stem.substr(0, at);
  const auto instance = at == std::string::npos ? std::string{} : stem.substr(at + 1);
  const auto final = prefix.substr(prefix.rfind('-') + 1);
  specifiers result{
      {'n', unit},
      {'N', stem},
      {'p', prefix},
      {'P', unescaped(prefix)},
      {'i', instance},
      {'I', unescaped(instance)},
      {'j', final},
      {'J', unescaped(final)},
      {'f', "/" + unescaped(instance.empty() ? prefix : instance)},
      {'t', "/run"},
      {'S', "/var/lib"},
      {'C', "/var/cache"},
      {'L', "/var/log"},
      {'E', "/etc"},
      {'T', "/tmp"},
      {'V', "/var/tmp"},
      {'y', path},
      {'Y', path.substr(0, path.rfind('/'))},
      {'u', manager.name},
      {'U', std::to_string(manager.uid)},
      {'G', std::to_string(manager.gid)},
      {'h', manager.home},
      {'s', manager.shell},
  };
  // The XDG directories of a user have these values unless that user's environment says otherwise.
  if (manager.of_user) {
    result['t'] = "/run/user/" + std::to_string(manager.uid);
    result['C'] = manager.home + "/.cache";
    result['E'] = result['S'] = manager.home + "/.config";
    result['L'] = result['S'] + "/log";
  }
  utsname about{};
  if (uname(&about) == 0) {
    result['H'] = about.nodename;
    result['l'] = result['H'].substr(0, result['H'].find('.'));
    result['v'] = about.release;
  }
  if (const auto id = os::read_file("/etc/machine-id"))
    result['m'] = trimmed(*id);
  return result;
}

config::expected<std::string, std::string> with_specifiers(std::string_view text,
                                                           const specifiers& known) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 1 == text.size()) {
      result += text[i];
    } else if (text[++i] == '%') {
      result += '%';
    } else if (const auto found = known.find(text[i]); found != known.end()) {
      result += found->second;
    } else {
      return config::unexpected{"the specifier " + config::in_quotes(text.substr(i - 1, 2))
                                + " is not known here"};
    }
  }
  return result;
}

std::optional<std::vector<std::string>> unit_words(std::string_view text, unit_quoting how) {
  const bool strict = how == unit_quoting::of_lines;
  std::vector<std::string> result;
  std::string word;
  bool inside = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size()) {
      static constexpr std::string_view from = "abfnrtvs";
      static constexpr std::string_view to = "\a\b\f\n\r\t\v ";
      const char next = text[++i];
      inside = true;
      if (!strict) {
        word += next;
      } else if (const auto known = from.find(next); known != std::string_view::npos) {
        word += to[known];
      } else if (next == 'x' && i + 2 < text.size()
                 && std::isxdigit(static_cast<unsigned char>(text[i + 1]))
                 && std::isxdigit(static_cast<unsigned char>(text[i + 2]))) {
        word +=
            static_cast<char>(std::strtol(std::string{text.substr(i + 1, 2)}.c_str(), nullptr, 16));
        i += 2;
      } else if (next == '\\' || next == '"' || next == '\'') {
        word += next;
      } else {
        word += c;
        word += next;
      }
    } else if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
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
  if (quote != 0 && strict)
    return std::nullopt;
  if (inside)
    result.push_back(std::move(word));
  return result;
}

namespace {

/// The line cut at each lone, unquoted `;`. A lone `\;` becomes a quoted one.
std::vector<std::string> commands_of(std::string_view line) {
  const auto blank = [&](std::size_t at) {
    return at >= line.size() || std::isspace(static_cast<unsigned char>(line[at]));
  };
  std::vector<std::string> result(1);
  char quote = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    const bool starts = quote == 0 && (at == 0 || blank(at - 1));
    if (starts && c == ';' && blank(at + 1)) {
      result.emplace_back();
    } else if (starts && line.substr(at, 2) == "\\;" && blank(at + 2)) {
      result.back() += "';'";
      ++at;
    } else {
      result.back() += c;
      if (c == '\\' && at + 1 < line.size())
        result.back() += line[++at];
      else if (quote != 0 ? c == quote : c == '"' || c == '\'')
        quote = quote != 0 ? '\0' : c;
    }
  }
  // One at the end separates nothing.
  if (result.size() > 1 && trimmed(result.back()).empty())
    result.pop_back();
  return result;
}

config::expected<exec_line, std::string> parse_command(std::string_view value,
                                                       const specifiers& known) {
  exec_line result;
  value = trimmed(value);
  for (bool prefix = true; prefix && !value.empty();) {
    switch (value.front()) {
    case '-':
      result.ignores_failure = true;
      break;
    case '@':
      result.named = true;
      break;
    case ':':
      result.literal_dollars = true;
      break;
    case '+':
    case '!':
      result.privileged = true;
      break;
    default:
      prefix = false;
    }
    if (prefix)
      value.remove_prefix(1);
  }
  const auto words = unit_words(value);
  if (!words)
    return config::unexpected{std::string{"a quote is left open"}};
  for (const auto& word : *words) {
    auto text = with_specifiers(word, known);
    if (!text)
      return config::unexpected{text.error()};
    result.words.push_back(std::move(*text));
  }
  if (result.named && result.words.size() > 1)
    result.words.erase(result.words.begin() + 1);
  if (result.words.empty())
    return config::unexpected{std::string{"is empty"}};
  return result;
}

} // namespace

config::expected<std::vector<exec_line>, std::string> parse_exec(std::string_view value,
                                                                 const specifiers& known) {
  std::vector<exec_line> result;
  for (const auto& text : commands_of(trimmed(value))) {
    auto command = parse_command(text, known);
    if (!command)
      return config::unexpected{command.error()};
    result.push_back(std::move(*command));
  }
  return result;
}

namespace {

/// The variable that is the whole word, without braces; "" when it is none.
std::string whole_variable(std::string_view word) {
  if (!word.starts_with('$') || word.starts_with("${"))
    return "";
  const auto found = variable_in(word, 0);
  return found.end == word.size() ? found.name : "";
}

/// Words with the variables of `env` replaced; nothing when others are left.
std::optional<std::vector<std::string>> replaced(const exec_line& line,
                                                 const std::map<std::string, std::string>& env) {
  std::vector<std::string> result;
  for (const auto& word : line.words) {
    std::string text;
    bool splits = false;
    for (std::size_t i = 0; i < word.size(); ++i) {
      if (word[i] != '$' || line.literal_dollars) {
        text += word[i];
        continue;
      }
      if (i + 1 < word.size() && word[i + 1] == '$') {
        text += '$';
        ++i;
        continue;
      }
      const auto variable = variable_in(word, i);
      const bool braces = i + 1 < word.size() && word[i + 1] == '{';
      // Without braces only a word of its own is a variable.
      if (variable.name.empty() || (!braces && (i != 0 || variable.end != word.size()))) {
        text += '$';
        continue;
      }
      const auto found = env.find(variable.name);
      if (found == env.end())
        return std::nullopt;
      text += found->second;
      splits = !braces;
      i = variable.end - 1;
    }
    if (!splits) {
      result.push_back(std::move(text));
      continue;
    }
    auto parts = *unit_words(text, unit_quoting::of_values);
    std::ranges::move(parts, std::back_inserter(result));
  }
  return result;
}

/// One line for a shell, with the variables left to it.
std::string for_shell(const exec_line& line, const std::map<std::string, std::string>& env) {
  std::string result;
  if (const auto words = replaced(line, env)) {
    for (const auto& word : *words)
      result += (result.empty() ? "" : " ") + shell_quoted(word);
    return result;
  }
  for (const auto& word : line.words) {
    std::string text;
    std::string plain;
    const auto flush = [&] {
      if (!plain.empty())
        text += shell_quoted(plain);
      plain.clear();
    };
    for (std::size_t i = 0; i < word.size(); ++i) {
      const bool doubled = word[i] == '$' && i + 1 < word.size() && word[i + 1] == '$';
      const auto variable = word[i] == '$' && !doubled ? variable_in(word, i) : variable_at{};
      const bool braces = i + 1 < word.size() && word[i + 1] == '{';
      if (variable.name.empty() || (!braces && (i != 0 || variable.end != word.size()))) {
        plain += word[i];
        i += doubled ? 1 : 0;
        continue;
      }
      flush();
      text += braces ? "\"$" + variable.name + "\"" : "$" + variable.name;
      i = variable.end - 1;
    }
    flush();
    result += (result.empty() ? "" : " ") + (text.empty() ? std::string{"''"} : text);
  }
  return result;
}

} // namespace

std::set<std::string> split_by_shell(const std::vector<exec_line>& lines,
                                     const std::map<std::string, std::string>& env) {
  std::set<std::string> result;
  for (const auto& line : lines)
    if (!replaced(line, env))
      for (const auto& word : line.words)
        if (auto name = whole_variable(word); !name.empty())
          result.insert(std::move(name));
  return result;
}

json exec_command(const std::vector<exec_line>& lines,
                  const std::map<std::string, std::string>& env) {
  if (lines.size() == 1 && !lines.front().ignores_failure)
    if (const auto words = replaced(lines.front(), env); words && !words->empty()) {
      auto result = json::array();
      for (const auto& word : *words)
        result.push_back(literal(word));
      return result;
    }
  std::string script;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto line = for_shell(lines[i], env);
    if (i > 0)
      script += " && ";
    if (lines[i].ignores_failure)
      script += "{ " + line + " || true; }";
    else
      script += (lines.size() == 1 ? "exec " : "") + line;
  }
  return json::array({"/bin/sh", "-c", literal(script)});
}

std::optional<double> unit_seconds(std::string_view text) {
  static const std::map<std::string, double, std::less<>> units{
      {"", 1},        {"s", 1},         {"sec", 1},       {"second", 1},  {"seconds", 1},
      {"ms", 1e-3},   {"msec", 1e-3},   {"us", 1e-6},     {"usec", 1e-6}, {"m", 60},
      {"min", 60},    {"minute", 60},   {"minutes", 60},  {"h", 3600},    {"hr", 3600},
      {"hour", 3600}, {"hours", 3600},  {"d", 86400},     {"day", 86400}, {"days", 86400},
      {"w", 604800},  {"week", 604800}, {"weeks", 604800}};
  text = trimmed(text);
  if (text == "infinity")
    return -1;
  if (text.empty())
    return std::nullopt;
  double result = 0;
  while (!text.empty()) {
    const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
    if (digits == 0)
      return std::nullopt;
    const double value = std::strtod(std::string{text.substr(0, digits)}.c_str(), nullptr);
    text = trimmed(text.substr(digits));
    const auto end = std::min(text.find_first_of("0123456789. \t"), text.size());
    const auto unit = units.find(text.substr(0, end));
    if (unit == units.end())
      return std::nullopt;
    result += value * unit->second;
    text = trimmed(text.substr(end));
  }
  return result;
}

} // namespace troupe::importing
