#pragma once

// Takes secrets out of what is shown of settings: values under `environment` and `settings` whose
// name is that of a secret, what stands in place of one of these two and is no object, and all
// strings with a password in a URL.

#include "config/tree.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace troupe::config {

/// What stands for a masked value.
inline constexpr std::string_view mask = "***";

/// The value that stands at `pointer` as it may be shown. The pointer counts from anywhere above
/// `environment` or `settings`. References such as `${secret:NAME}` hold no secret and stay.
nlohmann::json masked(const nlohmann::json& value, std::string_view pointer = "");

/// Whether nothing is masked of the value at `pointer`.
bool may_be_shown(const nlohmann::json& value, std::string_view pointer);

/// A file of a tree with its secrets masked and all else as it was written. Of comments those are
/// masked that hold something quoted, a URL with a password, or a value of a secret's name.
/// Text that is no JSON is not shown at all.
std::string masked_text(const document& file);

} // namespace troupe::config
