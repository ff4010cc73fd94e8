#pragma once

// The one that writes to the store. Detached: SQLite blocks, and only this actor
// may wait for it.

#include "actors/interfaces.hpp"

#include <chrono>
#include <memory>
#include <vector>

namespace troupe {

struct journal_state {
  explicit journal_state(journal_actor::stateful_pointer<journal_state> owner)
      : self{owner} {
    // nop
  }

  event_list events(const event_query& what);
  death_list deaths(const std::string& of, std::uint32_t last);
  version_list versions(std::uint32_t last);
  version_list version(std::uint64_t number);
  audit_list audits(const audit_query& what);
  audit_check verify_audit(std::uint64_t most);
  std::string write(const journal_batch_ptr& batch, bool durable);
  figures counts();
  caf::result<journal_contents_ptr> view();
  void look_again();

  static inline const char* name = "journal";

  journal_actor::stateful_pointer<journal_state> self;
  std::shared_ptr<journal_store> store;
  std::vector<caf::typed_response_promise<journal_contents_ptr>> waiting; ///< for a readable store
  int tries = 0;
  std::uint64_t writes = 0; ///< batches that were committed
  std::uint64_t failed_writes = 0;
  std::uint64_t changes = 0; ///< events in them
  std::chrono::nanoseconds longest_write{};
};

/// Spawn it detached.
journal_actor::behavior_type journal(journal_actor::stateful_pointer<journal_state> self,
                                     std::shared_ptr<journal_store> store);

} // namespace troupe
