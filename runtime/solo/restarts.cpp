#include "runtime/solo/restarts.hpp"

#include "config/decode.hpp"
#include "config/names.hpp"
#include "config/units.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <vector>

namespace troupe::solo {

namespace {

constexpr std::uint32_t most_restarts = 1'000'000;

/// Whether it ended by this signal, or with the code by which shells and others say so.
bool ended_by(const exit_status& status, int signal) {
  return status.signal == signal || (status.signal == 0 && status.code == 128 + signal);
}

refusal usage(std::string message, std::string hint) {
  return {exit_code::usage, "usage", std::move(message), std::move(hint)};
}

} // namespace

std::optional<refusal> apply(const restart_words& words, config::bot_spec& spec) {
  nlohmann::json settings;
  if (words.restart) {
    const std::vector<std::string> known{"always",    "on_failure", "never",
                                         "permanent", "transient",  "temporary"};
    if (std::ranges::find(known, *words.restart) == known.end()) {
      auto hint = config::did_you_mean(*words.restart, known);
      return usage("run: --restart needs always, on_failure or never, not "
                       + config::in_quotes(*words.restart),
                   hint.empty() ? "`troupe help run`" : hint);
    }
    settings["restart"] = *words.restart;
  }
  if (words.delay) {
    settings["delay"]["initial"] = config::format_duration(*words.delay);
    if (*words.delay > spec.delay.max)
      settings["delay"]["max"] = settings["delay"]["initial"];
  }
  if (words.max_restarts) {
    if (*words.max_restarts > most_restarts)
      return usage("run: --max-restarts is at most " + std::to_string(most_restarts),
                   "`troupe help run`");
    settings["max_restarts"]["count"] = *words.max_restarts;
    // One number was given: the other budget must not end it before.
    spec.failed_starts = std::max(spec.failed_starts, *words.max_restarts + 1);
  }
  config::decode_bot(settings, spec, [](const config::value_problem&) {});
  if (spec.restart == config::restart_type::temporary && (words.delay || words.max_restarts))
    return usage(std::string{"run: "} + (words.delay ? "--delay" : "--max-restarts")
                     + " says nothing where nothing is restarted",
                 "add --restart on_failure or --restart always");
  return std::nullopt;
}

void restarts::signalled(int signal, monotonic now) {
  if (signal == SIGTERM)
    terminated_ = true;
  else if (signal == SIGINT || signal == SIGQUIT)
    interrupted_ = now;
}

bool restarts::was_asked(const exit_status& status, monotonic now) const {
  return terminated_ || (interrupted_ && now - *interrupted_ <= spec_.stop_timeout)
         || (interrupted_ && (ended_by(status, SIGINT) || ended_by(status, SIGQUIT)));
}

verdict restarts::after(const run_end& end, monotonic now, double dice) {
  const bool hung_up = end.spawned && ended_by(end.status, SIGHUP);
  if (!wanted() || was_asked(end.status, now) || hung_up)
    return {};
  interrupted_.reset();
  const auto said = judge(spec_, memory_, end, now, dice);
  if (said.what == event::ended_completed)
    return {};
  if (said.what == event::ended_failed)
    return {false, {}, said.reason};
  std::string reason = "restart " + std::to_string(said.attempt) + " of " + std::to_string(said.of);
  if (!said.reason.empty())
    reason += ", " + said.reason;
  return {true, said.after, reason};
}

} // namespace troupe::solo
