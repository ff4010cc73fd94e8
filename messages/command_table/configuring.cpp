// What the fleet should be: looking at changes of the config, making them, taking them back.

#include "messages/command_table/areas.hpp"

namespace troupe::command_table {

namespace {

using sv = std::string_view;

constexpr argument_info a_tree[] = {
    {"tree", path, false, false,
     "a config tree to be read here; default: the one that the fleet was started with"},
};
constexpr argument_info a_version[] = {
    {"number", number, true, false, "the number of a version"},
};
constexpr argument_info some_version[] = {
    {"number", number, false, false, "the number of a version; default: the one in force"},
};
constexpr argument_info of_set[] = {
    {"bot", bot, true, false, "a bot, or one instance of it"},
    {"path", config_key, true, false, "a key: limits.memory or /limits/memory"},
    {"value", text, true, false, "JSON, or a word that is none, which is taken as text"},
};
constexpr argument_info of_unset[] = {
    {"bot", bot, true, false, "a bot, or one instance of it"},
    {"path", config_key, false, false, "a key; default: all that was set of it"},
};
constexpr argument_info of_explain[] = {
    {"bot", bot, true, false, "a bot, one instance of it, or a group with a trailing /"},
    {"path", config_key, false, false, "a key, and those in it; default: all"},
};
constexpr argument_info of_diff[] = {
    {"from", number, true, false, "the number of a version"},
    {"to", number, false, false, "another; default: the one in force"},
};
constexpr argument_info of_keys[] = {
    {"path", config_key, false, false, "a key, and those in it; default: all"},
};

constexpr option_info wait_healthy{
    "wait",
    "--wait",
    duration,
    "TIME",
    "10m",
    false,
    "show the progress until it is healthy or has come back, at most so long (10m)"};
constexpr option_info if_version{"if_version",
                                 "--if-version",
                                 number,
                                 "N",
                                 "",
                                 false,
                                 "only when version N is the one in force"};
constexpr option_info theirs{"theirs",
                             "--theirs",
                             flag,
                             "",
                             "",
                             false,
                             "of a conflict: what the tree says; what was set is forgotten"};
constexpr option_info mine{
    "mine", "--mine", flag, "", "", false, "of a conflict: what was set goes on to hold"};
constexpr option_info reason{
    "reason", "--reason", text, "TEXT", "", false, "why; it is kept with the version"};

constexpr option_info planning[] = {theirs, mine};
constexpr option_info applying[] = {
    theirs,
    mine,
    if_version,
    reason,
    wait_healthy,
    {"dry_run", "--dry-run", flag, "", "", false, "show what would happen, and do nothing"},
    {"yes", "-y,--yes", flag, "", "", false, "do not ask at a terminal"},
};
constexpr option_info reloading[] = {theirs, mine, if_version, reason, wait_healthy, no_question};
constexpr option_info rolling_back[] = {if_version, wait_healthy, no_question};
constexpr option_info setting[] = {if_version, wait_healthy, no_question};
constexpr option_info listing[] = {
    {"last", "-n,--last", number, "COUNT", "", false, "only the last COUNT (default 20, to 1000)"},
};
constexpr option_info exporting[] = {
    {"to", "--to", path, "DIR", "", false,
     "the directory to make; one that is there must be empty"},
};

constexpr sv plan_examples[] = {"troupe plan", "troupe plan ./fleet", "troupe plan --json"};
constexpr sv apply_examples[] = {"troupe apply", "troupe apply ./fleet --wait -y",
                                 "troupe apply --theirs --reason 'as agreed'",
                                 "troupe apply --if-version 7 --wait=2m"};
constexpr sv reload_examples[] = {"troupe reload", "troupe reload --wait"};
constexpr sv rollback_examples[] = {"troupe rollback 7 --wait"};
constexpr sv set_examples[] = {"troupe set market/trader limits.memory 128MiB",
                               "troupe set market/trader#2 environment.LEVEL debug",
                               "troupe set market/trader limits '{\"memory\": \"128MiB\"}'"};
constexpr sv unset_examples[] = {"troupe unset market/trader limits.memory",
                                 "troupe unset market/trader"};
constexpr sv explain_examples[] = {"troupe config explain market/trader limits.memory",
                                   "troupe config explain market/trader#2"};
constexpr sv versions_examples[] = {"troupe config versions -n 5"};
constexpr sv show_examples[] = {"troupe config show", "troupe config show 7 --json"};
constexpr sv diff_examples[] = {"troupe config diff 7", "troupe config diff 5 7"};
constexpr sv export_examples[] = {"troupe config export --to fleet-now",
                                  "troupe config export 7 --to fleet-7"};
constexpr sv keys_examples[] = {"troupe config keys", "troupe config keys limits.memory"};
constexpr sv standing_examples[] = {"troupe config standing"};

constexpr command_info rows[] = {
    {"plan", "Show what another config would change", a_tree, planning, role::viewer,
     place::runtime, false, false,
     "For each instance what would happen, and why: + it starts, - it stops, ~ it gets a new "
     "process, = it changes in place, . it changes with its next start. What is not named stays "
     "untouched. A tree that is named is read here, and goes in the place of the one that the "
     "fleet runs: relative directories count from there. Exit code 0 when there is nothing to do, "
     "1 when there are changes, 6 when the tree is invalid.",
     plan_examples},
    {"apply", "Bring a config tree into force", a_tree, applying, role::operator_, place::runtime,
     true, false,
     "All of it is checked, becomes a numbered version and is carried out, or nothing is. Only "
     "what changed is touched; bots with several instances change in batches, by their \"update\". "
     "When one does not come up, the last healthy version comes back by itself. At a terminal "
     "`plan` is shown first, and asks. Where the tree says something new of a value that was set "
     "with `set` or `scale`, that is a conflict, and nothing happens until one side is chosen. "
     "With "
     "--wait: exit code 0 when the version is healthy, 1 when it is not, 124 when the time ran "
     "out.",
     apply_examples},
    {"reload",
     "Bring what is on disk into force",
     {},
     reloading,
     role::operator_,
     place::runtime,
     true,
     false,
     "The same as `apply` without a tree, and never asks; a HUP signal to `troupe run` does it "
     "too.",
     reload_examples},
    {"rollback", "Bring an earlier version back", a_version, rolling_back, role::operator_,
     place::runtime, true, false,
     "The tree and what was set, exactly as they were, become a new version. The tree on disk "
     "stays as it is: `status` says that it differs.",
     rollback_examples},
    {"set", "Set a value over what the config tree says", of_set, setting, role::operator_,
     place::runtime, true, false,
     "It holds over restarts and fresh runs, until `unset`; the tree on disk stays as it is. "
     "Becomes a version, and is carried out like any other. A secret is never set as it is, but "
     "as "
     "${secret:NAME}.",
     set_examples},
    {"unset", "Take back what was set", of_unset, setting, role::operator_, place::runtime, true,
     false, "What the config tree says holds again.", unset_examples},
    {"config explain",
     "Tell where values come from",
     of_explain,
     {},
     role::viewer,
     place::runtime,
     false,
     false,
     "Each value with what set it, down to file and line, and below it what weaker scopes say. "
     "Values that look like secrets are ***.",
     explain_examples},
    {"config versions",
     "List the versions that were in force",
     {},
     listing,
     role::viewer,
     place::runtime,
     false,
     false,
     "Newest first: when, by whom, why, and what became of it. Each can be shown, compared, "
     "exported and brought back.",
     versions_examples},
    {"config show",
     "Show a version",
     some_version,
     {},
     role::viewer,
     place::runtime,
     false,
     false,
     "All its files and what was set. Values that look like secrets are ***.",
     show_examples},
    {"config diff",
     "Compare two versions",
     of_diff,
     {},
     role::viewer,
     place::runtime,
     false,
     false,
     "The files line by line, and what it meant for each instance. Exit code 1 when they differ.",
     diff_examples},
    {"config export", "Write a version as a tree", some_version, exporting, role::operator_,
     place::runtime, false, false,
     "The files as they were, each 0600; never over anything that is there. What was set is no "
     "part of the tree: it is said. Without --to it is printed as `config show` does, with values "
     "that look like secrets as ***. What secrets/ held is not kept, and is not there.",
     export_examples},
    {"config keys",
     "Explain the keys of config files",
     of_keys,
     {},
     role::viewer,
     place::client,
     false,
     false,
     "Of bots, groups, the runtime, profiles and tenants: what may stand there, the default, since "
     "which version, and when a change of it comes into force. Needs no runtime.",
     keys_examples},
    {"config standing",
     "Show how the config stands",
     {},
     {},
     role::viewer,
     place::runtime,
     false,
     false,
     "The version in force, how far it is carried out, and how the tree on disk stands to it. "
     "`status` and the prompt of the shell say in short when there is something to see.",
     standing_examples},
};

} // namespace

std::span<const command_info> configuring() {
  return rows;
}

} // namespace troupe::command_table
