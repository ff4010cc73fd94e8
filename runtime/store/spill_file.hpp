#pragma once

// `spill.db`: what full mailboxes have written out. Disposable: begun empty by each runtime, never
// synced, of no use to the next one.

#include "actors/messaging/stored.hpp"

#include <SQLiteCpp/Database.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace troupe::store {

/// Bytes on disk, of which two threads have to know: that of the queue and that of the spill.
struct disk_use {
  std::atomic<std::uint64_t> durable{0};
  std::atomic<std::uint64_t> spilled{0};
  std::atomic<std::uint64_t> spilled_messages{0};
};

/// Queues in a file, one for each lane of a mailbox. For one thread.
class spill_file {
public:
  /// May take half of `bytes`, and no more than `use` leaves of it: a flood of what may be lost
  /// does not keep out what may not.
  spill_file(std::string path, std::uint64_t bytes, disk_use& use);
  ~spill_file();

  /// All of it or nothing. Returns an empty string, or what went wrong.
  std::string append(const std::vector<messaging::spilled>& items);

  /// The oldest ones: at most `count` and `bytes`, but one at least if there is one.
  messaging::spill_list take(const std::string& mailbox, std::uint8_t lane, std::uint32_t count,
                             std::uint64_t bytes);

  void drop(const std::string& mailbox);

private:
  // The row of a message is the number of its box and, in the low bits, its place in that: so each
  // box lies together and in order, without an index.
  struct box {
    std::uint32_t number = 0;
    std::uint64_t next = 0; // place of the next one
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
  };
  using boxes = std::map<std::pair<std::string, std::uint8_t>, box>;

  void ensure_open();
  void forget_file();
  void give_back(boxes::iterator empty, bool erased);
  void count_out(box& from, std::uint64_t count, std::uint64_t bytes);
  std::string failed(const char* what, const std::exception& error);
  std::uint32_t free_number();

  std::string path_;
  std::uint64_t bytes_;
  disk_use& use_;
  std::unique_ptr<SQLite::Database> db_;
  std::unique_ptr<SQLite::Statement> insert_;
  std::unique_ptr<SQLite::Statement> select_;
  std::unique_ptr<SQLite::Statement> erase_;
  boxes boxes_;
  std::map<std::pair<std::string, std::uint8_t>, std::string>
      lost_; // and how, until it is asked for
  std::vector<std::uint32_t> free_;
  std::uint32_t numbers_ = 0;
};

} // namespace troupe::store
