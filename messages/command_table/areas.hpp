#pragma once

// The table of commands by area, one file each; see messages/commands.hpp. Help has the areas
// in the order of this page.

#include "messages/commands.hpp"

namespace troupe::command_table {

std::span<const command_info> running();
std::span<const command_info> looking();
std::span<const command_info> changing();
std::span<const command_info> configuring();
std::span<const command_info> past();
std::span<const command_info> itself();
std::span<const command_info> asking();
std::span<const command_info> messaging();
std::span<const command_info> kept();
std::span<const command_info> auditing();
std::span<const command_info> machine();

// -- what areas share ------------------------------------------------------------

using enum word_kind;

inline constexpr argument_info some_targets[] = {
    {"targets", target, false, true, "bots, instances, groups with a trailing /, globs, or all"},
};
inline constexpr argument_info one_bot[] = {
    {"bot", bot, true, false, "a bot, or one instance of it"},
};

inline constexpr option_info labels{"labels",
                                    "-l,--label",
                                    label,
                                    "KEY=VALUE",
                                    "",
                                    true,
                                    "only bots with this label; may be given again"};
inline constexpr option_info yes{
    "yes", "-y,--yes", flag, "", "", false, "do not ask before the whole fleet is touched"};
inline constexpr option_info no_question{
    "yes", "-y,--yes", flag, "", "", false, "does nothing here: nothing is asked"};
inline constexpr option_info dry_run{"dry_run",
                                     "--dry-run",
                                     flag,
                                     "",
                                     "",
                                     false,
                                     "say which instances would be touched, and do nothing"};
inline constexpr option_info only_labels[] = {labels};

} // namespace troupe::command_table
