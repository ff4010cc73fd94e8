#include "runtime/import/systemd_part.hpp"

#include "config/names.hpp"

namespace troupe::importing {

service_part::service_part(const unit_file& unit, const std::string& path, imported_bot& bot)
    : unit_{unit}
    , bot_{bot}
    , manager_{manager_of(path)}
    , known_{specifiers_of(unit.name, path, manager_)} {}

std::optional<std::string> service_part::text(std::string_view key) {
  const auto* entry = service(key);
  return entry ? text_of(*entry) : std::nullopt;
}

std::optional<std::string> service_part::text_of(const unit_entry& entry) {
  auto result = with_specifiers(entry.value, known_);
  if (result)
    return *result;
  bot_.lost(entry.where, entry.key, result.error());
  return std::nullopt;
}

std::optional<double> service_part::seconds(std::string_view key) {
  const auto* entry = service(key);
  if (!entry)
    return std::nullopt;
  const auto value = unit_seconds(entry->value);
  if (!value)
    bot_.lost(entry->where, entry->key, config::in_quotes(entry->value) + " is no time");
  return value;
}

std::optional<double> service_part::start_timeout() const {
  for (const auto* key : {"TimeoutStartSec", "TimeoutSec"})
    if (const auto* entry = service(key))
      return unit_seconds(entry->value);
  return std::nullopt;
}

std::optional<double> service_part::stop_timeout() const {
  for (const auto* key : {"TimeoutStopSec", "TimeoutSec"})
    if (const auto* entry = service(key))
      return unit_seconds(entry->value);
  return std::nullopt;
}

double service_part::limited(std::optional<double> value, double usual) {
  return !value ? usual : *value <= 0 ? 86400 : *value;
}

} // namespace troupe::importing
