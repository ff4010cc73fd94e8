#pragma once

#include "runtime/store/schema.hpp"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <chrono>
#include <memory>
#include <string>
#include <sys/types.h>
#include <unordered_map>

namespace troupe::store {

/// One open database with its prepared statements. Methods throw SQLite::Exception.
class connection {
public:
  connection(const std::string& path, std::chrono::milliseconds busy);

  SQLite::Database& database() { return db_; }

  /// The statement for `sql`, which must be a literal: it is the key.
  SQLite::Statement& prepared(const char* sql);

  /// Whether the next commits wait for the disk. Not inside a transaction.
  void durable(bool on);

  /// Whether the files beneath the connection are still those at their paths.
  /// SQLite itself would go on writing into a deleted file.
  bool still_there();

private:
  struct identity {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const identity&) const = default;
  };
  static identity identify(const std::string& path);

  SQLite::Database db_;
  std::string path_;
  identity file_;
  identity log_;
  int synchronous_ = -1;
  std::unordered_map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
};

/// How careful an opening is.
enum class checking {
  quick,   ///< the file was good a moment ago
  full,    ///< `quick_check` over all pages
  replace, ///< it is known to be damaged: move it aside
};

/// The result of `open_database`: `db`, or why there is none.
struct opened {
  std::unique_ptr<connection> db;
  std::string error;
  std::string notice; ///< what was repaired on the way
  bool anew = false;  ///< there was no usable file: this one is empty
};

/// Opens, checks and migrates the database; a damaged one is moved aside as
/// `PATH.corrupt-TIME` (three are kept) and begun anew. One of a newer schema is
/// refused and not touched; one of an older schema is copied to `PATH.schema-N` before it is
/// brought forward. Never throws.
opened open_database(const std::string& path, const layout& kind, std::chrono::milliseconds busy,
                     checking how);

/// Writes the content to a new file at `path`, whole or not at all, and waits for the disk. Returns
/// an empty string, or why not.
std::string write_copy(SQLite::Database& db, const std::string& path);

/// Whether this result code means that the file's content is wrong.
bool means_damage(int code);

} // namespace troupe::store
