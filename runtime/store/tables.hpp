#pragma once

// One function for each table of records: how a row is written and read.

#include "messages/records.hpp"
#include "runtime/store/statement.hpp"

namespace troupe::store {

void write(connection& db, const transition& x);
void write(connection& db, const death& x);
void write(connection& db, const instance_record& x);

/// Each reads the row that the statement stands on, columns in the order of the table.
transition read_transition(SQLite::Statement& statement);
death read_death(SQLite::Statement& statement);
instance_record read_record(SQLite::Statement& statement);

} // namespace troupe::store
