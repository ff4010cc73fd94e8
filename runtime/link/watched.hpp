#pragma once

// A descriptor in the loop of CAF's middleman thread, without CAF's scribe around it: a scribe
// takes a read buffer for each connection, copies what is sent, and needs two turns of the loop to
// send anything. All in the middleman's thread.

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/event_handler.hpp>

#include <functional>
#include <memory>

namespace troupe::link {

class watched final : public caf::io::network::event_handler {
public:
  using multiplexer = caf::io::network::default_multiplexer;

  /// Owns `fd`, which becomes non-blocking. `on_readable` is called at its end and after an error
  /// too.
  watched(multiplexer&, int fd, std::function<void()> on_readable,
          std::function<void()> on_writable);

  void watch_reads(bool);
  void watch_writes(bool);

  /// Out of the loop; calls nothing any more. The loop may have events for it in hand, so it is
  /// closed when these are through.
  static void retire(std::unique_ptr<watched>);

  // -- for CAF ------------------------------------------------------------------------

  void handle_event(caf::io::network::operation) override;
  void removed_from_loop(caf::io::network::operation) override;
  void graceful_shutdown() override;

private:
  std::function<void()> on_readable_;
  std::function<void()> on_writable_;
  bool writes_ = false;
  bool reads_ = false;
  bool retired_ = false;
};

/// The loop of that system.
watched::multiplexer& loop_of(caf::actor_system&);

} // namespace troupe::link
