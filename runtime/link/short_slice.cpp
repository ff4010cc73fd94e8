#include "runtime/link/short_slice.hpp"

#include <cstdint>
#include <optional>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace troupe::link {

namespace {

/// `struct sched_attr` of sched_setattr(2); glibc has it from 2.41 on only.
struct attributes {
  std::uint32_t size = sizeof(attributes);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0; ///< of SCHED_OTHER: the slice in ns
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

/// None when slices mean nothing to the policy of this thread.
std::optional<attributes> current() {
  attributes result;
  if (::syscall(SYS_sched_getattr, 0, &result, sizeof result, 0) != 0
      || result.policy != SCHED_OTHER)
    return std::nullopt;
  return result;
}

} // namespace

bool ask_for_slices_of(std::chrono::nanoseconds time) {
  auto wanted = current();
  if (!wanted)
    return false;
  wanted->runtime = static_cast<std::uint64_t>(time.count());
  return ::syscall(SYS_sched_setattr, 0, &*wanted, 0) == 0 && slice_of_this_thread() == time;
}

std::chrono::nanoseconds slice_of_this_thread() {
  const auto now = current();
  return std::chrono::nanoseconds{now ? now->runtime : 0};
}

} // namespace troupe::link
