#include "runtime/report/kept.hpp"

#include "config/problem.hpp"
#include "runtime/store/tables.hpp"
#include "runtime/store/versions.hpp"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <filesystem>
#include <sqlite3.h>

namespace troupe::report {

namespace {

namespace fs = std::filesystem;

constexpr int busy_ms = 2000;

/// A file name as a URI.
std::string as_uri(const std::string& path) {
  std::string result = "file:";
  for (const char c : path)
    result += c == '?'   ? std::string{"%3f"}
              : c == '#' ? std::string{"%23"}
              : c == '%' ? std::string{"%25"}
                         : std::string{c};
  return result;
}

template <class T, class Read>
std::vector<T> last_rows(SQLite::Database& db, const std::string& sql, std::size_t count,
                         Read read) {
  SQLite::Statement rows{db, sql};
  rows.bind(1, static_cast<std::int64_t>(count));
  std::vector<T> result;
  while (rows.executeStep())
    result.push_back(read(rows));
  std::ranges::reverse(result);
  return result;
}

} // namespace

config::expected<kept, std::string> read_kept(const std::string& state, std::size_t events,
                                              std::size_t deaths) {
  const auto path = state + "/state.db";
  std::error_code error;
  if (!fs::exists(path, error))
    return config::unexpected{path + ": " + (error ? error.message() : "it is not there")};
  // A log without its index would make SQLite write one, with us as its owner.
  const bool log = fs::exists(path + "-wal", error) && fs::file_size(path + "-wal", error) > 0;
  if (log && !fs::exists(path + "-shm", error))
    return config::unexpected{path + ": its log was left by a crash; `troupe run` reads it again"};
  kept result;
  try {
    SQLite::Database db{as_uri(path) + (log ? "?mode=ro" : "?mode=ro&immutable=1"),
                        SQLite::OPEN_READONLY | SQLITE_OPEN_URI, busy_ms};
    result.events = last_rows<transition>(
        db,
        R"(SELECT seq, time, instance, incarnation, "from", "to", cause FROM events
           ORDER BY seq DESC LIMIT ?)",
        events, store::read_transition);
    result.deaths = last_rows<death>(
        db,
        "SELECT instance, incarnation, at, cause, code, signal, core, uptime, cpu_time,"
        " max_memory, output FROM deaths ORDER BY id DESC LIMIT ?",
        deaths, store::read_death);
    SQLite::Statement tree{db, "SELECT tree FROM versions ORDER BY number DESC LIMIT 1"};
    if (tree.executeStep()) {
      const auto column = tree.getColumn(0);
      const auto text = store::unpacked({static_cast<const char*>(column.getBlob()),
                                         static_cast<std::size_t>(column.getBytes())});
      if (auto read = config::tree_from_json(text))
        result.applied = std::move(*read);
    }
  } catch (const std::exception& problem) {
    return config::unexpected{path + ": " + problem.what()};
  }
  return result;
}

} // namespace troupe::report
