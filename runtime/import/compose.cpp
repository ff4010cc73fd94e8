#include "runtime/import/compose.hpp"

#include "runtime/import/compose_service.hpp"
#include "runtime/import/json_source.hpp"
#include "runtime/import/process_compose.hpp"
#include "runtime/import/words.hpp"

#include <algorithm>
#include <map>

namespace troupe::importing {

namespace {

/// What process-compose gives to all processes of a file.
void set_default_environment(const json_source& file, const nlohmann::json& list,
                             imported_fleet& fleet) {
  const auto where = file.at("/environment");
  imported_bot all; // only its environment is taken
  for (const auto& one : list) {
    const auto text = scalar_text(one).value_or("");
    const auto equals = std::min(text.find('='), text.size());
    const auto name = text.substr(0, equals);
    set_variable(all, name,
                 interpolated(text.substr(std::min(equals + 1, text.size())), all, where, name),
                 where);
  }
  for (const auto& one : all.remarks)
    fleet.remark_on(one.how, one.where, one.key, one.why, one.advice);
  if (all.settings.contains("environment"))
    fleet.group("")["defaults"]["environment"].update(all.settings["environment"]);
}

} // namespace

std::optional<failure> import_compose(const source& from, imported_fleet& fleet) {
  const auto read = json_source::read(from);
  if (!read)
    return read.error();
  const auto& file = **read;
  const auto& root = file.root();
  // process-compose has the same shape, and other keys.
  const bool processes = root.is_object() && !root.contains("services");
  const std::string section = processes ? "processes" : "services";
  const auto services = root.is_object() ? root.find(section) : root.end();
  if (!root.is_object() || services == root.end() || !services->is_object())
    return failure{from.path, 1, "has no object \"services\" or \"processes\"",
                   "`docker compose config --format json` prints one"};
  std::map<std::string, std::string> names;
  for (const auto& [name, service] : services->items())
    names[name] = fleet
                      .add_bot("", name, (processes ? "process \"" : "service \"") + name + "\"",
                               file.at(config::pointer_to("/" + section, name)))
                      .name;
  for (const auto& [name, service] : services->items()) {
    auto& bot = *fleet.find(names[name]);
    const auto import = processes ? import_process : import_compose_service;
    if (!import(file, config::pointer_to("/" + section, name), service, names, bot))
      fleet.drop_bot(names[name]);
  }
  // Who waited for what did not come along waits no more.
  for (auto& bot : fleet.bots()) {
    const auto waits = bot.settings.find("depends_on");
    if (bot.where.file != from.path || waits == bot.settings.end())
      continue;
    auto left = json::object();
    for (const auto& [other, until] : waits->items())
      if (fleet.find(other))
        left[other] = until;
      else
        bot.lost(bot.places["depends_on"], "depends_on", other + " is not imported");
    if (left.empty())
      bot.settings.erase("depends_on");
    else
      bot.settings["depends_on"] = std::move(left);
  }
  if (processes)
    fleet.once({from.path, 0}, "environment",
               "process-compose passes its whole environment on; here a bot gets PATH, HOME, USER, "
               "LANG, TZ and what its settings say",
               "name others in \"pass_environment\"");
  for (const auto& [key, value] : root.items())
    if (processes && key == "environment")
      set_default_environment(file, value, fleet);
    else if (key != section && key != "version" && !key.starts_with("x-") && !value.empty())
      fleet.remark_on(weight::lost, file.at(config::pointer_to("", key)), key,
                      key == "name" ? "the fleet is called as its directory"
                      : processes   ? "concerns process-compose itself"
                                    : "bots are processes of this machine, not containers",
                      key == "name"      ? "\"fleet\" in runtime.json"
                      : key == "secrets" ? "put them into secrets/ and write \"${secret:NAME}\""
                                         : "");
  return std::nullopt;
}

} // namespace troupe::importing
