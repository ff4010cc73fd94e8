#pragma once

#include "runtime/keeper/protocol.hpp"

namespace troupe::keeper {

/// Open files that outlive the runtime, by name: listeners, locks. Bounded by max_stored_fds.
class fd_store {
public:
  /// Keeps the fd, which is the store's from here on, in place of an earlier one of that name.
  /// Returns 0, or an errno and the fd stays the caller's.
  int put(const char* name, uint32_t length, int fd);
  /// The fd, which stays the store's; -1 when there is none.
  int get(const char* name, uint32_t length) const;
  void drop(const char* name, uint32_t length);

  uint32_t count() const { return count_; }
  /// The key and fd of the entry at this position (below count()).
  int entry(uint32_t position, key& name) const;

private:
  struct stored {
    char* name;
    uint32_t length;
    int fd;
  };
  stored* find(const char* name, uint32_t length) const;

  stored* entries_ = nullptr;
  uint32_t count_ = 0;
  uint32_t capacity_ = 0;
};

} // namespace troupe::keeper
