#pragma once

// The one table of commands, made of the areas in command_table/. Parsing of one-shots,
// the shell, completion, help, docs/commands.md and the runtime's dispatch are all made
// from it, so that only what works stands in help.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace troupe {

/// What a caller must be allowed to do; each role may do what those before it may.
enum class role : std::uint8_t { viewer, operator_, admin };

/// Where a command is carried out.
enum class place : std::uint8_t {
  client,  ///< in the process that was typed
  runtime, ///< by the admin actor, over the admin socket
};

/// What a word on the command line stands for; completion and checks go by it.
enum class word_kind : std::uint8_t {
  flag,       ///< no value
  bot,        ///< `market/trader` or `market/trader#2`
  target,     ///< a bot, an instance, a group `market/`, a glob, or `all`
  number,     ///< a count from 0
  duration,   ///< «30s»; travels as text
  signal,     ///< «HUP», «SIGHUP» or 1
  label,      ///< «env=prod»
  path,       ///< a file or directory of the client
  command,    ///< the name of a command
  program,    ///< a path of the client, or a program: all that follows one is the program's
  text,       ///< anything
  state,      ///< «running», «ready», «down» or another state
  config_key, ///< of a bot's file: «limits.memory»
};

/// One positional argument.
struct argument_info {
  std::string_view name; ///< key in the request's arguments, and what help shows
  word_kind kind = word_kind::text;
  bool required = false;
  bool many = false; ///< takes all that follows; the argument is a list
  std::string_view summary;
  std::string_view choices = {}; ///< «bash|zsh|fish»: nothing else may stand there
};

/// One option.
struct option_info {
  std::string_view key;   ///< in the request's arguments
  std::string_view flags; ///< «-n,--last»
  word_kind kind = word_kind::flag;
  std::string_view placeholder; ///< of the value, for help
  /// The value that the option has when it is given without one; such an option
  /// takes a value only as `--wait=30s`. Empty: a value must follow.
  std::string_view bare;
  bool many = false; ///< may be given again; the argument is a list
  std::string_view summary;
  std::string_view choices = {}; ///< «urgent|high»: nothing else may stand there
};

/// One command. Its name may be two words, «state get»: the first is then that of a family.
struct command_info {
  std::string_view name;
  std::string_view summary; ///< one line
  std::span<const argument_info> arguments;
  std::span<const option_info> options;
  role needs = role::viewer;
  place runs = place::runtime;
  bool changes = false;  ///< goes to the audit
  bool hidden = false;   ///< part of the protocol; nobody types it
  std::string_view help; ///< paragraphs
  std::span<const std::string_view> examples;
};

/// A word that other tools use. Either it means one of our commands, or `advice`
/// says in a sentence what to do instead.
struct foreign_word {
  std::string_view word;
  std::string_view means;
  std::string_view advice;
};

/// Every command, in the order of help.
std::span<const command_info> all_commands();

/// The command of that name, hidden ones too; null when there is none.
const command_info* find_command(std::string_view name);

/// The second words of a family, «get» of «state», in the order of help; empty when there is
/// no family of that name.
std::vector<std::string_view> family_members(std::string_view family);

/// Options that every command takes; one of its own goes before one with the same flag.
std::span<const option_info> global_options();

std::span<const foreign_word> foreign_words();
const foreign_word* find_foreign_word(std::string_view word);

std::string_view to_string(role);
std::string_view to_string(word_kind);

} // namespace troupe
