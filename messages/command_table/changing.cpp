// Steering instances.

#include "messages/command_table/areas.hpp"

namespace troupe::command_table {

namespace {

using sv = std::string_view;

constexpr option_info wait_up{"wait",
                              "--wait",
                              duration,
                              "TIME",
                              "30s",
                              false,
                              "wait until all are running, at most so long (30s)"};
constexpr option_info wait_down{"wait",
                                "--wait",
                                duration,
                                "TIME",
                                "30s",
                                false,
                                "wait until all are down, at most so long (30s)"};
constexpr option_info wait_paused{"wait",
                                  "--wait",
                                  duration,
                                  "TIME",
                                  "30s",
                                  false,
                                  "wait until all are paused, at most so long (30s)"};
constexpr option_info starting[] = {wait_up, labels, dry_run, no_question};
constexpr option_info stopping[] = {wait_down, labels, dry_run, yes};
constexpr option_info restarting[] = {wait_up, labels, dry_run, yes};
constexpr option_info touching[] = {labels, dry_run, yes};
constexpr option_info pausing[] = {wait_paused, labels, dry_run, yes};
constexpr option_info resuming[] = {wait_up, labels, dry_run, no_question};
constexpr option_info forgiving[] = {wait_up, labels, dry_run, no_question};
constexpr sv start_examples[] = {"troupe start market/trader --wait", "troupe start market/"};
constexpr sv stop_examples[] = {"troupe stop market/trader#2", "troupe stop all -y --wait=20s"};
constexpr sv restart_examples[] = {"troupe restart market/feed --wait"};
constexpr sv pause_examples[] = {"troupe pause market/trader"};
constexpr sv resume_examples[] = {"troupe resume market/trader"};
constexpr sv reset_examples[] = {"troupe reset flaky"};
constexpr sv recover_examples[] = {"troupe recover --wait=2m"};
constexpr argument_info of_signal[] = {
    {"signal", signal, true, false, "the signal: HUP, SIGHUP or 1"},
    {"targets", target, false, true, "bots, instances, groups with a trailing /, globs, or all"},
};
constexpr sv signal_examples[] = {"troupe signal HUP web/server"};
constexpr argument_info of_scale[] = {
    {"bot", bot, true, false, "a bot"},
    {"count", number, false, false, "how many instances it shall have, 1 to 10000"},
};
constexpr option_info scaling[] = {
    {"reset", "--reset", flag, {}, {}, false, "as many as the config tree says"},
    {"wait", "--wait", duration, "TIME", "30s", false,
     "wait until the new ones run and the others are gone, at most so long (30s)"},
    dry_run,
    no_question,
};
constexpr sv scale_examples[] = {"troupe scale market/trader 6",
                                 "troupe scale market/trader --reset"};

constexpr command_info rows[] = {
    {"start", "Start bots", some_targets, starting, role::operator_, place::runtime, true, false,
     "Starts what is not up; dependencies are waited for. With --wait: exit code 0 when all are "
     "running, 1 when one failed, 124 when the time ran out.",
     start_examples},
    {"stop", "Stop bots", some_targets, stopping, role::operator_, place::runtime, true, false,
     "Sends the stop signal, and KILL after the bot's stop_timeout. A bot that was stopped stays "
     "so, "
     "also when the runtime dies and comes back, until `start` or the next `run`.",
     stop_examples},
    {"restart", "Stop and start bots", some_targets, restarting, role::operator_, place::runtime,
     true, false, "Each instance gets a new process. What was not up is started.",
     restart_examples},
    {"pause", "Freeze bots where they are", some_targets, pausing, role::operator_, place::runtime,
     true, false, "All processes of the instances stop in their tracks, until `resume`.",
     pause_examples},
    {"resume", "Let paused bots go on", some_targets, resuming, role::operator_, place::runtime,
     true, false, "Continues what `pause` froze, or what was stopped by a signal from outside.",
     resume_examples},
    {"reset", "Forgive failures and try again now", some_targets, forgiving, role::operator_,
     place::runtime, true, false,
     "Empties the restart budgets of the instances; what is in backoff or failed is tried at once.",
     reset_examples},
    {"recover",
     "Reset everything that has failed",
     {},
     forgiving,
     role::operator_,
     place::runtime,
     true,
     false,
     "The same as `reset` for every instance that is failed or whose group has given up, at the "
     "fleet's restart rate.",
     recover_examples},
    {"signal", "Send a signal to bots", of_signal, touching, role::operator_, place::runtime, true,
     false, "The main process of each instance gets it. What follows from it is the bot's affair.",
     signal_examples},
    {"scale", "Set how many instances a bot has", of_scale, scaling, role::operator_,
     place::runtime, true, false,
     "New instances start, those with the highest numbers are stopped and leave. Holds across "
     "restarts and fresh runs, over what the config tree says, until it is set again or taken back "
     "with --reset.",
     scale_examples},
};

} // namespace

std::span<const command_info> changing() {
  return rows;
}

} // namespace troupe::command_table
