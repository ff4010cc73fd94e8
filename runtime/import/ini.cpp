#include "runtime/import/ini.hpp"

#include "runtime/import/words.hpp"

#include <algorithm>

namespace troupe::importing {

namespace {

/// The line without a comment: «;» or «#» at its beginning or after a blank.
std::string_view without_comment(std::string_view line, bool& had_comment) {
  for (std::size_t at = 0; at < line.size(); ++at)
    if ((line[at] == ';' || line[at] == '#')
        && (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t')) {
      had_comment = true;
      return line.substr(0, at);
    }
  return line;
}

} // namespace

const ini_entry* ini_section::find(std::string_view key) const {
  const auto found = std::ranges::find(entries.rbegin(), entries.rend(), key, &ini_entry::key);
  return found == entries.rend() ? nullptr : &*found;
}

config::expected<std::vector<ini_section>, failure> parse_ini(const source& from) {
  std::vector<ini_section> result;
  std::size_t section = 0;
  bool in_section = false;
  ini_entry* open = nullptr;
  std::size_t open_indent = 0;
  std::uint32_t line_number = 0;
  std::string_view rest = from.text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    bool had_comment = false;
    const auto line = without_comment(rest.substr(0, end), had_comment);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++line_number;
    const auto value = trimmed(line);
    if (value.empty()) {
      if (open && !had_comment)
        open->value += '\n';
      continue;
    }
    const auto indent = line.find_first_not_of(" \t\r\f\v");
    if (open && indent > open_indent) {
      open->value += '\n' + std::string{value};
      continue;
    }
    const place where{from.path, line_number};
    open = nullptr;
    if (value.front() == '[' && value.find(']') != std::string_view::npos) {
      const std::string name{value.substr(1, value.rfind(']') - 1)};
      const auto known = std::ranges::find(result, name, &ini_section::name);
      section = static_cast<std::size_t>(known - result.begin());
      if (known == result.end())
        result.push_back({name, where, {}});
      in_section = true;
      continue;
    }
    const auto delimiter = value.find_first_of("=:");
    if (!in_section || delimiter == std::string_view::npos || delimiter == 0)
      return config::unexpected{failure{
          from.path, line_number,
          in_section ? "is neither [section] nor key=value" : "stands before the first [section]",
          in_section ? "supervisord refuses the file too: mend it first"
                     : "is it really a supervisord.conf? --format says what it is"}};
    auto& entries = result[section].entries;
    entries.push_back({lower(trimmed(value.substr(0, delimiter))),
                       std::string{trimmed(value.substr(delimiter + 1))}, where});
    open = &entries.back();
    open_indent = indent;
  }
  for (auto& each : result)
    for (auto& entry : each.entries)
      entry.value = std::string{trimmed(entry.value)};
  return result;
}

} // namespace troupe::importing
