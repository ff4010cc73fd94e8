// How things stand.

#include "messages/command_table/areas.hpp"

namespace troupe::command_table {

namespace {

using sv = std::string_view;

constexpr sv status_examples[] = {"troupe status", "troupe status market/ -l env=prod",
                                  "troupe status market/feed --json"};
constexpr sv tree_examples[] = {"troupe tree", "troupe tree market/"};
constexpr sv show_examples[] = {"troupe show market/trader", "troupe show market/trader#2"};

constexpr command_info rows[] = {
    {"status", "Show how every instance stands", some_targets, only_labels, role::viewer,
     place::runtime, false, false,
     "One line for each instance. For what is not healthy, WHY says why and what happens next. "
     "CPU and memory are sampled only while somebody asks: of a large fleet the first status shows "
     "none, the next has them. Exit code 3 when a target that was named is not up.",
     status_examples},
    {"tree", "Show the supervision tree", some_targets, only_labels, role::viewer, place::runtime,
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
};

} // namespace

std::span<const command_info> looking() {
  return rows;
}

} // namespace troupe::command_table
