#pragma once

#include <SQLiteCpp/Database.h>

namespace troupe::store {

/// Marks a file as ours (`PRAGMA application_id`): «Trup».
inline constexpr int application_id = 0x54727570;

/// The schema that this program reads and writes (`PRAGMA user_version`).
inline constexpr int schema_version = 2;

/// A version beyond this is damage, not the future.
inline constexpr int plausible_schema_version = 1000;

/// Brings the database from schema `from` to `schema_version` in one transaction.
/// Throws SQLite::Exception; nothing has changed then.
void migrate(SQLite::Database& db, int from);

/// Throws SQLite::Exception when a table or a column that this program uses is
/// missing, which is damage that no check of pages can see.
void verify(SQLite::Database& db);

} // namespace troupe::store
