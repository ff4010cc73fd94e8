#pragma once

#include <chrono>

namespace troupe::link {

/// Asks the kernel to give the calling thread the processor sooner and for less long: of two that
/// have the same claim to it, the one with the shorter slice is next, and it need not wait for the
/// end of a longer one. Its share stays what it was, so no privilege is needed. 0.1 … 100 ms.
/// Kernels before 6.12 have one slice for all. False: the kernel does not do that.
bool ask_for_slices_of(std::chrono::nanoseconds);

/// What the calling thread has asked for, or the kernel's own; 0: the kernel does not say.
std::chrono::nanoseconds slice_of_this_thread();

} // namespace troupe::link
