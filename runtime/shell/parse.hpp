#pragma once

// From words to a command and its arguments, by the table of commands.

#include "config/result.hpp"
#include "messages/admin.hpp"
#include "messages/commands.hpp"
#include "runtime/solo/subject.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::shell {

/// What every command takes.
struct global_settings {
  std::string state; ///< empty: the default
  bool json = false;
  std::chrono::milliseconds timeout{10'000};
};

struct invocation {
  const command_info* command = nullptr; ///< null: no command was given
  std::string family;                    ///< of which help is asked for, with no command
  nlohmann::ordered_json arguments = nlohmann::ordered_json::object();
  global_settings global;
  /// A program to run and its arguments, as they were given; they need not be UTF-8.
  std::vector<std::string> program;
  bool help = false;
  bool version = false; ///< --version before any command
};

/// Whether the words after this one, which a command runs, are its own.
using program_test = std::function<bool(const std::string& word)>;

/// Whether what follows the command's argument may belong to it.
bool takes_program(const command_info& command);

/// Reads the words after the program's name. Words of other tools are taken for ours
/// where they mean the same. `before` are settings that hold unless given.
config::expected<invocation, refusal> parse(const std::vector<std::string>& words,
                                            const global_settings& before = {},
                                            const program_test& is_program = solo::takes_arguments);

/// The command that a word means, or two of a family, be it of another tool. The error says
/// what to type.
config::expected<const command_info*, refusal> named_command(const std::string& word);

/// Whether these words ask for JSON, however wrong the rest of them is; not those of a program.
bool wants_json(const std::vector<std::string>& words);

/// Takes a line apart into words: blanks separate, '…' and "…" keep together, a
/// backslash takes the next character as it is, '#' at the beginning is a comment.
/// Nothing is expanded or run. The error is a sentence.
config::expected<std::vector<std::string>, std::string> split_line(std::string_view line);

/// «market/trader», or 'a b' when it needs quotes: `split_line` reads it back.
std::string quote_word(std::string_view word);

/// «bash|zsh|fish» as words.
std::vector<std::string> split_choices(std::string_view choices);

/// First words of all commands that are shown.
std::vector<std::string> command_names();

/// Whether a command has this option, or one with the same flag.
bool has_own(const command_info& command, const option_info& global);

} // namespace troupe::shell
