#pragma once

#include <string_view>

namespace troupe::config {

/// Whether what has this name is probably a secret: SECRET, PASSW, TOKEN, KEY, CREDENTIAL,
/// AUTH or DSN is part of it, in any case.
bool names_a_secret(std::string_view name);

/// Whether the text has a URL with a password in it.
bool carries_password(std::string_view text);

} // namespace troupe::config
