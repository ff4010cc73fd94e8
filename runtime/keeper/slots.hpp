#pragma once

#include "runtime/keeper/protocol.hpp"

#include <sys/types.h>

namespace troupe::keeper {

/// The life of a slot. pending: exec not confirmed. failing: a step failed, the process is about
/// to end. failed: reaped, the runtime has not been told yet.
enum class stage : uint8_t { unused, pending, failing, failed, alive, exited };

/// What the runtime has not been told yet about a slot. Flags instead of a queue: what they lead
/// to is read from the slot, so what is unsent takes no memory however long the runtime is away.
namespace tell {
inline constexpr uint8_t slot = 1U << 0;
inline constexpr uint8_t spawned = 1U << 1;
inline constexpr uint8_t failed = 1U << 2;
inline constexpr uint8_t stop_state = 1U << 3;
inline constexpr uint8_t exited = 1U << 4;
} // namespace tell

inline constexpr uint32_t no_slot = ~0U;

/// One process of an instance.
struct slot {
  uint64_t incarnation;
  char* text; ///< the name, then the blob; one allocation
  exit_status status;
  pid_t pid;
  int pidfd;
  int status_pipe; ///< end of file says that exec happened, a record says what failed
  int cgroup;
  int kept[max_kept_fds];
  int failed_error;
  spawn_step failed_step;
  uint32_t index;
  uint32_t generation; ///< grows with each use of the slot: tells an old event from a new one
  uint32_t next_by_key;
  uint32_t next_by_pid;
  uint32_t previous_untold;
  uint32_t next_untold;
  uint16_t name_length;
  uint16_t blob_size;
  uint8_t stopped_by;
  uint8_t untold; ///< tell flags
  bool listed;    ///< stands in the list of the untold
  stage at;
};

/// The table of slots: found by key and by pid in constant time, numbered for epoll, bounded,
/// grown in chunks. A slot's address holds until it is removed.
class slot_table {
public:
  /// Sets the bound; false when memory is short.
  bool open(uint32_t max_slots);

  /// A new slot with the key's name and a copy of the blob; nullptr with errno when the table is
  /// full (ENOSPC) or memory is short.
  slot* add(const key& of, const char* blob, uint32_t blob_size);
  slot* find(const key& of) const;
  slot* find_pid(pid_t pid) const;
  void set_pid(slot& of, pid_t pid);
  /// The pid is no longer this slot's: its process has been reaped.
  void forget_pid(slot& of);
  /// Closes the slot's fds and forgets it; the process is the caller's concern.
  void remove(slot& of);

  /// The slot with this number, or nullptr when that is not in use.
  slot* at(uint32_t index) const;
  /// Numbers in use are below this.
  uint32_t end() const { return used_end_; }
  uint32_t count() const { return count_; }

  /// Notes something to tell the runtime.
  void note(slot& of, uint8_t flags);
  /// Forgets part of what there is to tell.
  void told(slot& of, uint8_t flags);
  /// The slot whose news have waited longest, or nullptr.
  slot* first_untold() const;

private:
  static constexpr uint32_t chunk_size = 64;

  slot& raw(uint32_t index) const { return chunks_[index / chunk_size][index % chunk_size]; }
  bool grow_index();
  uint32_t& key_bucket(const char* name, uint32_t length, uint64_t incarnation) const;
  uint32_t& pid_bucket(pid_t pid) const;
  void unlist(slot& of);

  slot** chunks_ = nullptr;
  uint32_t* by_key_ = nullptr;
  uint32_t* by_pid_ = nullptr;
  uint32_t buckets_ = 0;
  uint32_t max_ = 0;
  uint32_t used_end_ = 0;
  uint32_t count_ = 0;
  uint32_t free_ = no_slot;
  uint32_t first_untold_ = no_slot;
  uint32_t last_untold_ = no_slot;
};

/// Writes the slot's key.
void fill_key(const slot& of, key& out);

} // namespace troupe::keeper
