#include "messages/commands.hpp"

#include <algorithm>
#include <array>

namespace troupe {

namespace {

using enum word_kind;
using sv = std::string_view;

constexpr argument_info some_targets[] = {
    {"targets", target, false, true, "bots, instances, groups with a trailing /, globs, or all"},
};
constexpr argument_info one_bot[] = {
    {"bot", bot, true, false, "a bot, or one instance of it"},
};

constexpr option_info labels{"labels",
                             "-l,--label",
                             label,
                             "KEY=VALUE",
                             "",
                             true,
                             "only bots with this label; may be given again"};
constexpr option_info yes{
    "yes", "-y,--yes", flag, "", "", false, "do not ask before the whole fleet is touched"};
constexpr option_info no_question{
    "yes", "-y,--yes", flag, "", "", false, "does nothing here: nothing is asked"};
constexpr option_info dry_run{"dry_run",
                              "--dry-run",
                              flag,
                              "",
                              "",
                              false,
                              "say which instances would be touched, and do nothing"};
constexpr option_info wait_up{"wait",
                              "--wait",
                              duration,
                              "TIME",
                              "30s",
                              false,
                              "wait until all are running, at most so long (30s)"};
constexpr option_info wait_down{"wait",
                                "--wait",
                                duration,
                                "TIME",
                                "30s",
                                false,
                                "wait until all are down, at most so long (30s)"};
constexpr option_info wait_paused{"wait",
                                  "--wait",
                                  duration,
                                  "TIME",
                                  "30s",
                                  false,
                                  "wait until all are paused, at most so long (30s)"};

constexpr option_info looking[] = {labels};
constexpr option_info starting[] = {wait_up, labels, dry_run, no_question};
constexpr option_info stopping[] = {wait_down, labels, dry_run, yes};
constexpr option_info restarting[] = {wait_up, labels, dry_run, yes};
constexpr option_info touching[] = {labels, dry_run, yes};
constexpr option_info pausing[] = {wait_paused, labels, dry_run, yes};
constexpr option_info resuming[] = {wait_up, labels, dry_run, no_question};
constexpr option_info forgiving[] = {wait_up, labels, dry_run, no_question};

// -- run, check ----------------------------------------------------------------

constexpr argument_info a_tree[] = {
    {"tree", path, false, false,
     "the config tree, or one bot's file (NAME.json); default: the current directory"},
};
constexpr argument_info what_to_run[] = {
    {"what", program, false, false,
     "a fleet's directory, one bot's file (NAME.json) or a program; default: the fleet in the "
     "current directory"},
    {"arguments", text, false, true, "of a program: all that follows it is its own"},
};
constexpr option_info profile{
    "profile", "--profile", text, "NAME", "", false, "apply profiles/NAME.json of the tree"};
constexpr option_info of_tree[] = {profile};
constexpr option_info of_run[] = {
    profile,
    {"restart", "--restart", text, "WHEN", "", false,
     "of one bot: always, on_failure or never; default: what its file says, else never"},
    {"delay", "--delay", duration, "TIME", "", false,
     "of one bot: the pause before the first restart; it doubles up to 30s (500ms)"},
    {"max_restarts", "--max-restarts", number, "N", "", false,
     "of one bot: so many restarts within 10 minutes, then give up (20)"},
    {"verbose", "-v,--verbose", flag, "", "", false,
     "say on stderr what is run and why, also where stderr is no terminal"},
};
constexpr sv run_examples[] = {"troupe run fleet/ --profile prod", "troupe run ./main.py --flag",
                               "troupe run --restart on_failure -- ./main.py --flag",
                               "troupe run fleet/market/feed.json"};
constexpr sv check_examples[] = {"troupe check fleet/", "troupe check fleet/ --json"};

// -- looking -------------------------------------------------------------------

constexpr sv status_examples[] = {"troupe status", "troupe status market/ -l env=prod",
                                  "troupe status market/feed --json"};
constexpr sv tree_examples[] = {"troupe tree", "troupe tree market/"};
constexpr sv show_examples[] = {"troupe show market/trader", "troupe show market/trader#2"};
constexpr option_info of_events[] = {
    {"follow", "-f,--follow", flag, "", "", false,
     "go on with what happens, until Ctrl-C; begins with the last 10 unless -n or --since is "
     "given"},
    {"last", "-n,--last", number, "COUNT", "", false, "only the last COUNT"},
    {"since", "--since", text, "TIME", "", false,
     "only from then on: «10m» ago, or 2026-01-31T12:00:00Z"},
    labels,
};
constexpr sv events_examples[] = {"troupe events -n 20", "troupe events market/trader --since 10m",
                                  "troupe events -f --json"};
constexpr option_info of_deaths[] = {
    {"last", "-n,--last", number, "COUNT", "", false,
     "only the last COUNT (default 10; 100 are kept of each instance, 5000 shown)"},
};
constexpr sv deaths_examples[] = {"troupe deaths flaky", "troupe deaths market/trader#2 -n 1"};

// -- output --------------------------------------------------------------------

constexpr option_info of_logs[] = {
    {"follow", "-f,--follow", flag, "", "", false,
     "go on with what is written, until Ctrl-C; begins with the last 10 lines unless -n, --since "
     "or "
     "--all is given"},
    {"last", "-n,--lines", number, "COUNT", "", false,
     "only the last COUNT lines of each instance (default 100; 10 where there are several)"},
    {"since", "--since", text, "TIME", "", false,
     "only from then on, to about a second: «10m» ago, or 2026-01-31T12:00:00Z"},
    {"all", "-a,--all", flag, "", "", false, "all that is kept, rotated files too"},
    {"previous", "-p,--previous", flag, "", "", false,
     "only the output of the process before the present or last one"},
    {"no_names", "--no-names", flag, "", "", false, "no names before the lines of several"},
    {"raw", "--raw", flag, "", "", false,
     "the bytes as they were written; not to a terminal, which they could steer"},
    labels,
};
constexpr sv logs_examples[] = {"troupe logs market/trader", "troupe logs -f market/",
                                "troupe logs flaky --previous",
                                "troupe logs market/trader#2 --since 10m --json"};
constexpr option_info of_attach[] = {
    {"last", "-n,--lines", number, "COUNT", "", false,
     "begin with the last COUNT lines of each instance (10)"},
};
constexpr sv attach_examples[] = {"troupe attach flaky"};

// -- changing ------------------------------------------------------------------

constexpr sv start_examples[] = {"troupe start market/trader --wait", "troupe start market/"};
constexpr sv stop_examples[] = {"troupe stop market/trader#2", "troupe stop all -y --wait=20s"};
constexpr sv restart_examples[] = {"troupe restart market/feed --wait"};
constexpr sv pause_examples[] = {"troupe pause market/trader"};
constexpr sv resume_examples[] = {"troupe resume market/trader"};
constexpr sv reset_examples[] = {"troupe reset flaky"};
constexpr sv recover_examples[] = {"troupe recover --wait=2m"};
constexpr argument_info of_signal[] = {
    {"signal", signal, true, false, "the signal: HUP, SIGHUP or 1"},
    {"targets", target, false, true, "bots, instances, groups with a trailing /, globs, or all"},
};
constexpr sv signal_examples[] = {"troupe signal HUP web/server"};
constexpr argument_info of_scale[] = {
    {"bot", bot, true, false, "a bot"},
    {"count", number, false, false, "how many instances it shall have, 1 to 10000"},
};
constexpr option_info scaling[] = {
    {"reset", "--reset", flag, {}, {}, false, "as many as the config tree says"},
    {"wait", "--wait", duration, "TIME", "30s", false,
     "wait until the new ones run and the others are gone, at most so long (30s)"},
    dry_run,
    no_question,
};
constexpr sv scale_examples[] = {"troupe scale market/trader 6",
                                 "troupe scale market/trader --reset"};

// -- the runtime itself --------------------------------------------------------

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
    {"command", command, false, false, "a command"},
};
constexpr sv help_examples[] = {"troupe help events"};

// -- asking the runtime ----------------------------------------------------------

constexpr option_info of_wait[] = {
    {"for", "--for", word_kind::state, "STATE", "", false,
     "what to wait for (default running); see above"},
    {"wait", "--wait", duration, "TIME", "30s", false,
     "at most so long (default 30s); 0: look once"},
    labels,
};
constexpr sv wait_examples[] = {"troupe wait --wait=2m", "troupe wait market/trader --for ready",
                                "troupe wait 'batch/*' --for completed --wait=1h",
                                "troupe wait flaky --for failed"};
constexpr sv why_examples[] = {"troupe why market/trader", "troupe why market/trader#2 --json"};
constexpr option_info of_graph[] = {
    {"dot", "--dot", flag, "", "", false, "print it in the language of Graphviz"},
    labels,
};
constexpr sv graph_examples[] = {"troupe graph", "troupe graph market/trader",
                                 "troupe graph --dot > fleet.dot"};
constexpr sv env_examples[] = {"troupe env market/trader#1"};
constexpr sv limits_examples[] = {"troupe limits", "troupe limits market/"};
constexpr sv stats_examples[] = {"troupe stats", "troupe stats flaky --json"};

// -- the machine and the command line ------------------------------------------------

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

constexpr command_info table[] = {
    {"run", "Run a fleet, or one bot without a fleet, in the foreground", what_to_run, of_run,
     role::admin, place::client, true, false,
     "Given a directory, checks the config tree, ends what an earlier life of this fleet may have "
     "left, and runs the fleet until Ctrl-C, `troupe shutdown` or a TERM signal. All of the "
     "fleet's files are under the state directory (--state); two state directories are two "
     "fleets. Given a program or one bot's file, runs just that: stdin, stdout, stderr, terminal, "
     "environment and signals are the bot's, its exit code is the command's, and no state "
     "directory is used unless --state names one. Options stand before a program.",
     run_examples},
    {"check", "Check a config tree", a_tree, of_tree, role::viewer, place::client, false, false,
     "Reads the tree, or the file of one bot, as `run` does and reports every error with file, "
     "line and column. Needs no "
     "runtime, changes nothing. Exit code 6 when there are errors.",
     check_examples},
    {"status", "Show how every instance stands", some_targets, looking, role::viewer,
     place::runtime, false, false,
     "One line for each instance. For what is not healthy, WHY says why and what happens next. "
     "CPU and memory are sampled only while somebody asks: of a large fleet the first status shows "
     "none, the next has them. Exit code 3 when a target that was named is not up.",
     status_examples},
    {"tree", "Show the supervision tree", some_targets, looking, role::viewer, place::runtime,
     false, false, "Groups with their strategy, bots, and the state of each instance.",
     tree_examples},
    {"show",
     "Show all about one bot",
     one_bot,
     {},
     role::viewer,
     place::runtime,
     false,
     false,
     "Its settings as they are in force, the state of its instances, which isolation it runs in, "
     "and "
     "its last deaths. Values of environment variables that look like secrets are masked.",
     show_examples},
    {"start", "Start bots", some_targets, starting, role::operator_, place::runtime, true, false,
     "Starts what is not up; dependencies are waited for. With --wait: exit code 0 when all are "
     "running, 1 when one failed, 124 when the time ran out.",
     start_examples},
    {"stop", "Stop bots", some_targets, stopping, role::operator_, place::runtime, true, false,
     "Sends the stop signal, and KILL after the bot's stop_timeout. A bot that was stopped stays "
     "so, "
     "also when the runtime dies and comes back, until `start` or the next `run`.",
     stop_examples},
    {"restart", "Stop and start bots", some_targets, restarting, role::operator_, place::runtime,
     true, false, "Each instance gets a new process. What was not up is started.",
     restart_examples},
    {"pause", "Freeze bots where they are", some_targets, pausing, role::operator_, place::runtime,
     true, false, "All processes of the instances stop in their tracks, until `resume`.",
     pause_examples},
    {"resume", "Let paused bots go on", some_targets, resuming, role::operator_, place::runtime,
     true, false, "Continues what `pause` froze, or what was stopped by a signal from outside.",
     resume_examples},
    {"reset", "Forgive failures and try again now", some_targets, forgiving, role::operator_,
     place::runtime, true, false,
     "Empties the restart budgets of the instances; what is in backoff or failed is tried at once.",
     reset_examples},
    {"recover",
     "Reset everything that has failed",
     {},
     forgiving,
     role::operator_,
     place::runtime,
     true,
     false,
     "The same as `reset` for every instance that is failed or whose group has given up, at the "
     "fleet's restart rate.",
     recover_examples},
    {"signal", "Send a signal to bots", of_signal, touching, role::operator_, place::runtime, true,
     false, "The main process of each instance gets it. What follows from it is the bot's affair.",
     signal_examples},
    {"scale", "Set how many instances a bot has", of_scale, scaling, role::operator_,
     place::runtime, true, false,
     "New instances start, those with the highest numbers are stopped and leave. Holds across "
     "restarts and fresh runs, over what the config tree says, until it is set again or taken back "
     "with --reset.",
     scale_examples},
    {"events", "Show what happened", some_targets, of_events, role::viewer, place::runtime, false,
     false,
     "Each change of state, oldest first, with its cause. With -f it goes on, also across a "
     "restart "
     "of the runtime. With --json: one document a line.",
     events_examples},
    {"deaths", "Show how processes ended", one_bot, of_deaths, role::viewer, place::runtime, false,
     false, "The last deaths of a bot: when, why, how long it had lived, and its last lines.",
     deaths_examples},
    {"logs", "Show what bots wrote", some_targets, of_logs, role::viewer, place::client, false,
     false,
     "Output and errors, oldest line first. Lines of several instances are put in the order of "
     "their "
     "time, each after the name of its instance. Control characters are shown as \\x1b, whatever "
     "the output goes to; tabs stay. With -f it goes on, also across a restart of the runtime, "
     "with "
     "new instances of what was named as they appear. Reads the files under the state directory: "
     "works without a runtime too, but for labels, and only for the user of the runtime and root. "
     "With --json: one document a line.",
     logs_examples},
    {"attach", "Follow the output and the events of one bot", one_bot, of_attach, role::viewer,
     place::client, false, false,
     "How it stands, its last lines, and then what it writes and what happens to it, until Ctrl-C, "
     "which leaves the bot as it is. Nothing can be typed into it: a bot has no terminal, its "
     "stdin "
     "is /dev/null. With --json: one document a line, those of `logs` and those of `events`.",
     attach_examples},
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
    // -- asking the runtime --
    {"wait", "Wait until bots stand as they should", some_targets, of_wait, role::viewer,
     place::runtime, false, false,
     "STATE is one of: running (it counts as up: running, degraded or draining), ready (running, "
     "and no check fails), down (it has no process, and none comes by itself but the slow probe of "
     "what has failed), or one of the twelve states, which it must be in at that moment: defined, "
     "waiting, starting, degraded, paused, draining, stopping, stopped, completed, backoff, "
     "failed. "
     "Groups, globs and all mean, for running and ready, what somebody wants up; a bot that is "
     "named counts in any case. Goes on across a restart of the runtime. Exit code 0 when all are "
     "there, 1 when one cannot come there any more by itself (it has failed, say, or nothing at "
     "all "
     "is wanted up), 124 when the time ran out; then it says which are missing, and why.",
     wait_examples},
    {"why",
     "Tell why a bot stands as it does",
     one_bot,
     {},
     role::viewer,
     place::runtime,
     false,
     false,
     "The chain of what happened: the first cause, be it the death of another bot, what it led "
     "to, and what comes next. Of a bot with several instances the one in most trouble is told of. "
     "For one that waits: on what, and why that is not there.",
     why_examples},
    {"graph", "Show who waits for whom", some_targets, of_graph, role::viewer, place::runtime,
     false, false,
     "Each bot with what it waits for below it: by its \"depends_on\", with the condition, or by "
     "the \"order\" of a group. Then the critical chain of the last start: the instance that took "
     "longest to come up, and step by step what it really waited for, with the time since the "
     "first step began (@) and what each step took (+).",
     graph_examples},
    {"env",
     "Show the environment of a bot",
     one_bot,
     {},
     role::viewer,
     place::runtime,
     false,
     false,
     "Of one that runs, what its process was started with; of others, what a start would give "
     "them. SOURCE says where each comes from. Shown as *** is what looks like a secret, comes "
     "from ${secret:…} or the environment_file, or is known to the process alone. Without a "
     "number: "
     "of instance #0.",
     env_examples},
    {"limits", "Show limits and how much of them is used", some_targets, looking, role::viewer,
     place::runtime, false, false,
     "For each instance what is in force of memory, tasks, cpu, open files and whatever else its "
     "settings limit, beside what is used; for what was asked for and is not enforced, why. "
     "Without a target also the runtime's own queues and bounds. What is above 80% gets a word.",
     limits_examples},
    {"stats", "Show numbers over time", some_targets, looking, role::viewer, place::runtime, false,
     false,
     "Made from the events that are kept: starts, ends and their kinds, the share of the time it "
     "was up, time from start to ready (median and longest of the last 100). CPU and memory are of "
     "the running process and, for up to 64 instances, of the kept deaths. Without a target also "
     "numbers of the fleet, its runtime and keeper.",
     stats_examples},
    // -- the machine and the command line
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
    {"await", "Wait for instances", {}, {}, role::viewer, place::runtime, false, true, "", {}},
};

constexpr option_info everywhere[] = {
    {"state", "--state", path, "DIR", "", false,
     "the fleet's state directory; default: TROUPE_STATE, else /var/lib/troupe for root, else "
     "$XDG_STATE_HOME/troupe"},
    {"json", "--json", flag, "", "", false, "print one JSON document and nothing else"},
    {"timeout", "--timeout", duration, "TIME", "", false,
     "how long to wait for a runtime that is restarting (10s)"},
    {"help", "-h,--help", flag, "", "", false, "show help of the command"},
};

} // namespace

std::span<const command_info> all_commands() {
  return table;
}

const command_info* find_command(std::string_view name) {
  const auto found = std::ranges::find(table, name, &command_info::name);
  return found == std::end(table) ? nullptr : &*found;
}

std::span<const option_info> global_options() {
  return everywhere;
}

std::string_view to_string(role x) {
  constexpr std::array names{"viewer", "operator", "admin"};
  const auto index = static_cast<std::size_t>(x);
  return index < names.size() ? names[index] : "unknown";
}

std::string_view to_string(word_kind x) {
  constexpr std::array names{"flag",  "bot",  "target",  "number",  "duration", "signal",
                             "label", "path", "command", "program", "text",     "state"};
  const auto index = static_cast<std::size_t>(x);
  return index < names.size() ? names[index] : "unknown";
}

} // namespace troupe
