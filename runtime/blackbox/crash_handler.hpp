#pragma once

// What the runtime still does when it dies of a bug: a report, crash-TIME-PID.txt in the state
// directory, and then the same death. Everything after the signal is async-signal-safe, but for
// the walk up the stack; five seconds later the process is dead in any case.

#include "runtime/blackbox/event_ring.hpp"

namespace troupe::blackbox {

/// From now on SEGV, BUS, ILL, FPE, SYS, TRAP and ABRT, and with that std::terminate, leave a
/// report in this directory, which stays the caller's, as does the ring; both must live as long as
/// the process. To be called once, before other threads are there.
void report_crashes(int directory, event_ring& ring);

} // namespace troupe::blackbox
