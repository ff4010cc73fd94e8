#include "config/problem.hpp"

#include "config/escape.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>

namespace troupe::config {

namespace {

/// Widest excerpt of a source line; longer lines are shown around the place.
constexpr std::size_t excerpt_width = 96;

auto order_of(const problem& what) {
  return std::tie(what.file, what.line, what.column, what.message, what.pointer, what.expected,
                  what.hint);
}

bool continues(char byte) {
  return (byte & 0xc0) == 0x80;
}

std::string_view line_of(std::string_view text, std::uint32_t line) {
  for (std::uint32_t at = 1; at < line; ++at) {
    auto end = text.find('\n');
    if (end == std::string_view::npos)
      return {};
    text.remove_prefix(end + 1);
  }
  if (text.starts_with("\xef\xbb\xbf"))
    text.remove_prefix(3);
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r'))
    text.remove_suffix(1);
  return text;
}

/// Number of characters that the caret underlines: the token at that place.
std::size_t token_width(std::string_view rest) {
  if (rest.empty())
    return 1;
  std::size_t end = 1;
  if (rest.front() == '"') {
    while (end < rest.size() && rest[end] != '"')
      end += rest[end] == '\\' ? 2 : 1;
    end = std::min(end + 1, rest.size());
  } else if (std::string_view{"{}[],:"}.find(rest.front()) == std::string_view::npos) {
    end = std::min(rest.find_first_of(" \t,:{}[]\"/"), rest.size());
  }
  const auto shown = escape(rest.substr(0, std::max<std::size_t>(end, 1)));
  auto width = std::count_if(shown.begin(), shown.end(), [](char c) { return !continues(c); });
  return std::max<std::size_t>(static_cast<std::size_t>(width), 1);
}

std::string excerpt(const problem& what, std::string_view text, std::string_view mark,
                    std::string_view plain) {
  auto line = line_of(text, what.line);
  std::size_t at = 0;
  for (std::uint32_t column = 1; column < what.column && at < line.size(); ++column)
    for (++at; at < line.size() && continues(line[at]);)
      ++at;
  auto begin = at > excerpt_width / 2 && line.size() > excerpt_width ? at - excerpt_width / 2 : 0;
  while (begin > 0 && continues(line[begin]))
    --begin;
  auto end = std::min(begin + excerpt_width, line.size());
  while (end < line.size() && continues(line[end]))
    ++end;
  auto before = escape(line.substr(begin, at - begin));
  auto after = line.substr(at, end - at);
  auto indent = static_cast<std::size_t>(
      std::count_if(before.begin(), before.end(), [](char c) { return !continues(c); }));
  bool cut_left = begin > 0;
  auto number = std::to_string(what.line);
  std::string gutter(number.size() < 5 ? 5 - number.size() : 0, ' ');
  std::string result = gutter + number + " | " + (cut_left ? "…" : "") + before + escape(after)
                       + (end < line.size() ? "…" : "") + '\n';
  result += std::string(gutter.size() + number.size(), ' ') + " | "
            + std::string(indent + (cut_left ? 1 : 0), ' ');
  result += mark;
  result += '^' + std::string(token_width(after) - 1, '~');
  result += plain;
  return result + '\n';
}

} // namespace

problem file_problem(std::string file, std::string message, std::string expected,
                     std::string hint) {
  return {std::move(file), 0, 0, {}, std::move(message), std::move(expected), std::move(hint)};
}

void sort_problems(std::vector<problem>& problems) {
  std::sort(problems.begin(), problems.end(),
            [](const problem& a, const problem& b) { return order_of(a) < order_of(b); });
  problems.erase(std::unique(problems.begin(), problems.end()), problems.end());
}

std::string render(const problem& what, const tree* source, bool colour) {
  std::string_view bold = colour ? "\x1b[1m" : "";
  std::string_view plain = colour ? "\x1b[0m" : "";
  bool is_error = what.level == severity::error;
  std::string_view mark = !colour ? "" : is_error ? "\x1b[1;31m" : "\x1b[1;33m";

  std::string place = escape(what.file);
  if (what.line != 0)
    place += ':' + std::to_string(what.line) + ':' + std::to_string(what.column);
  std::string result;
  if (!place.empty()) {
    result += bold;
    result += place + ": ";
    result += plain;
  }
  result += mark;
  result += is_error ? "error: " : "warning: ";
  result += plain;
  result += escape(what.message) + '\n';
  if (const auto* file = source && what.line != 0 ? source->find(what.file) : nullptr)
    result += excerpt(what, file->text, mark, plain);
  if (!what.expected.empty())
    result += "  expected: " + escape(what.expected) + '\n';
  if (!what.hint.empty())
    result += "  hint: " + escape(what.hint) + '\n';
  return result;
}

nlohmann::json to_json(const problem& what) {
  // Who takes a list of NAME=value for an object may write a value into a key.
  const auto pointer = what.pointer.substr(0, what.pointer.find_first_of("=:"));
  return {
      {"file", what.file},       {"line", what.line},
      {"column", what.column},   {"pointer", pointer},
      {"message", what.message}, {"expected", what.expected},
      {"hint", what.hint},       {"level", what.level == severity::error ? "error" : "warning"}};
}

} // namespace troupe::config
