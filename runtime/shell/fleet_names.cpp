#include "runtime/shell/fleet_names.hpp"

#include "runtime/shell/render.hpp"

#include <set>

namespace troupe::shell {

std::vector<std::string> fleet_names(const std::string& status) {
  const auto document = json::parse(status, nullptr, false);
  std::set<std::string> found;
  for (const auto& one : list_at(document, "instances")) {
    const auto bot = text_at(one, "bot");
    found.insert(bot);
    found.insert(text_at(one, "name"));
    for (auto at = bot.find('/'); at != std::string::npos; at = bot.find('/', at + 1))
      found.insert(bot.substr(0, at + 1));
  }
  return {found.begin(), found.end()};
}

} // namespace troupe::shell
