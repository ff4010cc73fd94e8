// What happened, and what bots wrote.

#include "messages/command_table/areas.hpp"

namespace troupe::command_table {

namespace {

using sv = std::string_view;

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

constexpr command_info rows[] = {
    {"events", "Show what happened", some_targets, of_events, role::viewer, place::runtime, false,
     false,
     "Each change of state, oldest first, with its cause. With -f it goes on, also across a "
     "restart "
     "of the runtime. «config» among the targets: what became of the config itself. With --json: "
     "one document a line.",
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
};

} // namespace

std::span<const command_info> past() {
  return rows;
}

} // namespace troupe::command_table
