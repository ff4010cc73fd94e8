#pragma once

// What of messages is kept on disk (`queue.db`), and the seam behind which it is.

#include "actors/seams.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace troupe::messaging {

/// A durable message between «accepted» and its end, for one receiver.
struct stored_message {
  std::uint64_t row = 0; ///< given by the hub; only grows, over all runtimes
  std::string target;    ///< the bot or instance whose mailbox it is in
  std::uint32_t deliveries = 0;
  std::int64_t expires = 0; ///< Unix microseconds, 0: never
  std::string body;         ///< of its MESSAGE frame
};

/// A message that nobody got, and why.
struct dead_letter {
  std::uint64_t row = 0; ///< as of stored_message, from the same numbers
  std::int64_t at = 0;   ///< Unix microseconds
  std::string target;
  std::string reason; ///< name of an outcome_code
  std::string detail; ///< for people
  std::uint32_t deliveries = 0;
  std::string body;
};

/// A subscription that holds while its bot is down.
struct stored_subscription {
  std::string instance;
  std::string pattern;
};

/// One entry of `runtime/state`.
struct state_entry {
  std::string group; ///< whose it is; empty: the root's
  std::string key;
  std::string value;         ///< JSON text
  std::uint64_t version = 0; ///< grows with each change, over all keys
  std::int64_t expires = 0;  ///< Unix microseconds, 0: never
  bool erased = false;
};

/// One transaction; its members are carried out in this order.
struct queue_batch {
  std::vector<stored_message> accepted;
  std::vector<stored_message> changed; ///< `target` and `deliveries` of rows; no body
  std::vector<std::uint64_t> finished; ///< rows of messages whose end is known
  std::vector<dead_letter> dead;
  std::vector<std::uint64_t> purged; ///< rows of dead letters
  std::vector<stored_subscription> subscribed;
  std::vector<stored_subscription> unsubscribed;
  std::vector<state_entry> entries;

  bool empty() const {
    return accepted.empty() && changed.empty() && finished.empty() && dead.empty() && purged.empty()
           && subscribed.empty() && unsubscribed.empty() && entries.empty();
  }
};

/// Everything a new hub learns from the disk. Dead letters are read on demand.
struct queue_contents {
  std::uint64_t last_row = 0;           ///< the highest ever given
  std::uint64_t last_state_version = 0; ///< the same of state entries
  std::vector<stored_message> messages; ///< oldest first
  std::vector<stored_subscription> subscriptions;
  std::vector<state_entry> entries;
  std::string trouble;     ///< why it is not all there, or empty
  bool unreadable = false; ///< nothing is known; it may be later
};

struct dead_letter_query {
  std::uint64_t row = 0;      ///< only this one, 0: all
  std::string target;         ///< only of this bot, instance or group with a trailing '/'
  std::uint32_t limit = 1000; ///< the newest so many
};

struct dead_letter_list {
  std::vector<dead_letter> items; ///< newest first
  std::uint64_t kept = 0;         ///< in all
  std::string trouble;
};

/// A message that waits on disk for room in its mailbox. Of `fire` and `assured`: not kept
/// over the runtime's death.
struct spilled {
  std::string mailbox; ///< instance
  std::uint8_t lane = 0;
  std::uint32_t deliveries = 0;
  std::int64_t expires = 0;
  std::string body;
};

struct spill_list {
  std::vector<spilled> items; ///< in the order they were written
  std::string trouble;
};

/// Bounds; the oldest dead letters go first, what is over the others is refused.
struct queue_bounds {
  /// Of all messages that wait on disk (their bodies); spilled ones may have half of it.
  std::uint64_t bytes = 1ull << 30;
  std::uint32_t dead_letters = 10'000;
  std::uint64_t dead_letter_bytes = 64ull << 20;
};

/// The queue's database. Called by the queue actor alone, from its own thread; `spill`, `unspill`
/// and `drop_spilled` from another one, at the same time, so that they never wait for a commit.
struct message_store {
  virtual ~message_store() = default;

  virtual queue_contents load() = 0;

  /// Writes all of the batches or nothing, and waits for the disk, once. Returns an empty
  /// string, or what went wrong; then they may be written again, whatever became of them.
  virtual std::string write(const std::vector<const queue_batch*>& batches) = 0;

  virtual dead_letter_list dead_letters(const dead_letter_query&) = 0;

  /// Appends; does not wait for the disk. Returns an empty string or what went wrong.
  virtual std::string spill(const std::vector<spilled>&) = 0;

  /// Takes the oldest ones of a mailbox's lane back, at most `count` and `bytes`, but one at
  /// least if there is one.
  virtual spill_list unspill(const std::string& mailbox, std::uint8_t lane, std::uint32_t count,
                             std::uint64_t bytes) = 0;

  /// Forgets what a mailbox has spilled.
  virtual void drop_spilled(const std::string& mailbox) = 0;

  /// `durable`, `dead_letters`, `spilled`, `state_entries`, each with `…_bytes`; `commits`,
  /// `commit_longest_s`.
  virtual figures counts() = 0;

  /// What has happened to the files since the last call, for people, or empty.
  virtual std::string notice() = 0;
};

using queue_batch_ptr = std::shared_ptr<const queue_batch>;
using queue_contents_ptr = std::shared_ptr<const queue_contents>;
using spill_batch_ptr = std::shared_ptr<const std::vector<spilled>>;

} // namespace troupe::messaging
