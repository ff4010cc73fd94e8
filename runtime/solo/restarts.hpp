#pragma once

// Whether a bot that ended is started again. The policy is the fleet's own (see
// actors/restart_policy.hpp); what is added is that who asked a bot to end means it.

#include "actors/restart_policy.hpp"
#include "config/result.hpp"
#include "config/spec.hpp"
#include "messages/admin.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace troupe::solo {

/// What the command line says of restarts.
struct restart_words {
  std::optional<std::string> restart;
  std::optional<config::duration> delay;
  std::optional<std::uint32_t> max_restarts;
};

/// Puts the words over what the bot's file says; a program has no file, and no restarts unless
/// they are asked for. The error is about the words.
std::optional<refusal> apply(const restart_words& words, config::bot_spec& spec);

/// What follows on an end.
struct verdict {
  bool again = false;
  std::chrono::nanoseconds after{};
  std::string reason; ///< «restart 3 of 20», or why there is none; may be empty
};

/// The judge of one bot. Pure: it is told the time.
class restarts {
public:
  explicit restarts(config::bot_spec spec)
      : spec_{std::move(spec)} {}

  /// Whether a restart is possible at all.
  bool wanted() const { return spec_.restart != config::restart_type::temporary; }

  /// A signal has reached the bot. TERM always asks it to end, INT and QUIT when it ends
  /// within its `stop_timeout`, HUP when it ends by it: many read their settings again.
  void signalled(int signal, monotonic now);

  /// `dice` is a random number in [-1, 1].
  verdict after(const run_end& end, monotonic now, double dice);

private:
  bool was_asked(const exit_status& status, monotonic now) const;

  config::bot_spec spec_;
  policy_memory memory_;
  bool terminated_ = false;
  std::optional<monotonic> interrupted_;
};

} // namespace troupe::solo
