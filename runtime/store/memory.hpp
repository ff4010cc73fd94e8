#pragma once

// What the store must be able to write again when the file under it is gone.

#include "actors/seams.hpp"
#include "runtime/store/audit.hpp"
#include "runtime/store/connection.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace troupe::store {

/// Where each thing that is numbered has got to.
struct ends {
  std::uint64_t last_seq = 0;         ///< of events
  std::uint64_t last_incarnation = 0; ///< of all instances, forgotten ones too
  chain_end chain;
};

struct memory {
  std::map<std::string, instance_record> records;
  std::map<std::string, bool> intents;
  config::override_map overrides;
  std::optional<config_version> applied; ///< in this run
  std::optional<config_version> healthy; ///< the last one before it
  std::uint64_t run = 0;
  std::uint64_t version = 0;
  struct ends ends;

  /// Whether an instance that is no more keeps its stop; see max_gone_stops.
  bool keeps_stops() const { return intents.size() < records.size() + max_gone_stops; }

  /// Records, intents and overrides as they are once `batch` is in the file.
  void take(const journal_batch& batch);
};

// All of these throw SQLite::Exception; those that write are called inside a transaction.

/// All of it that the file holds, but for the versions themselves.
memory recall(connection& db);

/// Puts it into a file that is another one than that which knew it. The audit is not of it.
void write_again(connection& db, const memory& known);

/// Records, intents and overrides of a batch.
void write_present(connection& db, const journal_batch& batch, bool keep_stops);

/// A value in the table `meta`; 0 when it is not there.
std::uint64_t meta(connection& db, const char* key);
void set_meta(connection& db, const char* key, std::uint64_t value);

} // namespace troupe::store
