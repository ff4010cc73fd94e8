#pragma once

#include "runtime/store/schema.hpp"

namespace troupe::store {

/// `queue.db`.
extern const layout queue_layout;

} // namespace troupe::store
