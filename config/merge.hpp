#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::config {

class parsed_document;

/// The levels of inheritance, weakest first. The entries that a profile has for one bot
/// are `profile` too, but stand above that bot's own file.
enum class scope : std::uint8_t {
  built_in,
  root,
  profile,
  tenant,
  group,
  mixin,
  bot,
  instance,
  operator_override,
};

/// "built-in", "root defaults", "profile", …
std::string_view to_string(scope which);

/// One object of settings in the stack that makes up a bot.
struct layer {
  scope where = scope::built_in;
  const nlohmann::json* value = nullptr;
  const parsed_document* source = nullptr; ///< null for built-in values and overrides
  std::string base;                        ///< pointer of `value` within `source`
};

/// RFC 7396: `patch` onto `target`. Depth is bounded by that of the parser.
void merge_patch(nlohmann::json& target, const nlohmann::json& patch);

/// The same for the settings of a bot, but without what the patch says in keys that are for one
/// file only: `instances` and `$schema`.
void merge_settings(nlohmann::json& target, const nlohmann::json& patch);

/// The index of the layer that sets what the merge has at `pointer`: the strongest one that
/// says anything about it. Empty when none does. The layers are weakest first.
std::optional<std::size_t> locate(std::span<const layer> layers, std::string_view pointer);

/// Calls `visit(pointer, value)` for every leaf: scalars, arrays and empty objects.
void for_each_leaf(const nlohmann::json& value,
                   const std::function<void(const std::string&, const nlohmann::json&)>& visit);

} // namespace troupe::config
