#include "runtime/link/watched.hpp"

#include <utility>

namespace troupe::link {

using caf::io::network::operation;

watched::watched(multiplexer& loop, int fd, std::function<void()> on_readable,
                 std::function<void()> on_writable)
    : event_handler{loop, fd}
    , on_readable_{std::move(on_readable)}
    , on_writable_{std::move(on_writable)} {
  state_.reading = true; // else CAF would pass over what there is to read
}

void watched::watch_reads(bool on) {
  if (std::exchange(reads_, on) == on)
    return;
  if (on)
    backend().add(operation::read, fd(), this);
  else
    backend().del(operation::read, fd(), this);
}

void watched::watch_writes(bool on) {
  if (std::exchange(writes_, on) == on)
    return;
  if (on)
    backend().add(operation::write, fd(), this);
  else
    backend().del(operation::write, fd(), this);
}

void watched::retire(std::unique_ptr<watched> x) {
  x->retired_ = true;
  x->watch_reads(false);
  x->watch_writes(false);
  auto& loop = x->backend();
  loop.post([last = std::shared_ptr<watched>{std::move(x)}] {
    // nop: posted work runs when the events in hand are through and the loop has forgotten it
  });
}

void watched::handle_event(operation what) {
  if (retired_)
    return;
  if (what == operation::write)
    return on_writable_();
  // CAF takes what has an error out of its loop.
  if (what == operation::propagate_error)
    reads_ = writes_ = false;
  on_readable_();
}

void watched::removed_from_loop(operation) {
  // nop
}

void watched::graceful_shutdown() {
  // nop
}

watched::multiplexer& loop_of(caf::actor_system& system) {
  return static_cast<watched::multiplexer&>(system.middleman().backend());
}

} // namespace troupe::link
