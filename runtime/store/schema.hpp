#pragma once

#include <SQLiteCpp/Database.h>

#include <span>

namespace troupe::store {

/// What leads from one schema to the next.
struct step {
  const char* sql = "";
  void (*also)(SQLite::Database&) = nullptr; ///< after the SQL, in the same transaction
};

/// One kind of database: how a file of it is known, begun, brought forward and looked over.
struct layout {
  int application_id = 0;             ///< marks a file as of this kind (`PRAGMA application_id`)
  const char* first = "";             ///< SQL before anything is in a new file
  std::span<const step> steps;        ///< steps[n] leads from schema n to n + 1
  std::span<const char* const> needs; ///< queries that fail where a table or column is missing
  const char* lost = "";              ///< what is lost with a damaged file, for people

  /// The schema that this program reads and writes (`PRAGMA user_version`).
  int version() const { return static_cast<int>(steps.size()); }
};

/// `state.db`.
extern const layout state_layout;

/// A version beyond this is damage, not the future.
inline constexpr int plausible_schema_version = 1000;

/// Brings the database from schema `from` to the present one in one transaction.
/// Throws SQLite::Exception; nothing has changed then.
void migrate(SQLite::Database& db, const layout& kind, int from);

/// Throws SQLite::Exception when a table or a column that this program uses is
/// missing, which is damage that no check of pages can see.
void verify(SQLite::Database& db, const layout& kind);

} // namespace troupe::store
