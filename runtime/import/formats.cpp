#include "runtime/import/formats.hpp"

#include "config/spec.hpp"
#include "config/units.hpp"
#include "runtime/import/compose.hpp"
#include "runtime/import/pm2.hpp"
#include "runtime/import/procfile.hpp"
#include "runtime/import/supervisord.hpp"
#include "runtime/import/systemd.hpp"
#include "runtime/import/words.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

namespace troupe::importing {

namespace {

constexpr std::array names{
    std::pair{format::supervisord, std::string_view{"supervisord"}},
    std::pair{format::pm2, std::string_view{"pm2"}},
    std::pair{format::procfile, std::string_view{"procfile"}},
    std::pair{format::systemd, std::string_view{"systemd"}},
    std::pair{format::compose, std::string_view{"compose"}},
};

bool has_line(std::string_view text, std::string_view start) {
  return text.starts_with(start) || text.find("\n" + std::string{start}) != std::string_view::npos;
}

/// No other tool has our limits, so they are told: once, and only where something restarts.
void say_restarts(imported_fleet& fleet) {
  const auto found = std::ranges::find_if(fleet.bots(), [](const imported_bot& bot) {
    return bot.settings.value("restart", "permanent") != "temporary";
  });
  if (found == fleet.bots().end())
    return;
  const config::bot_spec usual;
  fleet.once(found->where, "max_restarts",
             "a bot is given up after " + std::to_string(usual.max_restarts.count)
                 + " restarts within " + config::format_duration(usual.max_restarts.within) + " or "
                 + std::to_string(usual.failed_starts)
                 + " failed starts in a row, unless its file says otherwise; then it is tried "
                   "again after "
                 + config::format_duration(usual.retry_failed.initial)
                 + ", then ever more rarely, up to every "
                 + config::format_duration(usual.retry_failed.max),
             "\"max_restarts\", \"failed_starts\" and \"retry_failed\", for all of them in "
             "\"defaults\" of group.json");
  fleet.once(found->where, "no_restart_codes",
             "a bot that ends with exit code 125 is not started again, unless its file says "
             "otherwise",
             "\"no_restart_codes\": []");
}

} // namespace

std::string_view to_string(format which) {
  for (const auto& [value, name] : names)
    if (value == which)
      return name;
  return "";
}

std::optional<format> format_named(std::string_view name) {
  for (const auto& [value, known] : names)
    if (known == name)
      return value;
  return std::nullopt;
}

config::expected<format, failure> format_of(const source& from) {
  const std::filesystem::path path{from.path};
  const auto name = lower(path.filename().string());
  const auto extension = lower(path.extension().string());
  const auto no = [&](std::string message, std::string hint) {
    return config::unexpected{failure{from.path, 0, std::move(message), std::move(hint)}};
  };
  if (extension == ".js" || extension == ".cjs" || extension == ".mjs" || extension == ".ts")
    return no("is a program, and importing runs none",
              "print it as JSON and import that: node -p 'JSON.stringify(require(\"./"
                  + path.filename().string() + "\"), null, 2)' > ecosystem.json");
  if (extension == ".yml" || extension == ".yaml")
    return no("is YAML, which is not read here",
              "make JSON of it: `docker compose config --format json > compose.json`, or for PM2 "
              "`python3 -c 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), "
              "sys.stdout, indent=2)' < "
                  + path.filename().string() + " > ecosystem.json`");
  for (const auto* kind : {".socket", ".timer", ".target", ".path", ".mount", ".slice", ".device",
                           ".automount", ".swap", ".scope"})
    if (extension == kind)
      return no("is no service: nothing runs in it",
                extension == ".timer" ? "schedules are not known here: let cron or the timer call "
                                        "`troupe start BOT`"
                                      : "name the .service files only");
  if (extension == ".service" || has_line(from.text, "[Service]"))
    return format::systemd;
  if (name.starts_with("procfile") || extension == ".procfile")
    return format::procfile;
  if (extension == ".json" || trimmed(from.text).starts_with('{')
      || trimmed(from.text).starts_with("[{")) {
    const bool composed = from.text.find("\"services\"") != std::string::npos
                          || from.text.find("\"processes\"") != std::string::npos;
    if (composed && from.text.find("\"apps\"") == std::string::npos)
      return format::compose;
    if (from.text.find("\"apps\"") != std::string::npos
        || from.text.find("\"script\"") != std::string::npos)
      return format::pm2;
    return no("is JSON, but has neither \"apps\" (PM2) nor \"services\" or \"processes\" (compose)",
              "--format says what it is");
  }
  for (const auto* section :
       {"[program:", "[supervisord]", "[group:", "[include]", "[fcgi-program:", "[eventlistener:"})
    if (has_line(from.text, section))
      return format::supervisord;
  return no("is of no kind that is known here",
            "--format says what it is: supervisord, pm2, procfile, systemd or compose");
}

imported_fleet import_files(const std::vector<std::string>& paths, std::optional<format> as,
                            std::vector<failure>& failures) {
  imported_fleet fleet;
  systemd_units units;
  for (const auto& path : paths) {
    const bool unit = path.ends_with(".service");
    auto from = unit ? read_unit_source(path) : read_source(path);
    if (!from) {
      failures.push_back(from.error());
      continue;
    }
    const auto which = as ? config::expected<format, failure>{*as} : format_of(*from);
    if (!which) {
      failures.push_back(which.error());
      continue;
    }
    std::optional<failure> why;
    switch (*which) {
    case format::supervisord:
      why = import_supervisord(*from, fleet);
      break;
    case format::pm2:
      why = import_pm2(*from, fleet);
      break;
    case format::procfile:
      why = import_procfile(*from, fleet);
      break;
    case format::systemd:
      why = units.add(*from, path);
      break;
    case format::compose:
      why = import_compose(*from, fleet);
      break;
    }
    if (why)
      failures.push_back(std::move(*why));
  }
  // Units name each other, so they come when all are known.
  units.import(fleet);
  say_restarts(fleet);
  return fleet;
}

} // namespace troupe::importing
