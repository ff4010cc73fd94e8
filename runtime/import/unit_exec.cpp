#include "runtime/import/unit_exec.hpp"

#include "runtime/import/words.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>

namespace troupe::importing {

namespace {

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

} // namespace troupe::importing
