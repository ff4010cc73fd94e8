#pragma once

#include <string_view>

namespace troupe::config {

/// Whether what has this name is probably a secret, in any case: SECRET, PASSW, PASSPHRASE,
/// PASSCODE, TOKEN, KEY, CREDENTIAL, AUTH or DSN is part of it, or PASS, PWD, PRIVATE or COOKIE a
/// word of it (DB_PASS, mysqlPwd; not COMPASS, nor PWD alone).
bool names_a_secret(std::string_view name);

/// Whether the text has a URL with a password in it.
bool carries_password(std::string_view text);

/// Whether the text gives a secret away: a URL with a password, or a value after a name that names
/// a secret, as in `API_KEY=…`, `"token": "…"` and `--password …`. References hold none.
bool tells_a_secret(std::string_view text);

} // namespace troupe::config
