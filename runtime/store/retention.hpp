#pragma once

// What is dropped so that no table passes its bound by more than a slice.

#include "actors/seams.hpp"
#include "runtime/store/connection.hpp"
#include "runtime/store/memory.hpp"
#include "runtime/store/sqlite_store.hpp"

#include <cstdint>

namespace troupe::store {

/// What the tables of the past hold, so that nobody has to count it for each batch.
struct extent {
  std::uint64_t first_event = 0; ///< 0: there is none
  std::uint64_t first_link = 0;  ///< of the audit
  std::uint64_t audit_bytes = 0;
  std::uint64_t new_deaths = 0; ///< since they were counted last
};

// Both throw SQLite::Exception.

/// Of a file that was just opened.
extent measure(connection& db);

/// Drops what is too much after `batch` was written, inside its transaction. `before` is where
/// everything had got to before it, `now` where it has.
void drop_old(connection& db, const options& bounds, const journal_batch& batch, const ends& before,
              ends& now, extent& held, std::int64_t time);

} // namespace troupe::store
