#pragma once

// The journal's database, `state.db`: events, deaths, the last record of every
// instance, audit, intents, overrides and versions of the tree.
//
// It survives what happens to files. Damaged: moved aside, begun anew. Deleted or
// replaced underneath: noticed before the next write; what was deleted is put back. Locked, full,
// read-only: the write says so and the caller tries again. Whenever a file is begun anew or a write
// failed, what the store itself still knows (records, intents, overrides, the applied version and
// the healthy one before it, where the chain of the audit ends) is written again together with the
// next batch. On a full disk a reserve is given
// back first; until there is room for it again only what the fleet does by itself is written.

#include "actors/seams.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace troupe::store {

/// Bounds; the defaults are what the runtime uses.
struct options {
  std::chrono::milliseconds busy{5000};     ///< how long a write waits for another process's lock
  std::uint64_t events = 100'000;           ///< transitions kept
  std::uint32_t deaths_each = 100;          ///< deaths kept of one instance …
  std::uint64_t deaths = 100'000;           ///< … and of all together
  std::uint64_t audits = 100'000;           ///< of the audit: entries and outcomes, one each
  std::uint64_t audit_bytes = 256ull << 20; ///< … and what they take together
  std::uint64_t versions = 50; ///< applied states kept; the last healthy one is in any case
  std::uint64_t reserve = 0;   ///< bytes kept for a full disk, in `reserve` beside it
};

/// The store at `path`. Never throws and never returns null: where the disk cannot be
/// used, `write` fails with the reason and looks again at its next call.
std::unique_ptr<journal_store> open_store(std::string path, const options& = {});

} // namespace troupe::store
