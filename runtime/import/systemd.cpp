#include "runtime/import/systemd.hpp"

#include "config/names.hpp"
#include "runtime/import/systemd_service.hpp"
#include "runtime/import/unit_drop_ins.hpp"
#include "runtime/import/words.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

namespace troupe::importing {

std::optional<failure> systemd_units::add(const source& from, const std::string& path) {
  known_unit unit;
  unit.path = from.path;
  unit.file.name = std::filesystem::path{path}.filename().string();
  if (!unit.file.name.ends_with(".service"))
    unit.file.name += ".service";
  if (auto why = parse_unit(from, unit.file))
    return why;
  for (const auto& file : drop_ins_of(path)) {
    const auto more = read_source(file);
    if (!more)
      return more.error();
    if (auto why = parse_unit(*more, unit.file))
      return why;
  }
  // A template alone has no instance but its default one.
  if (const auto at = unit.file.name.find("@."); at != std::string::npos) {
    const auto instance = unit.file.value("Install", "DefaultInstance");
    if (instance.empty() && !unit.file.entries.empty())
      return failure{from.path, 0, "is a template, and no instance is named",
                     "name what is to run: " + unit.file.name.substr(0, at + 1) + "NAME.service"};
    unit.file.name.insert(at + 1, instance);
  }
  units_.push_back(std::move(unit));
  return std::nullopt;
}

systemd_units::known_unit* systemd_units::find(const std::string& name) {
  const auto found =
      std::ranges::find(units_, name, [](const known_unit& one) { return one.file.name; });
  return found == units_.end() || found->bot.empty() ? nullptr : &*found;
}

void systemd_units::import(imported_fleet& fleet) {
  for (auto& unit : units_) {
    if (unit.file.entries.empty()) {
      fleet.remark_on(weight::lost, {unit.path, 0}, unit.file.name,
                      "is empty or masked: there is nothing to run");
      continue;
    }
    if (const auto* bot = import_service(unit.file, unit.path, fleet))
      unit.bot = bot->name;
  }
  see_what_starts();
  for (auto& unit : units_)
    if (!unit.bot.empty())
      depend(fleet, unit);
}

namespace {

constexpr std::array needs{"Requires", "Wants", "BindsTo", "Requisite", "Upholds"};
constexpr std::array installs{"WantedBy", "RequiredBy", "UpheldBy"};

std::vector<std::pair<std::string, const unit_entry*>> names(const unit_file& of, const char* key) {
  std::vector<std::pair<std::string, const unit_entry*>> result;
  for (const auto* entry : of.all("Unit", key))
    for (const auto& name : split(entry->value, " \t"))
      result.emplace_back(name, entry);
  return result;
}

bool is_needed(const unit_file& by, const std::string& name) {
  return std::ranges::any_of(needs, [&](const char* key) {
    return std::ranges::any_of(names(by, key), [&](const auto& one) { return one.first == name; });
  });
}

} // namespace

void systemd_units::see_what_starts() {
  for (auto& unit : units_)
    unit.starts = !unit.bot.empty() && std::ranges::any_of(installs, [&](const char* key) {
      return unit.file.find("Install", key) != nullptr;
    });
  for (bool more = true; more;) {
    more = false;
    for (auto& unit : units_)
      if (!unit.starts && !unit.bot.empty()
          && std::ranges::any_of(units_, [&](const known_unit& by) {
               return by.starts && is_needed(by.file, unit.file.name);
             }))
        unit.starts = more = true;
  }
}

/// After and Before order; Requires, Wants and the like say how strictly.
void systemd_units::depend(imported_fleet& fleet, known_unit& unit) {
  auto& bot = *fleet.find(unit.bot);
  if (!unit.starts) {
    bot.set("autostart", false, bot.where);
    bot.changed(bot.where, "Install",
                "names nothing that wants it, and no unit imported with it does, so it does not "
                "start with the fleet",
                "remove \"autostart\": false, or let what started it, such as its timer, call "
                "`troupe start "
                    + bot.name + "`");
  }
  const auto wait_for = [&](const known_unit& other, bool strictly, const unit_entry& said) {
    // Order alone is nothing to wait for where the other is not started.
    if (!strictly && !fleet.find(other.bot)->settings.value("autostart", other.starts)) {
      bot.changed(said.where, said.key,
                  other.bot + " does not start with the fleet, so nobody waits for it",
                  "\"depends_on\" lets it wait");
      return;
    }
    const bool job = other.file.value("Service", "Type") == "oneshot";
    bot.set_in("depends_on", other.bot,
               job        ? "completed"
               : strictly ? "ready"
                          : "started",
               said.where);
  };
  const auto not_here = [&](const std::string& name, const unit_entry& entry) {
    const bool target = name.ends_with(".target");
    bot.lost(entry.where, entry.key, name + (target ? " is a target" : " is not imported with it"),
             target ? "start the fleet after it: After= in troupe.service"
                    : "name it on the command line too, or start the fleet after it");
  };
  for (const auto& [name, entry] : names(unit.file, "After")) {
    if (const auto* other = find(name); other && other != &unit)
      wait_for(*other, is_needed(unit.file, name), *entry);
    else if (!other)
      not_here(name, *entry);
  }
  // What others say about this one.
  for (const auto& other : units_)
    if (!other.bot.empty() && &other != &unit)
      for (const auto& [name, entry] : names(other.file, "Before"))
        if (name == unit.file.name)
          wait_for(other, is_needed(unit.file, other.file.name), *entry);
  for (const auto& [name, entry] : names(unit.file, "Before"))
    if (!find(name))
      not_here(name, *entry);
  for (const char* key : needs)
    for (const auto& [name, entry] : names(unit.file, key)) {
      const auto* other = find(name);
      if (!other)
        not_here(name, *entry);
      else if (!bot.settings.value("depends_on", json::object()).contains(other->bot))
        bot.changed(entry->where, key, "nobody waits for " + other->bot,
                    "\"depends_on\" lets it wait");
      if (other && (std::string_view{key} == "BindsTo" || std::string_view{key} == "Upholds"))
        bot.lost(entry->where, key, "bots do not end with what they depend on",
                 "put both into one folder with \"strategy\": \"rest_for_one\"");
    }
  for (const auto& [name, entry] : names(unit.file, "PartOf"))
    bot.lost(entry->where, "PartOf", "a bot is not stopped and restarted with " + name,
             "put both into one folder with \"strategy\": \"one_for_all\"");
  for (const char* key : installs)
    for (const auto* entry : unit.file.all("Install", key))
      if (entry->value.find("multi-user.target") == std::string::npos
          && entry->value.find("default.target") == std::string::npos
          && entry->value.find("graphical.target") == std::string::npos)
        bot.changed(entry->where, key, entry->value + ": here it starts with the fleet",
                    "\"autostart\": false");
}

} // namespace troupe::importing
