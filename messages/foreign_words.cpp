// Words that other tools use for what we do, or do otherwise.

#include "messages/commands.hpp"

#include <algorithm>

namespace troupe {

namespace {

using sv = std::string_view;

constexpr sv no_add = "a bot is a file in the config tree: write it, look at `troupe plan`, then "
                      "`troupe apply`";
constexpr sv no_main_log =
    "the runtime says what it has to say on the stderr of `troupe run`; what "
    "bots wrote is in `troupe logs BOT`";
constexpr sv no_enable = "what is started with the fleet is said by \"autostart\" in the bot's "
                         "file; `troupe start BOT` and `troupe stop BOT` act now";
constexpr sv no_remove = "a bot is its file in the config tree: `troupe stop BOT` stops it now; "
                         "without the file `troupe apply` takes it out of the fleet";

constexpr foreign_word foreign[] = {
    {"waits", "wait", ""},
    {"explain", "",
     "`troupe why BOT` tells why a bot stands as it does, `troupe config explain BOT` "
     "where its settings come from"},
    {"is-active", "", "`troupe status BOT` ends with exit code 0 when it is up, else 3"},
    {"is-failed", "", "`troupe wait BOT --for failed --wait=0` ends with 0 when it has failed"},
    {"is-ready", "", "`troupe wait BOT --for ready --wait=0` ends with 0 when it is ready"},
    {"list-dependencies", "graph", ""},
    {"dependencies", "graph", ""},
    {"deps", "graph", ""},
    {"critical-chain", "graph", ""},
    {"analyze", "graph", ""},
    {"printenv", "env", ""},
    {"environment", "env", ""},
    {"show-environment", "env", ""},
    {"ulimit", "limits", ""},
    {"usage", "limits", ""},
    {"metrics", "stats", ""},
    {"dstats", "stats", ""},
    {"ls", "status", ""},
    {"ps", "status", ""},
    {"list", "status", ""},
    {"top", "status", ""},
    {"avail", "status", ""},
    {"monit", "",
     "`troupe status` shows CPU and memory of all, `troupe events -f` follows what happens"},
    {"info", "show", ""},
    {"describe", "show", ""},
    {"cat", "show", ""},
    {"up", "", "`troupe run TREE` starts a fleet, `troupe start BOT` a bot of it"},
    {"cont", "resume", ""},
    {"unpause", "resume", ""},
    {"freeze", "pause", ""},
    {"thaw", "resume", ""},
    {"clear", "reset", ""},
    {"reset-failed", "reset", ""},
    {"migrate", "import", ""},
    {"convert", "import", ""},
    {"new", "init", ""},
    {"ecosystem", "init", ""},
    {"validate", "check", ""},
    {"lint", "check", ""},
    {"rm", "", no_remove},
    {"remove", "", no_remove},
    {"delete", "", no_remove},
    {"del", "", no_remove},
    {"add", "", no_add},
    {"reread", "plan", ""},
    {"update", "apply", ""},
    {"daemon-reload", "reload", ""},
    {"undo", "",
     "`troupe config versions` lists what was in force, `troupe rollback N` brings it back"},
    {"history", "config versions", ""},
    {"override", "set", ""},
    {"log", "logs", ""},
    {"tail", "logs", ""},
    {"output", "logs", ""},
    {"maintail", "", no_main_log},
    {"journal", "logs", ""},
    {"journalctl", "logs", ""},
    {"enable", "", no_enable},
    {"disable", "", no_enable},
    {"kill", "",
     "a signal is sent by `troupe signal KILL BOT`; `troupe stop BOT` ends a bot in order"},
    {"down", "", "`troupe stop BOT` stops a bot, `troupe shutdown` ends the whole fleet"},
    {"halt", "", "`troupe shutdown` ends the whole fleet"},
    {"quit", "",
     "`troupe shutdown` ends the whole fleet; at the prompt of `troupe shell`, quit leaves it"},
    {"exit", "",
     "`troupe shutdown` ends the whole fleet; at the prompt of `troupe shell`, exit leaves it"},
    {"pub", "publish", ""},
    {"emit", "publish", ""},
    {"req", "request", ""},
    {"call", "request", ""},
    {"sub", "tap", ""},
    {"subscribe", "tap", ""},
    {"psubscribe", "tap", ""},
    {"monitor", "tap", ""},
    {"queue", "queues", ""},
    {"mailboxes", "queues", ""},
    {"list_queues", "queues", ""},
    {"consumers", "topics", ""},
    {"list_consumers", "topics", ""},
    {"list_bindings", "topics", ""},
    {"pubsub", "topics", ""},
    {"connections", "links", ""},
    {"list_connections", "links", ""},
    {"dlq", "dead-letters list", ""},
    {"deadletters", "dead-letters list", ""},
    {"dead_letters", "dead-letters list", ""},
    {"get", "state get", ""},
    {"keys", "state list", ""},
    {"kv", "",
     "`troupe state get KEY`, `troupe state set KEY VALUE` and `troupe state list` are the keyed "
     "store that bots share"},
    {"purge_queue", "",
     "what waits for a bot is in `troupe queues BOT` and goes with its TTL or with the bot; what "
     "nobody got is deleted by `troupe dead-letters purge`"},
    {"fg", "attach", ""},
    {"follow", "attach", ""},
    {"exec", "",
     "nothing is run beside the bots: what is to run is a bot in the config tree; `troupe show "
     "BOT` "
     "has the pid, directory and environment"},
    {"open", "",
     "each command finds its fleet by the state directory: `troupe status --state DIR`"},
    {"pid", "", "`troupe show BOT` has the pids, `troupe status --json` has them all"},
    {"startup", "", "`troupe run TREE` stays in the foreground: let your system's init run it"},
    {"save", "", "nothing needs saving: what was stopped or scaled is kept as it is"},
};

} // namespace

std::span<const foreign_word> foreign_words() {
  return foreign;
}

const foreign_word* find_foreign_word(std::string_view word) {
  const auto found = std::ranges::find(foreign, word, &foreign_word::word);
  return found == std::end(foreign) ? nullptr : &*found;
}

} // namespace troupe
