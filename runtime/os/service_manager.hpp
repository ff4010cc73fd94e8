#pragma once

// Telling whoever started `troupe run`, systemd mostly, how the fleet stands: the protocol
// of NOTIFY_SOCKET (sd_notify(3)), one datagram a message.

#include "runtime/os/state_directory.hpp"
#include "runtime/os/unique_fd.hpp"

#include <string>
#include <string_view>
#include <sys/types.h>

namespace troupe::os {

/// What `NOTIFY_SOCKET` of the keeper's environment leads to. Without that variable it says
/// nothing to nobody. `say` may be called from any thread, never blocks and never fails
/// loudly: what the manager does not take in time is dropped.
class service_manager {
public:
  service_manager() = default;

  /// `keeper` is the process that the manager started and knows: messages go out in its
  /// name where we may do that, so that `NotifyAccess=main` is enough and no bot can
  /// speak for the fleet.
  service_manager(const environment_lookup& env, pid_t keeper);

  /// Whether somebody listens.
  explicit operator bool() const { return static_cast<bool>(fd_); }

  /// Whether it wants to hear WATCHDOG=1 from the keeper.
  bool wants_life() const { return wants_life_; }

  /// What is wrong with the variable; empty: nothing.
  const std::string& trouble() const { return trouble_; }

  /// Lines NAME=VALUE, as in sd_notify(3).
  void say(std::string_view lines) const;

private:
  unique_fd fd_;
  pid_t keeper_ = 0;
  bool wants_life_ = false;
  std::string trouble_;
};

} // namespace troupe::os
