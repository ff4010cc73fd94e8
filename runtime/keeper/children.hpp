#pragma once

#include <stdint.h>
#include <sys/types.h>

namespace troupe::keeper {

/// All children of this process, zombies too. waitid(P_ALL) cannot tell them: it gives the same
/// pinned zombie again and again, and nothing that stands behind it.
class child_list {
public:
  /// Reads the list anew. False: without a /proc this was only a part, the rest follows with the
  /// next calls. What does not fit in memory is left for the next time.
  bool read();
  /// Whether the next read() starts from the beginning.
  bool at_beginning() const { return next_to_try_ == first_pid; }
  /// Any pid that is met: without a /proc it says how high pids go by now.
  void met(pid_t pid) { highest_met_ = pid > highest_met_ ? pid : highest_met_; }
  uint32_t count() const { return count_; }
  pid_t pid(uint32_t position) const { return pids_[position]; }

private:
  static constexpr pid_t first_pid = 2;

  bool read_from_proc();
  bool try_some_pids();
  bool append(pid_t pid);

  pid_t* pids_ = nullptr;
  uint32_t count_ = 0;
  uint32_t capacity_ = 0;
  pid_t highest_met_ = 0;
  pid_t next_to_try_ = first_pid;
};

} // namespace troupe::keeper
