#include "runtime/logs/reading/names.hpp"

#include "config/names.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

namespace troupe::log_reading {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_entries = 100'000;
constexpr int most_levels = 32;

/// «market/trader#0» of «market/trader.0»; nothing when it is no instance.
std::optional<std::string> instance_at(const std::string& stem) {
  const auto dot = stem.rfind('.');
  if (dot == std::string::npos)
    return std::nullopt;
  auto result = stem;
  result[dot] = '#';
  const auto name = config::split_instance(result);
  if (!name || !name->index
      || logs::stem_of(config::join_instance(name->bot, *name->index)) != stem)
    return std::nullopt;
  return result;
}

} // namespace

std::string log_place::directory() const {
  return stem.substr(0, stem.rfind('/'));
}

log_place place_of(const std::string& logs, std::string_view instance) {
  return {logs + "/" + logs::stem_of(instance)};
}

std::uint32_t highest_number(const log_place& place) {
  std::uint32_t result = 0;
  std::error_code error;
  const auto directory = place.directory();
  fs::directory_iterator entry{directory, error};
  for (std::size_t seen = 0; !error && entry != fs::directory_iterator{} && seen < most_entries;
       ++seen, entry.increment(error)) {
    const auto name = logs::parse_file_name(entry->path().native());
    if (name && !name->index && name->stem == place.stem)
      result = std::max(result, name->number);
  }
  return result;
}

std::string instance_of_file(std::string_view path) {
  const auto name = logs::parse_file_name(path);
  return name && !name->index ? instance_at(name->stem).value_or("") : "";
}

log_listing list_logs(const std::string& logs) {
  log_listing result;
  std::error_code error;
  // An iterator that skips what it may not read says nothing of the first directory.
  fs::directory_iterator{logs, error};
  result.error = error.value();
  if (error)
    return result;
  fs::recursive_directory_iterator entry{logs, fs::directory_options::skip_permission_denied,
                                         error};
  for (std::size_t seen = 0;
       !error && entry != fs::recursive_directory_iterator{} && seen < most_entries; ++seen) {
    const auto& path = entry->path().native();
    const auto name = logs::parse_file_name(std::string_view{path}.substr(logs.size() + 1));
    if (name && !name->index) {
      if (const auto instance = instance_at(name->stem)) {
        auto& highest = result.instances[*instance];
        highest = std::max(highest, name->number);
      }
    } else if (entry.depth() >= most_levels) {
      entry.disable_recursion_pending();
    }
    entry.increment(error);
  }
  return result;
}

} // namespace troupe::log_reading
