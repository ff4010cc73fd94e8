// Asking the runtime why, for how long and how much.

#include "messages/command_table/areas.hpp"

namespace troupe::command_table {

namespace {

using sv = std::string_view;

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

constexpr command_info rows[] = {
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
    {"limits", "Show limits and how much of them is used", some_targets, only_labels, role::viewer,
     place::runtime, false, false,
     "For each instance what is in force of memory, tasks, cpu, open files and whatever else its "
     "settings limit, beside what is used; for what was asked for and is not enforced, why. "
     "Without a target also the runtime's own queues and bounds. What is above 80% gets a word.",
     limits_examples},
    {"stats", "Show numbers over time", some_targets, only_labels, role::viewer, place::runtime,
     false, false,
     "Made from the events that are kept: starts, ends and their kinds, the share of the time it "
     "was up, time from start to ready (median and longest of the last 100). CPU and memory are of "
     "the running process and, for up to 64 instances, of the kept deaths. Without a target also "
     "numbers of the fleet, its runtime and keeper.",
     stats_examples},
};

} // namespace

std::span<const command_info> asking() {
  return rows;
}

} // namespace troupe::command_table
