#pragma once

// The heart of messaging: takes frames from links, decides where each message goes, keeps it
// in the receiver's mailbox while that has no credit, and sees to it that its sender learns
// what became of it. Plain code without I/O, threads or actors: a broker in the middleman
// thread (runtime/link/) drives it, and a test does with a clock of its own.

#include "actors/messaging/link.hpp"
#include "actors/messaging/routes.hpp"
#include "actors/messaging/stored.hpp"
#include "actors/seams.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::messaging {

using link_id = std::uint64_t;

/// Nanoseconds of a clock that only goes forward.
using monotonic = std::chrono::nanoseconds;

/// What the hub does to the world; called from within its methods.
struct hub_port {
  virtual ~hub_port() = default;

  virtual monotonic now() const = 0;
  virtual std::int64_t wall() const = 0; ///< Unix microseconds

  /// Appends bytes to what goes out on a link. The hub itself keeps within the bound:
  /// it asks `unsent` first.
  virtual void write(link_id, std::string_view bytes) = 0;
  /// Bytes that were written and that the kernel has not taken yet.
  virtual std::size_t unsent(link_id) const = 0;
  /// Nothing is to be read from a link until it is said otherwise, which is soon. Advice: what is
  /// given to the hub all the same is taken.
  virtual void hold(link_id, bool /*on*/) {}
  /// Closes once what was written has gone out, or after a second.
  virtual void close(link_id) = 0;

  /// For the proxy of an instance.
  virtual void tell(notice) = 0;
  /// For the queue; `done` is called later, with "" or why it was not committed.
  virtual void store(queue_batch_ptr, std::function<void(std::string)> done) = 0;
  virtual void spill(spill_batch_ptr, std::function<void(std::string)> done) = 0;
  virtual void unspill(const std::string& mailbox, std::uint8_t lane, std::uint32_t count,
                       std::uint64_t bytes, std::function<void(spill_list)> done) = 0;
  virtual void drop_spilled(const std::string& mailbox) = 0;
  virtual void dead_letters(dead_letter_query, std::function<void(dead_letter_list)> done) = 0;
};

/// Bounds of the whole.
struct hub_options {
  std::uint64_t epoch = 1;
  std::string fleet;
  std::uint64_t memory = 256ull << 20; ///< bytes that all mailboxes together may take
  std::size_t unsent = 64 << 10;       ///< of one link, beside one frame
  std::chrono::seconds heartbeat{10};
  std::chrono::seconds link_grace{
      30}; ///< how long a process may be without a link before messages to it are refused
};

class hub {
public:
  hub(hub_port&, hub_options);
  ~hub();

  // -- links ---------------------------------------------------------------------------

  /// A process has linked; a WELCOME or a BYE is written.
  void on_link(link_id, link_hello);
  /// Bytes came in; any number of frames or part of one.
  void on_data(link_id, std::string_view bytes);
  /// The kernel took some of what was written: there may be room for more.
  void on_sent(link_id);
  void on_closed(link_id);

  // -- from the actors -----------------------------------------------------------------

  void set_routes(routes_ptr);
  /// What the disk held when this runtime began; before it, durable messages wait.
  void restore(const queue_contents&);
  /// Asks a linked process; the answer is a notice (`drained`, `flattened`), at once when
  /// it is not linked or has no handler for it.
  void order(const std::string& instance, std::uint64_t incarnation, link_order,
             std::chrono::milliseconds within);
  /// The fleet ends: links are closed with that reason.
  void stop();

  // -- time ----------------------------------------------------------------------------

  /// Everything that is due: heartbeats, TTLs, receipts, deadlines.
  void tick();
  /// When `tick` is wanted next; none: only when something else has happened.
  std::optional<monotonic> next_tick() const;

  // -- from shells ---------------------------------------------------------------------

  /// Carries out one operation (docs/messages.md, «Operations») on a JSON object and answers it
  /// once, maybe later: `{"ok": …}` or `{"error": {"code": …, "text": …}}`.
  void ask(const std::string& operation, const std::string& arguments,
           std::function<void(std::string)> answer);

  /// `links`, `messages_in`, `messages_out`, `mailbox_messages`, `mailbox_bytes`, …
  figures counts() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::messaging
