// Running and checking a fleet or one bot.

#include "messages/command_table/areas.hpp"

namespace troupe::command_table {

namespace {

using sv = std::string_view;

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

constexpr argument_info files_to_import[] = {
    {"files", path, true, true,
     "supervisord.conf, ecosystem.json (PM2), Procfile, NAME.service (systemd) or compose.json"},
};
constexpr option_info of_import[] = {
    {"to", "--to", path, "TREE", "", false, "the directory to make"},
    {"format", "--format", text, "FORMAT", "", false,
     "what the files are, where that is not to be seen: supervisord, pm2, procfile, systemd or "
     "compose",
     "supervisord|pm2|procfile|systemd|compose"},
    {"force", "--force", flag, "", "", false,
     "also where something is: it is renamed to TREE.1 before"},
    {"dry_run", "--dry-run", flag, "", "", false, "say what would come of it, and write nothing"},
};
constexpr sv import_examples[] = {
    "troupe import /etc/supervisor/supervisord.conf --to fleet",
    "troupe import /lib/systemd/system/redis-server.service worker@a.service --to fleet",
    "troupe import ecosystem.json --dry-run"};
constexpr argument_info new_directory[] = {
    {"directory", path, true, false, "the directory to make; one that is there must be empty"},
};
constexpr option_info of_init[] = {
    {"name", "--name", text, "NAME", "", false,
     "what the fleet is called; default: as the directory"},
};
constexpr sv init_examples[] = {"troupe init fleet", "troupe init . --name prices"};

constexpr command_info rows[] = {
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
    {"init", "Write a small config tree to begin with", new_directory, of_init, role::viewer,
     place::client, false, false,
     "One bot that runs, and a comment for each key that a newcomer needs. Never touches a "
     "directory that is not empty.",
     init_examples},
    {"import", "Make a config tree of another tool's files", files_to_import, of_import,
     role::viewer, place::client, false, false,
     "Reads a supervisord.conf with what it includes, an ecosystem file of PM2 in JSON, a "
     "Procfile, "
     "unit files of systemd with their drop-ins, or a compose or process-compose file in JSON; all "
     "files together become one tree. What could not be carried over, or is not quite the same "
     "here, is said with file, line, why, and what to do instead; it also stands as a comment in "
     "the file of the bot. The tree passes `check` before it is written: files 0600, all of it or "
     "nothing. Programs are not run, and nothing is changed but TREE. Exit code 6 when a file "
     "cannot be read.",
     import_examples},
};

} // namespace

std::span<const command_info> running() {
  return rows;
}

} // namespace troupe::command_table
