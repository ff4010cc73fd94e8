#pragma once

// Signals of the process that stands beside its one bot. All of them are blocked and read from
// a descriptor, so that nothing is lost, done twice or handled at a bad moment.

#include "runtime/os/unique_fd.hpp"

#include <csignal>
#include <cstdint>
#include <functional>
#include <optional>
#include <sys/signalfd.h>
#include <sys/types.h>

namespace troupe::solo {

constexpr std::uint64_t bit(int signal) {
  return std::uint64_t{1} << (signal - 1);
}

/// A copy of the fd above those of stdio, which somebody may have closed; takes the old one.
os::unique_fd above_stdio(os::unique_fd fd);

/// Every signal from now on; one object a process.
class signal_line {
public:
  /// Blocks all signals. SIGCHLD, which some parents leave ignored, gets its default.
  signal_line();

  /// Readable when a signal has come; -1 with errno when there is no such descriptor.
  int fd() const { return fd_.get(); }
  /// What was blocked before: a bot starts with just that.
  std::uint64_t original_mask() const { return original_; }
  /// Gives SIGCHLD back what it had; for a child, before exec.
  void restore_child_handler() const;

  /// Those that wait to be taken, one bit each.
  std::uint64_t waiting() const;
  /// Takes this one; it may have been dropped meanwhile, as a stop is for an order to go on.
  std::optional<siginfo_t> take(int signal) const;
  /// The next one that has come, if any.
  std::optional<signalfd_siginfo> next() const;

private:
  std::uint64_t original_ = 0;
  struct sigaction child_ {};
  os::unique_fd fd_;
};

/// The kernel walks through a process group under a lock that this call has to take for itself:
/// when it returns, a sender that has reached one of the group has reached all.
void let_senders_finish();

/// Whether this signal waits in another process; false when nothing is known of that.
bool waits_in(pid_t pid, int signal);

/// Stops this process by that signal, so that its parent sees a stopped job. Returns when it
/// is continued, or at once where the signal is ignored or somebody has continued us already.
/// False: our stop took back an order to go on which `went_on` then knew of, so there was none.
bool stop_self(int signal, const std::function<bool()>& went_on);

/// Ends this process by that signal as the bot was ended by it, but leaves the dumping of core
/// to the bot. Returns only where that is impossible, as for process 1.
void die_of(int signal);

} // namespace troupe::solo
