// The runtime itself, the shell and its help.

#include "messages/command_table/areas.hpp"

namespace troupe::command_table {

namespace {

using sv = std::string_view;

constexpr sv ping_examples[] = {"troupe ping"};
constexpr sv version_examples[] = {"troupe version --json"};
constexpr option_info of_shutdown[] = {
    {"wait", "--wait", duration, "TIME", "60s", false,
     "wait until all has ended, at most so long (60s)"},
    no_question,
};
constexpr sv shutdown_examples[] = {"troupe shutdown --wait"};
constexpr option_info of_shell[] = {
    {"line", "-c", text, "LINE", "", false, "carry out this line, then end"},
};
constexpr sv shell_examples[] = {"troupe shell", "troupe shell -c 'restart flaky --wait'",
                                 "troupe shell < script"};
constexpr argument_info of_help[] = {
    {"command", command, false, true, "a command"},
};
constexpr sv help_examples[] = {"troupe help events", "troupe help state set"};

constexpr command_info rows[] = {
    {"ping",
     "Ask whether the runtime answers",
     {},
     {},
     role::viewer,
     place::runtime,
     false,
     false,
     "Exit code 0 when it does, 3 when not.",
     ping_examples},
    {"version",
     "Show the versions of client and runtime",
     {},
     {},
     role::viewer,
     place::client,
     false,
     false,
     "Works without a runtime too.",
     version_examples},
    {"shutdown",
     "End the fleet and its runtime",
     {},
     of_shutdown,
     role::admin,
     place::runtime,
     true,
     false,
     "Stops every bot in order and ends the runtime. A second shutdown hurries.",
     shutdown_examples},
    {"shell",
     "Type commands at a prompt",
     {},
     of_shell,
     role::viewer,
     place::client,
     false,
     false,
     "All commands without the word «troupe», with history, and completion by Tab. Ctrl-C cancels "
     "a "
     "line or a follow, Ctrl-D leaves. When the input is no terminal, its lines are carried out "
     "until "
     "one fails.",
     shell_examples},
    {"help",
     "Show help",
     of_help,
     {},
     role::viewer,
     place::client,
     false,
     false,
     "Without a command: the list of all.",
     help_examples},
};

} // namespace

std::span<const command_info> itself() {
  return rows;
}

} // namespace troupe::command_table
