#include "runtime/import/compose.hpp"

#include "runtime/import/compose_service.hpp"
#include "runtime/import/json_source.hpp"

#include <map>

namespace troupe::importing {

std::optional<failure> import_compose(const source& from, imported_fleet& fleet) {
  const auto read = json_source::read(from);
  if (!read)
    return read.error();
  const auto& file = **read;
  const auto& root = file.root();
  const auto services = root.is_object() ? root.find("services") : root.end();
  if (!root.is_object() || services == root.end() || !services->is_object())
    return failure{from.path, 1, "has no object \"services\"",
                   "`docker compose config --format json` prints one"};
  std::map<std::string, std::string> names;
  for (const auto& [name, service] : services->items())
    names[name] = fleet
                      .add_bot("", name, "service \"" + name + "\"",
                               file.at(config::pointer_to("/services", name)))
                      .name;
  for (const auto& [name, service] : services->items()) {
    auto& bot = *fleet.find(names[name]);
    if (!import_compose_service(file, config::pointer_to("/services", name), service, names, bot))
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
  for (const auto& [key, value] : root.items())
    if (key != "services" && key != "version" && !key.starts_with("x-") && !value.empty())
      fleet.remark_on(weight::lost, file.at(config::pointer_to("", key)), key,
                      key == "name" ? "the fleet is called as its directory"
                                    : "bots are processes of this machine, not containers",
                      key == "name"      ? "\"fleet\" in runtime.json"
                      : key == "secrets" ? "put them into secrets/ and write \"${secret:NAME}\""
                                         : "");
  return std::nullopt;
}

} // namespace troupe::importing
