#include "runtime/import/new_tree.hpp"

namespace troupe::importing {

namespace {

/// For editors: the schema that a file follows, where it is installed.
std::string follows(const std::string& kind) {
  return "{\n  \"$schema\": \"" TROUPE_SCHEMAS "/" + kind + ".json\",\n\n";
}

constexpr const char* group_text =
    R"json(  // The root of the fleet. Each folder beside this file is a group of bots, with a group.json
  // of its own where it needs one; each NAME.json is a bot. `troupe check` finds mistakes.

  // What the death of one bot means for the others in this folder: "one_for_one" (nothing),
  // "one_for_all" (all are restarted) or "rest_for_one" (it and those after it are).
  "strategy": "one_for_one",

  // Settings of every bot below, unless its own file says otherwise.
  "defaults": {
    // "permanent": start it again whenever it ends. "transient": only after a failure.
    // "temporary": never.
    "restart": "permanent",

    // The pause before a restart: it doubles from "initial" up to "max".
    "delay": {"initial": "500ms", "max": "30s"},

    // A bot is asked to end with this signal, and killed when that takes longer.
    "stop_signal": "TERM",
    "stop_timeout": "10s",

    // Output is kept in files of this size, and so many old ones. `troupe logs` shows it.
    "log": {"max_size": "10MiB", "keep": 5}
  }
}
)json";

constexpr const char* bot_text = R"json(  // A bot. Its name is that of this file: hello.
  "description": "Says hello every other second",

  // The program and its arguments, one string each: this is no shell line. A program without a
  // slash is searched in PATH. Files count from the folder of this file.
  "command": ["/bin/sh", "hello.sh", "${bot.index}"],

  // How many processes of it run: hello#0, hello#1 … ${bot.index} tells them apart.
  "replicas": 1,

  // Variables for the program. Apart from these it gets PATH, HOME, USER, LANG and TZ.
  // A secret stands in a file: secrets/NAME, mode 0600, is "${secret:NAME}".
  "environment": {"GREETING": "hello"},

  // It is ready when it has printed a line that matches. Others: {"tcp": "127.0.0.1:8080"},
  // {"http": "http://127.0.0.1:8080/health"}, "notify" for programs that know systemd.
  "ready": {"output": "^hello"},

  // What one process may use.
  "limits": {"memory": "64MiB", "tasks": 16}

  // Bots that must be ready before this one starts: "depends_on": ["database"]
}
)json";

constexpr const char* program_text = R"sh(#!/bin/sh
# The program of hello.json: any program will do, in any language.
trap 'echo "good bye"; exit 0' TERM
count=0
while :; do
  count=$((count + 1))
  echo "$GREETING number $count from instance $1, pid $$"
  sleep 2 & wait $!
done
)sh";

constexpr const char* auto_apply_text = R"json(,

  // An edit of these files that is sound comes into force when it is saved. false: it waits for
  // `troupe apply`. `troupe plan` shows what it would do, `troupe rollback` takes it back.
  "auto_apply": true
}
)json";

} // namespace

config::tree new_tree(const std::string& root, const std::string& name) {
  config::tree result;
  result.root = root;
  result.documents = {
      {"group.json", follows("group") + group_text},
      {"hello.json", follows("bot") + bot_text},
      {"hello.sh", program_text},
      {"runtime.json", follows("runtime")
                           + "  // The runtime itself. What this fleet is called: shown in the"
                             " prompt and in `status`.\n"
                             "  \"fleet\": \""
                           + name + "\"" + auto_apply_text},
  };
  return result;
}

} // namespace troupe::importing
