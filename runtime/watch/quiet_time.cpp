#include "runtime/watch/quiet_time.hpp"

#include <algorithm>

namespace troupe::watch {

void quiet_time::note(haste seen, clock::time_point now) {
  if (!due_)
    first_ = now;
  if (seen == haste::none) {
    due_ = now;
    return;
  }
  const auto until = now + (seen == haste::settled ? after_rename : after_write);
  due_ = std::min(std::max(due_.value_or(until), until), first_ + longest);
}

bool quiet_time::take(clock::time_point now) {
  if (!due_ || now < *due_)
    return false;
  due_.reset();
  return true;
}

} // namespace troupe::watch
