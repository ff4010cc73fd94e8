#pragma once

// Help, from the table of commands.

#include "messages/commands.hpp"

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace troupe::shell {

/// The list of all commands.
std::string help_overview();

/// All about one command.
std::string help_of(const command_info&);

/// The commands of a family.
std::string help_of_family(const std::string& family);

/// «troupe stop [TARGETS…] [--wait[=TIME]]».
std::string synopsis(const command_info&);

/// docs/commands.md.
std::string commands_markdown();

/// troupe(1), as man(7) has it. `date` is «2026-01-31».
std::string commands_man(const std::string& date);

/// troupe(5): what a config tree may hold.
std::string config_man(const std::string& date);

// -- what pages are made of -----------------------------------------------------------

/// «[TARGET…]».
std::string argument_word(const argument_info&);

/// «-n, --last COUNT».
std::string option_word(const option_info&);

/// Exit codes with their meaning.
std::span<const std::pair<const char*, const char*>> exit_code_meanings();

/// What a target may be, as a paragraph.
std::string_view targets_paragraph();

} // namespace troupe::shell
