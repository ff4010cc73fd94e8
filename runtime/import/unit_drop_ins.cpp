#include "runtime/import/unit_drop_ins.hpp"

#include "runtime/import/unit_words.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <ranges>
#include <string_view>

namespace troupe::importing {

namespace fs = std::filesystem;

namespace {

/// Where the manager of a unit looks for units, the strongest first.
std::vector<std::string> load_path(const unit_manager& manager) {
  if (!manager.of_user)
    return {"/etc/systemd/system.control", "/run/systemd/system.control",
            "/run/systemd/transient",      "/run/systemd/generator.early",
            "/etc/systemd/system",         "/etc/systemd/system.attached",
            "/run/systemd/system",         "/run/systemd/system.attached",
            "/run/systemd/generator",      "/usr/local/lib/systemd/system",
            "/lib/systemd/system",         "/usr/lib/systemd/system",
            "/run/systemd/generator.late"};
  const auto config = manager.home + "/.config/systemd/";
  const auto run = "/run/user/" + std::to_string(manager.uid) + "/systemd/";
  return {config + "user.control",
          run + "user.control",
          run + "transient",
          run + "generator.early",
          config + "user",
          "/etc/xdg/systemd/user",
          "/etc/systemd/user",
          run + "user",
          "/run/systemd/user",
          run + "generator",
          manager.home + "/.local/share/systemd/user",
          "/usr/local/share/systemd/user",
          "/usr/share/systemd/user",
          "/usr/local/lib/systemd/user",
          "/usr/lib/systemd/user",
          run + "generator.late"};
}

/// Adds the unit, its template, and those cut after a dash, the strongest first. `instance` is
/// «@x» or, of a template, «@».
void add_names(const std::string& prefix, const std::string& instance,
               std::vector<std::string>& names) {
  names.push_back(prefix + instance + ".service.d");
  const bool named = instance.size() > 1;
  if (named)
    add_names(prefix, "@", names);
  const auto dash = prefix.size() < 2 ? std::string::npos : prefix.rfind('-', prefix.size() - 2);
  if (dash != std::string::npos && dash > 0)
    add_names(prefix.substr(0, dash + 1), named ? instance : "", names);
}

} // namespace

std::vector<std::string> drop_in_directories(const std::string& path) {
  std::error_code error;
  const auto full = fs::absolute(path, error).lexically_normal();
  const auto here = full.parent_path().string();
  auto places = load_path(manager_of(path));
  if (std::ranges::find(places, here) == places.end())
    places = {here};
  std::ranges::reverse(places);
  auto stem = full.filename().string();
  if (stem.ends_with(".service"))
    stem.resize(stem.size() - std::string_view{".service"}.size());
  const auto at = std::min(stem.find('@'), stem.size());
  std::vector<std::string> names;
  add_names(stem.substr(0, at), stem.substr(at), names);
  std::vector<std::string> result;
  for (const auto& place : places)
    result.push_back(place + "/service.d");
  for (const auto& place : places)
    for (const auto& name : std::views::reverse(names))
      result.push_back(place + "/" + name);
  return result;
}

std::vector<std::string> drop_ins_of(const std::string& path) {
  // A name that is there twice counts where it is strongest.
  std::map<std::string, std::string> found;
  std::error_code error;
  for (const auto& directory : drop_in_directories(path))
    for (fs::directory_iterator entry{directory, error}, end; !error && entry != end;
         entry.increment(error))
      if (entry->path().extension() == ".conf")
        found[entry->path().filename().string()] = entry->path().string();
  std::vector<std::string> result;
  for (const auto& [file, where] : found)
    result.push_back(where);
  return result;
}

} // namespace troupe::importing
