#pragma once

// SQLite's file system with a step in between: the n-th call to the disk fails, or no
// file may grow.

#include <sqlite3.h>

namespace troupe::test {

/// Stands in for the machine's disk while it lives. One at a time.
class failing_disk {
public:
  failing_disk();
  ~failing_disk();
  failing_disk(const failing_disk&) = delete;
  failing_disk& operator=(const failing_disk&) = delete;

  /// After `calls` more calls one fails; negative: none.
  void fail_after(int calls);
  /// From now on (or no longer) no file grows.
  void fill(bool full);
  /// Whether a call has failed since `fail_after`.
  bool failed() const;

private:
  sqlite3_vfs vfs_;
};

} // namespace troupe::test
