#pragma once

#include <stdint.h>
#include <sys/types.h>

namespace troupe::keeper {

/// All children of this process, zombies too. waitid(P_ALL) cannot tell them: it gives the same
/// pinned zombie again and again, and nothing that stands behind it.
class child_list {
public:
  /// Reads the list anew. What cannot be read for lack of memory is left for the next time.
  void read();
  uint32_t count() const { return count_; }
  pid_t pid(uint32_t position) const { return pids_[position]; }

private:
  bool read_from_proc();
  void try_every_pid();
  bool append(pid_t pid);

  pid_t* pids_ = nullptr;
  uint32_t count_ = 0;
  uint32_t capacity_ = 0;
};

} // namespace troupe::keeper
