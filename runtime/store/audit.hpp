#pragma once

// The audit is a chain of links: each carries SHA-256 over itself and the link before it. Links
// are appended and, beyond a bound, dropped at the other end; none is ever changed. What became
// of an entry comes later, as a link of its own. When links are dropped, an anchor says so: a link
// that names the last one dropped and its hash, from where the rest is still a chain.
//
// Whoever can write the file can also make a whole new chain. Only a hash that was noted elsewhere
// (`audit verify` prints the last one) proves that this did not happen.

#include "actors/seams.hpp"
#include "runtime/store/connection.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::store {

/// How one link is known to the next.
struct chain_end {
  std::uint64_t seq = 0; ///< 0: nothing was ever linked
  std::string hash;

  bool operator==(const chain_end&) const = default;
};

/// One row of `audit`.
struct audit_link {
  std::uint64_t entry = 0; ///< whose outcome this is; its own number: an entry; 0: an anchor
  std::int64_t time = 0;
  std::uint32_t uid = 0;
  std::int32_t pid = 0;
  std::string_view origin;
  std::string_view command;
  std::string_view outcome; ///< of an anchor: the hash of the last link dropped
  std::string_view patch;
  std::uint64_t version = 0; ///< of an anchor: the number of the last link dropped
};

// All of these throw SQLite::Exception; those that write are called inside a transaction.

/// Appends a link; `at` moves to it.
void append(SQLite::Database& db, chain_end& at, const audit_link& link);

/// Enters an entry, or the outcome of one that has an id. Returns the entry's id. A patch of more
/// than `config::max_patch_bytes` is left out; its version has all of it.
std::uint64_t enter(SQLite::Database& db, chain_end& at, const audit_entry& x,
                    std::uint64_t version, std::int64_t now);

/// Drops all links up to `until`, which must be before `at`, and appends their anchor.
void drop_links(SQLite::Database& db, chain_end& at, std::uint64_t until, std::int64_t now);

/// What the links after `from` up to `to` take, roughly.
std::uint64_t bytes_of_links(SQLite::Database& db, std::uint64_t from, std::uint64_t to);

/// Up to where links are to go, of `most` at a time and before `last`, so that what takes `bytes`
/// becomes a sixteenth less than `bound`; 0: none.
std::uint64_t links_beyond(SQLite::Database& db, std::uint64_t bytes, std::uint64_t bound,
                           std::uint64_t most, std::uint64_t last);

/// Where the chain in the file ends.
chain_end end_of_chain(SQLite::Database& db);

/// Where a file goes on that was opened again, when `known` was the end as it was last written.
/// What it has beyond that is taken over; an empty one begins with an anchor; what is another chain
/// stays, and is found by verifying. Inside a transaction.
chain_end go_on_from(SQLite::Database& db, const chain_end& known, std::int64_t now);

std::vector<audit_entry> find_audits(SQLite::Database& db, const audit_query& what);

/// `known`: the end as the writer remembers it, if it does; what the file says of it is looked
/// at in any case.
audit_check verify_chain(SQLite::Database& db, const chain_end* known, std::uint64_t most);

/// Makes a chain of what stood in the table before schema 4.
void chain_old_audit(SQLite::Database& db);

} // namespace troupe::store
