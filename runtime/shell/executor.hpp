#pragma once

// Carries out one command and shows what came of it.

#include "runtime/shell/client.hpp"
#include "runtime/shell/parse.hpp"
#include "runtime/shell/text.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <signal.h>
#include <string>

namespace troupe::shell {

class executor {
public:
  struct options {
    terminal on;
    /// Asks a yes-or-no question; absent: nobody is there to ask.
    std::function<bool(const std::string&)> confirm;
    /// Why there is no state directory, for `version`, which does without.
    std::optional<refusal> no_state;
    /// Signals that may interrupt a wait; null: none do.
    const sigset_t* interruptible = nullptr;
  };

  executor(client& runtime, options given)
      : runtime_{runtime}
      , given_{std::move(given)} {}

  /// Returns the exit code. Everything that has to be said has been said then. Not for
  /// `run` and `shell`.
  int carry_out(const invocation&);

private:
  int over_the_socket(const invocation&);
  int follow_events(const invocation&);
  int show_version(const invocation&);
  int wait_for(const invocation&, answer first);
  config::expected<answer, refusal> await(nlohmann::ordered_json& goal,
                                          std::chrono::steady_clock::time_point deadline);
  int show(const invocation&, const answer&);

  client& runtime_;
  options given_;
};

} // namespace troupe::shell
