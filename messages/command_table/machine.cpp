// The machine and the command line.

#include "messages/command_table/areas.hpp"

namespace troupe::command_table {

namespace {

using sv = std::string_view;

constexpr argument_info tree_to_check[] = {
    {"tree", path, false, false, "the config tree that is to run here; without it only the host"},
};
constexpr sv doctor_examples[] = {"troupe doctor /etc/troupe/fleet", "troupe doctor --json"};
constexpr option_info of_report[] = {
    {"output", "-o,--output", path, "FILE", "", false,
     "where to write it; default: troupe-report-HOST-TIME.tar.gz here"},
};
constexpr sv report_examples[] = {"troupe report", "troupe report -o /tmp/fleet.tar.gz"};
constexpr argument_info of_completion[] = {
    {"shell", text, true, false, "bash, zsh or fish", "bash|zsh|fish"},
};
constexpr sv completion_examples[] = {"troupe completion bash", "troupe completion fish"};

constexpr command_info rows[] = {
    {"doctor",
     "Check whether this host is fit for a fleet",
     tree_to_check,
     {},
     role::viewer,
     place::client,
     false,
     false,
     "Looks at limits, cgroups, the state directory and its disk, the clock, memory, the kernel, "
     "systemd and the installation; with a tree at its files and secrets too. Needs no runtime; "
     "one that is there is asked as well. Run it as the user that runs the fleet. Each finding "
     "says what it means for the fleet and what to do. Exit code 1 when there is a problem.",
     doctor_examples},
    {"report",
     "Pack a bundle for whoever is to help",
     {},
     of_report,
     role::viewer,
     place::client,
     false,
     false,
     "Writes status, tree, what is not healthy, events, deaths, the applied config, the findings "
     "of `doctor` and facts of the host into one .tar.gz, without secrets: values of environments "
     "and whatever stands in secrets/ or an environment_file are blotted out. Works without a "
     "runtime, with less in it. The file is made with mode 0600 and never replaces another; before "
     "it is packed it holds at most 32 MiB.",
     report_examples},
    {"completion",
     "Print a script that makes Tab complete",
     of_completion,
     {},
     role::viewer,
     place::client,
     false,
     false,
     "For bash: source it in ~/.bashrc, or keep it as "
     "~/.local/share/bash-completion/completions/troupe. For zsh: keep it as _troupe in a "
     "directory of $fpath. For fish: keep it as ~/.config/fish/completions/troupe.fish. Names of "
     "bots come from the runtime of the state directory that is typed or set, if it answers at "
     "once. The Debian package has all three in place.",
     completion_examples},
};

} // namespace

std::span<const command_info> machine() {
  return rows;
}

} // namespace troupe::command_table
