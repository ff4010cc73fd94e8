#pragma once

#include "config/document.hpp"
#include "config/result.hpp"
#include "runtime/import/fleet.hpp"
#include "runtime/import/source.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::importing {

/// A JSON file, comments allowed, whose values know their lines.
class json_source {
public:
  static config::expected<std::unique_ptr<json_source>, failure> read(const source& from);

  const nlohmann::json& root() const { return parsed_->root(); }
  place at(std::string_view pointer) const;
  std::string directory() const { return directory_; }

private:
  config::document document_;
  std::unique_ptr<const config::parsed_document> parsed_;
  std::string directory_;
};

/// A scalar as text, as JavaScript and YAML readers make strings of it; nothing for the rest.
std::optional<std::string> scalar_text(const nlohmann::json& value);

} // namespace troupe::importing
