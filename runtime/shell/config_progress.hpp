#pragma once

// What becomes of a new version of the config, as it happens.

#include "messages/admin.hpp"
#include "runtime/shell/client.hpp"
#include "runtime/shell/text.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace troupe::shell {

class config_progress {
public:
  /// `quiet`: nothing is printed.
  config_progress(client& runtime, terminal on, bool quiet)
      : runtime_{runtime}
      , on_{on}
      , quiet_{quiet} {}

  /// Finds out where the events stand; before the change. What is wrong, if anything.
  std::optional<refusal> begin();

  /// Prints what happens to the config until this version has become something, or the time is
  /// up. The error says why that is not known.
  struct end {
    bool known = false; ///< false: the time was up
    bool healthy = false;
    std::string state; ///< of the version
    std::string text;  ///< a sentence, when it is not healthy
  };
  config::expected<end, refusal> follow(std::uint64_t version, std::chrono::milliseconds limit);

private:
  std::optional<refusal> show_events(std::uint32_t wait_ms);
  config::expected<std::optional<end>, refusal> look(std::uint64_t version);

  client& runtime_;
  terminal on_;
  bool quiet_;
  std::uint64_t after_ = 0;
};

} // namespace troupe::shell
