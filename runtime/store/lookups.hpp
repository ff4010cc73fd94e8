#pragma once

// What is asked for of events and deaths.

#include "actors/seams.hpp"
#include "runtime/store/connection.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::store {

/// Both throw SQLite::Exception; see journal_store.
std::vector<transition> find_events(connection& db, const event_query& query);
std::vector<death> find_deaths(connection& db, const std::string& name, std::uint32_t last);

} // namespace troupe::store
