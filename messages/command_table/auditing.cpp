// Who changed what.

#include "messages/command_table/areas.hpp"

namespace troupe::command_table {

namespace {

using sv = std::string_view;

constexpr argument_info having[] = {
    {"text", text, false, false, "only entries that have this: a bot, a command, an outcome"},
};
constexpr option_info listing[] = {
    {"last", "-n,--last", number, "COUNT", "", false, "only the last COUNT (default 50, to 1000)"},
    {"since", "--since", text, "TIME", "", false,
     "only from then on: «10m» ago, or 2026-01-31T12:00:00Z"},
};
constexpr argument_info one_entry[] = {
    {"id", number, true, false, "the number of an entry"},
};
constexpr option_info verifying[] = {
    {"hash", "--hash", text, "HEX", "", false,
     "a hash that an earlier look printed: must be that of an entry that is kept"},
};
constexpr sv list_examples[] = {"troupe audit list", "troupe audit list market/trader --since 24h",
                                "troupe audit list 'refused' -n 10"};
constexpr sv show_examples[] = {"troupe audit show 17"};
constexpr sv verify_examples[] = {
    "troupe audit verify",
    "troupe audit verify --hash "
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
};

constexpr command_info rows[] = {
    {"audit list", "Show who changed what", having, listing, role::viewer, place::runtime, false,
     false,
     "Each command that changes something, oldest first: when, who, from where, what became of it "
     "and the version of the config that it made.",
     list_examples},
    {"audit show",
     "Show one entry of the audit",
     one_entry,
     {},
     role::viewer,
     place::runtime,
     false,
     false,
     "All of it, with what it changed of the config as a JSON patch (RFC 6902).",
     show_examples},
    {"audit verify",
     "Look whether the audit is as it was written",
     {},
     verifying,
     role::viewer,
     place::runtime,
     false,
     false,
     "The entries are a chain: each has a hash over itself and the one before it, so that one that "
     "was changed, removed, inserted or moved shows. Exit code 1 when there is one. Whoever can "
     "write the database can make a whole new chain, or cut off its end: only a hash that was "
     "noted "
     "elsewhere, and is still in it, proves that this did not happen. Note the one that is "
     "printed.",
     verify_examples},
};

} // namespace

std::span<const command_info> auditing() {
  return rows;
}

} // namespace troupe::command_table
