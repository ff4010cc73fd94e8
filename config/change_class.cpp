#include "config/document.hpp"
#include "config/plan.hpp"

#include <map>
#include <stdexcept>
#include <utility>

namespace troupe::config {

namespace {

using nlohmann::json;

change_class parsed_class(const std::string& word) {
  for (const auto one : {change_class::now, change_class::next_start, change_class::restart})
    if (word == to_string(one))
      return one;
  throw std::logic_error{"the schema has an x-change that is none: " + word};
}

/// TODO five: plan, until the schema says it.
std::string_view assumed(schema_kind which, const std::string& key) {
  static const std::map<std::string, std::string_view> of_bots{
      {"command", "restart"},
      {"directory", "restart"},
      {"user", "restart"},
      {"group", "restart"},
      {"umask", "restart"},
      {"environment", "restart"},
      {"environment_file", "restart"},
      {"pass_environment", "restart"},
      {"watchdog", "restart"},
      {"nice", "restart"},
      {"oom_score_adj", "restart"},
      {"no_new_privs", "restart"},
      {"start_command", "next_start"},
      {"ready", "next_start"},
      {"start_grace", "next_start"},
      {"start_timeout", "next_start"},
      {"autostart", "next_start"},
      {"depends_on", "next_start"},
  };
  const auto known = of_bots.find(key);
  return which == schema_kind::bot && known != of_bots.end() ? known->second : "now";
}

} // namespace

std::string_view to_string(change_class which) {
  switch (which) {
  case change_class::now:
    return "now";
  case change_class::next_start:
    return "next_start";
  case change_class::restart:
    return "restart";
  }
  return "unknown";
}

change_class class_of(schema_kind which, std::string_view pointer) {
  auto result = change_class::now;
  const auto* at = &plain_schema(which);
  for (const auto& token : pointer_tokens(pointer)) {
    const auto properties = at->find("properties");
    if (properties == at->end() || !properties->contains(token))
      break;
    at = &(*properties)[token];
    if (const auto word = at->find("x-change"); word != at->end())
      result = parsed_class(word->get<std::string>());
    else if (at == &plain_schema(which)["properties"][token])
      result = parsed_class(std::string{assumed(which, token)});
  }
  return result;
}

} // namespace troupe::config
