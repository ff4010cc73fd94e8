#pragma once

// Help, from the table of commands.

#include "messages/commands.hpp"

#include <string>

namespace troupe::shell {

/// The list of all commands.
std::string help_overview();

/// All about one command.
std::string help_of(const command_info&);

/// «troupe stop [TARGETS…] [--wait[=TIME]]».
std::string synopsis(const command_info&);

/// docs/commands.md.
std::string commands_markdown();

} // namespace troupe::shell
