#include "config/fingerprint.hpp"

#include "config/schema.hpp"
#include "config/units.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace troupe::config {

namespace {

using nlohmann::json;

/// FNV-1a of words, each ended by a byte that none of them holds.
class word_hash {
public:
  void add(std::string_view word) {
    for (const char c : word)
      add_byte(static_cast<unsigned char>(c));
    add_byte(0);
  }

  std::uint64_t value() const { return value_; }

private:
  void add_byte(std::uint8_t byte) {
    value_ ^= byte;
    value_ *= 0x100000001b3;
  }

  std::uint64_t value_ = 0xcbf29ce484222325;
};

struct restart_key {
  std::string name;
  json built_in; ///< discarded when there is none
  bool is_duration = false;
};

const std::vector<restart_key>& restart_keys() {
  static const std::vector<restart_key> keys = [] {
    std::vector<restart_key> result;
    for (const auto& [name, property] : plain_schema(schema_kind::bot)["properties"].items())
      if (property.value("x-change", "") == "restart")
        result.push_back({name, property.value("default", json(json::value_t::discarded)),
                          property.value("x-unit", "") == "duration"});
    return result;
  }();
  return keys;
}

/// The text of a value; of equal times it is the same however they are written.
std::string canonical(const restart_key& key, const json& value) {
  if (key.is_duration && value.is_string())
    if (const auto time = parse_duration(value.get_ref<const std::string&>()))
      return std::to_string(time->count());
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace

std::uint64_t fingerprint(const json& settings, const bot_spec& spec) {
  word_hash hash;
  for (const auto& key : restart_keys()) {
    if (key.name == "directory") {
      hash.add(key.name);
      hash.add(spec.directory);
      continue;
    }
    const auto value = settings.find(key.name);
    if (value == settings.end() || value->is_null() || *value == key.built_in)
      continue;
    hash.add(key.name);
    hash.add(key.name == "environment_file" ? spec.environment_file.value_or("")
                                            : canonical(key, *value));
  }
  return hash.value() == 0 ? 1 : hash.value();
}

} // namespace troupe::config
