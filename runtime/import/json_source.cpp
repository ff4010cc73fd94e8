#include "runtime/import/json_source.hpp"

#include <cmath>

namespace troupe::importing {

config::expected<std::unique_ptr<json_source>, failure> json_source::read(const source& from) {
  auto result = std::make_unique<json_source>();
  result->document_ = {from.path, from.text};
  result->directory_ = from.directory();
  auto parsed = config::parse(result->document_);
  if (!parsed) {
    const auto& why = parsed.error();
    return config::unexpected{failure{from.path, why.line, why.message, why.hint}};
  }
  result->parsed_ = std::move(*parsed);
  return result;
}

place json_source::at(std::string_view pointer) const {
  const auto offset = parsed_->offset(pointer, config::parsed_document::part::key);
  return {document_.path, config::place_of(document_.text, offset).line};
}

std::optional<std::string> scalar_text(const nlohmann::json& value) {
  if (value.is_string())
    return value.get<std::string>();
  if (value.is_boolean())
    return value.get<bool>() ? "true" : "false";
  if (value.is_number())
    return value.dump();
  return std::nullopt;
}

} // namespace troupe::importing
