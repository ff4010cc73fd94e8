#include "runtime/shell/run.hpp"

#include "config/units.hpp"
#include "runtime/shell/local.hpp"
#include "runtime/shell/text.hpp"
#include "runtime/solo/plan.hpp"
#include "runtime/solo/restarts.hpp"
#include "runtime/solo/signals.hpp"
#include "runtime/solo/subject.hpp"
#include "runtime/solo/supervise.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <unistd.h>
#include <utility>

namespace troupe::shell {

namespace {

using solo::subject_kind;

/// Options that say something of one bot only.
constexpr std::pair<const char*, const char*> bot_options[] = {
    {"restart", "--restart"}, {"delay", "--delay"}, {"max_restarts", "--max-restarts"}};

std::optional<refusal> misplaced(const invocation& what, subject_kind kind) {
  if (kind == subject_kind::fleet) {
    for (const auto& [key, flag] : bot_options)
      if (what.arguments.contains(key))
        return refusal{exit_code::usage, "usage",
                       std::string{"run: "} + flag + " is for one bot, and this is a fleet",
                       "a fleet's bots have \"restart\", \"delay\" and \"max_restarts\" in their "
                       "files, all of them in \"defaults\" of group.json"};
  } else if (what.arguments.contains("profile")) {
    return refusal{exit_code::usage, "usage", "run: --profile is for a fleet, and this is one bot",
                   ""};
  }
  return std::nullopt;
}

solo::restart_words restart_words_of(const invocation& what) {
  solo::restart_words result;
  if (what.arguments.contains("restart"))
    result.restart = text_argument(what, "restart");
  if (what.arguments.contains("delay"))
    if (const auto value = config::parse_duration(text_argument(what, "delay")))
      result.delay = *value;
  if (what.arguments.contains("max_restarts"))
    result.max_restarts = what.arguments["max_restarts"].get<std::uint32_t>();
  return result;
}

/// The state directory and its lock; neither without --state.
struct held_state {
  solo::state_ptr directory;
  os::unique_fd lock;
};

config::expected<held_state, refusal> hold_state(const invocation& what) {
  held_state result;
  if (what.global.state.empty())
    return result;
  auto opened = os::state_directory::open(what.global.state);
  if (!opened)
    return config::unexpected{refusal{exit_code::failed, "bad-state", opened.error(),
                                      "choose another one with --state DIR"}};
  result.directory = std::make_shared<const os::state_directory>(std::move(*opened));
  auto lock = lock_state(*result.directory);
  if (!lock)
    return config::unexpected{lock.error()};
  result.lock = solo::above_stdio(std::move(*lock));
  return result;
}

/// Reads a bot's file, and says what is wrong with it.
config::expected<solo::plan, refusal> plan_file(const std::string& path,
                                                const solo::state_ptr& state, bool as_json) {
  const auto file = solo::read_bot_file(path);
  const bool failed = !file.loaded.errors.empty();
  if (!failed || !as_json)
    std::fputs((rendered(file.loaded.errors, file.source, stderr_colour())
                + rendered(file.loaded.warnings, file.source, stderr_colour()))
                   .c_str(),
               stderr);
  if (failed)
    return config::unexpected{refusal{
        exit_code::config_invalid, "config-invalid",
        "the bot's file " + path + " has " + count_of(file.loaded.errors.size(), "error"), ""}};
  return solo::plan_bot(file, state);
}

config::expected<int, refusal> run_bot(const invocation& what, const solo::subject& seen,
                                       bool talks) {
  auto state = hold_state(what);
  if (!state)
    return config::unexpected{state.error()};
  auto plan = [&]() -> config::expected<solo::plan, refusal> {
    if (seen.kind == subject_kind::bot_file)
      return plan_file(seen.path, state->directory, what.global.json);
    auto words = what.program;
    words.front() = seen.path;
    return solo::plan_program(std::move(words), state->directory);
  }();
  if (!plan)
    return config::unexpected{plan.error()};
  if (auto wrong = solo::apply(restart_words_of(what), plan->spec))
    return config::unexpected{*wrong};
  std::fflush(nullptr);
  return solo::supervise(*plan, solo::restarts{plan->spec}, talks);
}

} // namespace

int run(const invocation& what) {
  const auto word = what.program.empty() ? text_argument(what, "what") : what.program.front();
  const char* search = std::getenv("PATH");
  const auto seen = solo::look_at(word, search ? search : "/bin:/usr/bin");
  if (!seen)
    return complain(seen.error(), what.global.json);
  if (const auto wrong = misplaced(what, seen->kind))
    return complain(*wrong, what.global.json);
  const bool talks = what.arguments.contains("verbose") || isatty(STDERR_FILENO) == 1;
  const bool fleet = seen->kind == subject_kind::fleet;
  if (talks)
    std::fprintf(stderr, "troupe: %s: running %s\n", escape(seen->why).c_str(),
                 fleet ? "a fleet" : "one bot, no fleet");
  if (fleet)
    return run_fleet(what, seen->path);
  const auto exit = run_bot(what, *seen, talks);
  return exit ? *exit : complain(exit.error(), what.global.json);
}

} // namespace troupe::shell
