#pragma once

// Carries out one command and shows what came of it.

#include "runtime/shell/client.hpp"
#include "runtime/shell/parse.hpp"
#include "runtime/shell/text.hpp"

#include <functional>
#include <string>

namespace troupe::shell {

class executor {
public:
  struct options {
    terminal on;
    /// Asks a yes-or-no question; absent: nobody is there to ask.
    std::function<bool(const std::string&)> confirm;
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
  int show(const invocation&, const answer&);

  client& runtime_;
  options given_;
};

} // namespace troupe::shell
