#pragma once

// Tells a signal that was sent to the whole process group (Ctrl-C, `kill %1`) from one that was
// sent to us alone: the bot has the first already and must be given the second.
//
// The kernel does not say. A terminal's signals can be known by their sender, but `kill %1` and
// `kill PID` look alike, and a hangup reaches only the leader of a session. So a tiny process
// of ours sits in the group, blocks every signal, and is asked whether it has got this one too.

#include "runtime/os/unique_fd.hpp"
#include "runtime/solo/signals.hpp"

#include <csignal>
#include <cstdint>
#include <optional>
#include <sys/types.h>

namespace troupe::solo {

/// A signal as it was seen.
struct sighting {
  siginfo_t info;
  bool to_group; ///< and so has reached everybody in it
};

class witness {
public:
  witness() = default;
  witness(const witness&) = delete;
  witness& operator=(const witness&) = delete;
  ~witness() { stop(); }

  /// Starts it in our process group; all signals must be blocked. It keeps nothing open and dies
  /// with us. Without it (no process is to be had), `saw` goes by the sender.
  void start();

  /// Takes `signal`, which waits in `from`, and tells whether the group was sent it. Nothing when
  /// it waits no more. Waits for the witness for as long as that may still answer, but 30 s at
  /// most; 1 s if somebody has stopped it.
  std::optional<sighting> take(int signal, const signal_line& from);

  /// Whatever it knows of `signal` is old news.
  void forget(int signal);

  /// Told of every child that was reaped: it may have been this one.
  void reaped(pid_t pid);

  /// Ends and reaps it.
  void stop();

private:
  std::optional<unsigned char> ask(int signal);
  bool answered() const;

  std::uint64_t carried_ = 0; ///< the group was sent what waits now; one bit each
  pid_t pid_ = -1;
  os::unique_fd line_;
};

} // namespace troupe::solo
