// troupe(1), from the table of commands.

#include "runtime/shell/help.hpp"
#include "runtime/shell/roff.hpp"

namespace troupe::shell {

namespace {

std::string one_command(const command_info& command) {
  auto result = roff::subsection("troupe " + std::string{command.name});
  result += roff::prose(std::string{command.summary} + ".") + "\n";
  result += roff::example(synopsis(command));
  result += roff::paragraph(command.help);
  for (const auto& one : command.arguments)
    result += roff::item(argument_word(one), one.summary);
  for (const auto& one : command.options)
    result += roff::item(option_word(one), one.summary);
  if (!command.examples.empty()) {
    std::string lines;
    for (const auto one : command.examples)
      lines += std::string{one} + "\n";
    result += roff::paragraph(command.examples.size() == 1 ? "Example:" : "Examples:")
              + roff::example(lines);
  }
  return result;
}

} // namespace

std::string commands_man(const std::string& date) {
  auto result = roff::page("troupe", "1", date, "User Commands", "runs fleets of bots");
  result += roff::section("SYNOPSIS") + roff::bold("troupe") + " [" + roff::bold("--state")
            + " \\fIDIR\\fR] \\fICOMMAND\\fR ...\n";
  result += roff::section("DESCRIPTION")
            + roff::prose("Troupe runs a fleet of bots under supervision trees: every bot is an "
                          "ordinary process, in any language, that is started, watched and started "
                          "again as its config tree says. `troupe run` runs a fleet in the "
                          "foreground; every other command looks at one that runs, or steers it. "
                          "Each command works at the prompt of `troupe shell` too.")
            + "\n" + roff::paragraph(targets_paragraph());
  result += roff::section("OPTIONS") + roff::prose("These may be given with every command.") + "\n";
  for (const auto& one : global_options())
    result += roff::item(option_word(one), one.summary);
  result += roff::item("--version", "print the version of this program");
  result += roff::section("COMMANDS");
  for (const auto& command : all_commands())
    if (!command.hidden)
      result += one_command(command);
  result += roff::section("EXIT STATUS");
  for (const auto& [code, meaning] : exit_code_meanings())
    result += roff::item(code, meaning);
  result += roff::section("ENVIRONMENT")
            + roff::item("TROUPE_STATE", "the state directory, unless `--state` is given")
            + roff::item("NO_COLOR", "when it is set, nothing is coloured")
            + roff::item("NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID",
                         "of `troupe run`: set by systemd, which is told how the fleet stands; "
                         "bots do not get them");
  result += roff::section("FILES")
            + roff::item("/var/lib/troupe, ~/.local/state/troupe",
                         "the state directory of root, and of others")
            + roff::item("/etc/troupe/fleet", "the config tree that `troupe.service` runs");
  return result + roff::section("SEE ALSO") + roff::bold("troupe") + "(5), " + roff::bold("systemd")
         + "(1)\n";
}

} // namespace troupe::shell
