#include "runtime/import/pm2.hpp"

#include "runtime/import/json_source.hpp"
#include "runtime/import/pm2_app.hpp"

#include <map>

namespace troupe::importing {

std::optional<failure> import_pm2(const source& from, imported_fleet& fleet) {
  const auto read = json_source::read(from);
  if (!read)
    return read.error();
  const auto& file = **read;
  const auto& root = file.root();
  // {"apps": […]}, a bare list of apps, or one app.
  std::string base;
  nlohmann::json apps = root;
  if (root.is_object() && root.contains("apps")) {
    base = "/apps";
    apps = root["apps"];
  }
  const bool one = apps.is_object();
  if (!one && !apps.is_array())
    return failure{from.path, file.at(base).line, "has no list of apps",
                   "an ecosystem file is {\"apps\": [{\"script\": …}]}"};
  std::map<std::string, std::string> groups;
  const auto add = [&](const nlohmann::json& app, const std::string& pointer) {
    if (!app.is_object()) {
      fleet.remark_on(weight::lost, file.at(pointer), "apps", "is no app: an object is expected");
      return;
    }
    std::string group;
    if (const auto space = app.find("namespace"); space != app.end())
      if (const auto name = scalar_text(*space); name && !name->empty() && *name != "default") {
        const auto known = groups.find(*name);
        group = known == groups.end()
                    ? groups[*name] =
                          fleet.add_group(*name, file.at(config::pointer_to(pointer, "namespace")))
                    : known->second;
      }
    import_pm2_app(file, pointer, app, group, fleet);
  };
  if (one)
    add(apps, base);
  else
    for (std::size_t index = 0; index < apps.size(); ++index)
      add(apps[index], config::pointer_to(base, index));
  if (base.empty())
    return std::nullopt;
  for (const auto& [key, value] : root.items())
    if (key != "apps")
      fleet.remark_on(weight::lost, file.at("/" + key), key,
                      key == "deploy" ? "nothing is deployed over ssh"
                                      : "is no key that is known here");
  return std::nullopt;
}

} // namespace troupe::importing
