#include "runtime/import/unit_file.hpp"

#include "runtime/import/words.hpp"

#include <algorithm>
#include <filesystem>

namespace troupe::importing {

namespace fs = std::filesystem;

std::vector<const unit_entry*> unit_file::all(std::string_view section,
                                              std::string_view key) const {
  std::vector<const unit_entry*> result;
  for (const auto& entry : entries) {
    if (entry.section != section || entry.key != key)
      continue;
    if (entry.value.empty())
      result.clear();
    else
      result.push_back(&entry);
  }
  return result;
}

const unit_entry* unit_file::find(std::string_view section, std::string_view key) const {
  const auto found = all(section, key);
  return found.empty() ? nullptr : found.back();
}

std::string unit_file::value(std::string_view section, std::string_view key) const {
  const auto* entry = find(section, key);
  return entry ? entry->value : std::string{};
}

std::optional<failure> parse_unit(const source& from, unit_file& into) {
  std::string section;
  std::string pending; // lines that go on
  std::uint32_t line_number = 0;
  std::uint32_t first_line = 0;
  std::string_view rest = from.text;
  while (!rest.empty() || !pending.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    auto line = rest.substr(0, end);
    const bool last = rest.empty();
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++line_number;
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    const auto bare = trimmed(line);
    if (bare.starts_with('#') || bare.starts_with(';'))
      continue; // also between lines that go on
    if (pending.empty())
      first_line = line_number;
    if (line.ends_with('\\') && !last) {
      pending += line.substr(0, line.size() - 1);
      pending += ' ';
      continue;
    }
    const auto whole = pending + std::string{line};
    pending.clear();
    const auto text = trimmed(whole);
    if (text.empty())
      continue;
    if (text.front() == '[' && text.back() == ']') {
      section = text.substr(1, text.size() - 2);
      continue;
    }
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0 || section.empty())
      return failure{from.path, first_line,
                     section.empty() ? "stands before the first [Section]" : "is no assignment",
                     "`systemd-analyze verify` says more"};
    into.entries.push_back({section,
                            std::string{trimmed(text.substr(0, equals))},
                            std::string{trimmed(text.substr(equals + 1))},
                            {from.path, first_line}});
  }
  return std::nullopt;
}

config::expected<source, failure> read_unit_source(const std::string& path) {
  auto result = read_source(path);
  const fs::path full{path};
  const auto name = full.filename().string();
  const auto at = name.find('@');
  std::error_code error;
  if (result || at == std::string::npos || fs::exists(fs::symlink_status(full, error)))
    return result;
  auto model = read_source((full.parent_path() / (name.substr(0, at + 1) + ".service")).string());
  return model ? std::move(model) : std::move(result);
}

} // namespace troupe::importing
