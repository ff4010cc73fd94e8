#pragma once

// Commits what of messages is to outlive the runtime. Detached: SQLite blocks, and a commit waits
// for the disk; whatever arrives meanwhile is in the next one.

#include "actors/interfaces.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace troupe {

/// Bounds of one transaction; one that is larger alone is one alone.
inline constexpr std::size_t commit_requests = 4096;
inline constexpr std::size_t commit_bytes = 16u << 20;

struct queue_state {
  explicit queue_state(queue_actor::stateful_pointer<queue_state> owner)
      : self{owner} {
    // nop
  }

  caf::result<std::string> write(const messaging::queue_batch_ptr& batch);
  void commit();
  caf::result<messaging::queue_contents_ptr> view();
  void look_again();
  messaging::dead_letter_list letters(const messaging::dead_letter_query& query);
  figures counts();

  static inline const char* name = "queue";

  struct request {
    messaging::queue_batch_ptr batch;
    caf::typed_response_promise<std::string> answer;
  };

  std::string write_all(std::vector<std::string>& problems);
  void take_note(const std::string& problem);

  queue_actor::stateful_pointer<queue_state> self;
  std::shared_ptr<messaging::message_store> store;
  spill_actor spill;
  std::vector<request> gathered; ///< for the next commit
  std::size_t gathered_bytes = 0;
  std::uint64_t round = 1; ///< of commits; a tick of an earlier one is void
  std::vector<caf::typed_response_promise<messaging::queue_contents_ptr>> readers;
  int tries = 0;
  bool failing = false;
  std::chrono::nanoseconds failed_at{};
  std::uint64_t requests = 0; ///< that were committed
  std::uint64_t failed_requests = 0;
  std::size_t largest_commit = 0; ///< in requests
};

/// Spawn it detached; then what it spills has a thread of its own too.
queue_actor::behavior_type queue(queue_actor::stateful_pointer<queue_state> self,
                                 std::shared_ptr<messaging::message_store> store,
                                 bool detached = true);

} // namespace troupe
