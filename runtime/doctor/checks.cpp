#include "runtime/doctor/checks.hpp"

#include <array>
#include <utility>

namespace troupe::doctor {

std::vector<finding> examine(const host_facts& host) {
  std::vector<finding> result;
  for (const auto& table :
       {limit_checks(), kernel_checks(), group_checks(), file_checks(), service_checks()})
    for (const auto& one : table) {
      if (one.applies && !one.applies(host))
        continue;
      auto found = one.look(host);
      found.id = one.id;
      result.push_back(std::move(found));
    }
  return result;
}

std::string_view to_string(level x) {
  constexpr std::array names{"ok", "warning", "problem"};
  const auto index = static_cast<std::size_t>(x);
  return index < names.size() ? names[index] : "unknown";
}

finding fine(std::string what, std::string meaning) {
  return {"", level::ok, std::move(what), std::move(meaning), ""};
}

finding warn(std::string what, std::string meaning, std::string todo) {
  return {"", level::warning, std::move(what), std::move(meaning), std::move(todo)};
}

finding wrong(std::string what, std::string meaning, std::string todo) {
  return {"", level::problem, std::move(what), std::move(meaning), std::move(todo)};
}

} // namespace troupe::doctor
