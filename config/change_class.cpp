#include "config/document.hpp"
#include "config/plan.hpp"

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
  }
  return result;
}

} // namespace troupe::config
