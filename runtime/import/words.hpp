#pragma once

// Command lines and values: from the source's writing to the tree's.

#include "runtime/import/fleet.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::importing {

/// The text as the tree wants it where placeholders are expanded: `$$` and `${` stand for
/// themselves; so does a `$` at its end, when a placeholder is to follow.
std::string literal(std::string_view text, bool placeholder_follows = false);

/// Words as a POSIX shell and Python's shlex split them: quotes and backslashes, nothing else.
/// Nothing when a quote is left open.
std::optional<std::vector<std::string>> split_words(std::string_view line);

/// Whether a line means more to a shell than words and quotes.
bool needs_shell(std::string_view line);

/// A line for a shell as the value of `command`: words where that is the same, else
/// `["/bin/sh", "-c", …]`.
json shell_command(std::string_view line);

/// In single quotes where a shell would see more than a word.
std::string shell_quoted(std::string_view word);

/// Without blanks at both ends.
std::string_view trimmed(std::string_view text);
std::string lower(std::string_view text);
std::vector<std::string> split(std::string_view text, std::string_view separators);

/// A whole number; nothing when it is none or does not fit.
std::optional<long long> number(std::string_view text);
/// "true", "yes", "1", "on" and their opposites, in any case.
std::optional<bool> boolean(std::string_view text);
/// "50MB", "1G", "100": bytes; units are powers of 1024, as supervisord and systemd have them.
std::optional<unsigned long long> bytes(std::string_view text);

/// As the tree writes them: «1m30s», «50MiB».
std::string duration_of(double seconds);
std::string size_of(unsigned long long bytes);

/// "SIGQUIT", "quit", "3" as «QUIT»; nothing when there is no such signal.
std::optional<std::string> signal_of(std::string_view text);

/// Whether `name` may stand in an environment here.
bool valid_variable(std::string_view name);

/// Puts a variable into the bot's environment; says what is wrong with it. `value` is as the
/// tree wants it.
void set_variable(imported_bot& bot, const std::string& name, std::string value, const place& from);

/// Sets `user` or `group` to a name or a number.
void set_account_of(imported_bot& bot, const char* key, const std::string& account,
                    const place& from);

/// Why a bot is held back whose account does not come along.
inline constexpr const char* not_as_account =
    "without it the bot would run as the user of the runtime, perhaps with more rights";

/// Warns of it when the value is probably a secret.
void warn_of_secret(imported_bot& bot, const std::string& name, const std::string& value,
                    const place& from);

} // namespace troupe::importing
