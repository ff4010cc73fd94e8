#include "runtime/watch/quiet_time.hpp"

#include <algorithm>

namespace troupe::watch {

std::chrono::milliseconds quiet_time::wait_after(haste seen) {
  switch (seen) {
  case haste::none:
    break;
  case haste::settled:
    return after_rename;
  case haste::writing:
    return after_write;
  case haste::looked:
    return after_look;
  }
  return {};
}

void quiet_time::note(haste seen, clock::time_point now) {
  if (!due_)
    first_ = now;
  if (seen == haste::none) {
    due_ = now;
    return;
  }
  const auto until = now + wait_after(seen);
  const auto last = first_ + (seen == haste::looked ? longest_looks : longest);
  due_ = std::min(std::max(due_.value_or(until), until), last);
}

bool quiet_time::take(clock::time_point now) {
  if (!due_ || now < *due_)
    return false;
  due_.reset();
  return true;
}

} // namespace troupe::watch
