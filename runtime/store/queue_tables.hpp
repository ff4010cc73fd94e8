#pragma once

// The tables of `queue.db`: how a batch is written and how all is read again.

#include "actors/messaging/stored.hpp"
#include "runtime/store/statement.hpp"

#include <cstdint>
#include <vector>

namespace troupe::store {

/// What is in the file, as its `totals` say.
struct queue_totals {
  std::uint64_t last_row = 0;
  std::uint64_t last_state_version = 0;
  std::uint64_t messages = 0;
  std::uint64_t message_bytes = 0; ///< of bodies, like the others
  std::uint64_t letters = 0;
  std::uint64_t letter_bytes = 0;
  std::uint64_t entries = 0;
  std::uint64_t entry_bytes = 0;
  bool operator==(const queue_totals&) const = default;
};

queue_totals read_totals(connection& db);

/// Writes batches within a transaction of the caller's. Throws SQLite::Exception, and
/// std::logic_error when a row is given to a second message.
class queue_writer {
public:
  queue_writer(connection& db, const queue_totals& before)
      : db_{db}
      , totals_{before} {
    // nop
  }

  /// Batches and the members of each in their order. A batch that is written already changes
  /// nothing.
  void apply(const messaging::queue_batch& batch);

  /// The end: what was gathered, the bounds of dead letters and the totals.
  queue_totals finish(const messaging::queue_bounds& bounds);

private:
  void accept(const messaging::stored_message& x);
  void bury(const messaging::dead_letter& x);
  void set(const messaging::state_entry& x);
  void erase_finished();
  void trim_letters(const messaging::queue_bounds& bounds);
  void given(std::uint64_t row);

  connection& db_;
  queue_totals totals_;
  std::vector<std::uint64_t> finished_; // gathered, for neighbours go at once
  std::uint64_t highest_finished_ = 0;
  bool buried_ = false;
};

/// Reads all but the dead letters; the totals of messages and entries are counted on the way.
void read_contents(connection& db, messaging::queue_contents& result, queue_totals& counted);

/// Newest first.
std::vector<messaging::dead_letter> read_letters(connection& db,
                                                 const messaging::dead_letter_query& query);

} // namespace troupe::store
