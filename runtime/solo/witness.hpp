#pragma once

// Tells a signal that was sent to the whole process group (Ctrl-C, `kill %1`) from one that was
// sent to us alone: the bot has the first already and must be given the second.
//
// The kernel does not say. A terminal's signals can be known by their sender, but `kill %1` and
// `kill PID` look alike, and a hangup reaches only the leader of a session. So a tiny process
// of ours sits in the group, blocks every signal, and is asked whether it has got this one too.

#include "runtime/os/unique_fd.hpp"

#include <sys/types.h>

namespace troupe::solo {

class witness {
public:
  witness() = default;
  witness(const witness&) = delete;
  witness& operator=(const witness&) = delete;
  ~witness() { stop(); }

  /// Starts it in our process group; all signals must be blocked. It keeps nothing open and dies
  /// with us. Without it (no process is to be had), `saw` goes by the sender.
  void start();

  /// Whether the group was sent `signal`, which has just been read; a second look finds nothing.
  /// `from_kernel`: the kernel itself was its sender. Waits for as long as it may still
  /// answer, but 30 s at most; 1 s if somebody has stopped it.
  bool saw(int signal, bool from_kernel);

  /// Told of every child that was reaped: it may have been this one.
  void reaped(pid_t pid);

  /// Ends and reaps it.
  void stop();

private:
  bool answered() const;

  pid_t pid_ = -1;
  os::unique_fd line_;
};

} // namespace troupe::solo
