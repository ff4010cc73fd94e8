// What of messaging is kept: dead letters, and the state that bots share.

#include "messages/command_table/areas.hpp"

namespace troupe::command_table {

namespace {

using sv = std::string_view;

// -- dead letters ----------------------------------------------------------------

constexpr argument_info whose[] = {
    {"target", target, false, false,
     "a bot, an instance or a group with a trailing /; default: all"},
};
constexpr option_info listing[] = {
    {"last", "-n,--last", number, "COUNT", "", false, "only the last COUNT (default 100, to 1000)"},
};
constexpr argument_info one_letter[] = {
    {"id", number, true, false, "the number of a dead letter"},
};
constexpr argument_info some_letters[] = {
    {"ids", number, false, true, "numbers of dead letters"},
};
constexpr option_info of_whom{
    "target", "--of", target, "TARGET", "", false, "all of a bot, an instance or a group"};
constexpr option_info every_one{"all", "--all", flag, "", "", false, "every dead letter"};
constexpr option_info requeueing[] = {of_whom, every_one, no_question};
constexpr option_info purging[] = {
    of_whom,
    every_one,
    {"yes", "-y,--yes", flag, "", "", false, "do not ask before all are deleted"},
};
constexpr sv list_examples[] = {"troupe dead-letters list",
                                "troupe dead-letters list market/trader -n 10"};
constexpr sv show_examples[] = {"troupe dead-letters show 17"};
constexpr sv requeue_examples[] = {"troupe dead-letters requeue 17 18",
                                   "troupe dead-letters requeue --of market/trader"};
constexpr sv purge_examples[] = {"troupe dead-letters purge 17",
                                 "troupe dead-letters purge --all -y"};

// -- state -----------------------------------------------------------------------

constexpr option_info group{
    "group", "--group", target, "GROUP", "", false, "whose state: a group; default: the root's"};
constexpr option_info if_version{"if_version",
                                 "--if-version",
                                 text,
                                 "N",
                                 "",
                                 false,
                                 "only when its version is N; 0: only when it is not there"};
constexpr argument_info one_key[] = {
    {"key", text, true, false, "a key"},
};
constexpr argument_info key_and_value[] = {
    {"key", text, true, false, "a key"},
    {"value", text, true, false,
     "JSON, or else a text; - reads it from stdin, @FILE from a file, @@ stands for one @"},
};
constexpr argument_info keys_from[] = {
    {"prefix", text, false, false, "only keys that begin so"},
};
constexpr option_info in_group[] = {group};
constexpr option_info setting[] = {
    group,
    if_version,
    {"ttl", "--ttl", duration, "TIME", "", false, "it expires after so long"},
    {"durable", "--durable", flag, "", "", false, "keep it on disk, over restarts of the runtime"},
};
constexpr option_info deleting[] = {group, if_version};
constexpr sv get_examples[] = {"troupe state get limit --group market"};
constexpr sv set_examples[] = {"troupe state set limit '{\"max\": 3}' --group market --durable",
                               "troupe state set leader trader-1 --if-version 0 --ttl 30s"};
constexpr sv delete_examples[] = {"troupe state delete limit --group market --if-version 41"};
constexpr sv state_list_examples[] = {"troupe state list --group market",
                                      "troupe state list limits."};
constexpr sv watch_examples[] = {"troupe state watch --group market",
                                 "troupe state watch limits. --json"};

constexpr command_info rows[] = {
    {"dead-letters list", "List messages that nobody got", whose, listing, role::viewer,
     place::runtime, false, false,
     "Assured and durable messages that were given up, newest first, with the reason. At most "
     "10000 "
     "are kept, and 64 MiB of them; then the oldest go.",
     list_examples},
    {"dead-letters show",
     "Show one dead letter",
     one_letter,
     {},
     role::viewer,
     place::runtime,
     false,
     false,
     "All that is known of it, with the whole payload.",
     show_examples},
    {"dead-letters requeue", "Send dead letters again", some_letters, requeueing, role::operator_,
     place::runtime, true, false,
     "Each goes to where it was sent, as a durable message, and is no dead letter any more. One "
     "that "
     "is rejected stays; exit code 1 then.",
     requeue_examples},
    {"dead-letters purge", "Delete dead letters", some_letters, purging, role::operator_,
     place::runtime, true, false, "They are gone for good.", purge_examples},
    {"state get", "Show one entry of the state that bots share", one_key, in_group, role::viewer,
     place::runtime, false, false,
     "Prints its value. Bots read and write the state of their group as the service runtime/state. "
     "Exit code 1 when there is no such entry.",
     get_examples},
    {"state set", "Set one entry of the state that bots share", key_and_value, setting,
     role::operator_, place::runtime, true, false,
     "Prints the entry's new version. With --if-version it is a compare and set: exit code 1 when "
     "the "
     "version is another. A value has at most 64 KiB. The audit has its size, not what it says.",
     set_examples},
    {"state delete", "Delete one entry of the state that bots share", one_key, deleting,
     role::operator_, place::runtime, true, false, "Exit code 1 when there is no such entry.",
     delete_examples},
    {"state list", "List the state that bots share", keys_from, in_group, role::viewer,
     place::runtime, false, false, "Keys with version, when they expire, and value, in order.",
     state_list_examples},
    {"state watch", "Follow the state that bots share", keys_from, in_group, role::viewer,
     place::runtime, false, false,
     "What is there, then each change, until Ctrl-C. Of several changes of one key in quick "
     "succession only the last may be seen. With --json: one document a line.",
     watch_examples},
};

} // namespace

std::span<const command_info> kept() {
  return rows;
}

} // namespace troupe::command_table
