#pragma once

// The queue's database, `queue.db`: durable messages, dead letters, durable subscriptions, the
// shared state; and `spill.db` beside it, see spill_file.hpp.
//
// A write is on the disk when it returns, as a whole, or it says why it is not and nothing of it is
// there. What happens to the file is dealt with as for the journal's: see database.hpp.

#include "actors/messaging/stored.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace troupe::store {

/// The queue at `path`. Never throws and never returns null: where the disk cannot be used, each
/// call says why and the next one looks again. `busy`: how long it waits for another process's
/// lock.
std::shared_ptr<messaging::message_store>
open_queue(const std::string& path, messaging::queue_bounds bounds = {},
           std::chrono::milliseconds busy = std::chrono::seconds{5});

} // namespace troupe::store
