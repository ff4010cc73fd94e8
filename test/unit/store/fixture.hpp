#pragma once

#include "runtime/store/sqlite_store.hpp"

#include <SQLiteCpp/Database.h>

#include <filesystem>
#include <stdlib.h>
#include <string>

namespace troupe::test {

/// A directory of its own for each test, and batches to write.
struct store_fixture {
  store_fixture() {
    char name[] = "/tmp/troupe-store-XXXXXX";
    directory = ::mkdtemp(name);
    path = directory + "/state.db";
  }
  ~store_fixture() {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }

  static transition make_transition(std::uint64_t seq, std::string instance = "a#0") {
    return {seq,
            static_cast<std::int64_t>(seq * 1000),
            std::move(instance),
            7,
            state::starting,
            state::running,
            "ready"};
  }

  static instance_record make_record(std::string name, std::uint64_t incarnation = 1) {
    instance_record x;
    x.bot = name.substr(0, name.find('#'));
    x.name = std::move(name);
    x.incarnation = incarnation;
    x.now = state::running;
    x.wanted = true;
    x.why = "ready";
    x.pid = 4711;
    x.since = 5;
    x.started = 4;
    x.restarts = 3;
    return x;
  }

  static death make_death(std::string instance, std::uint64_t incarnation) {
    death x;
    x.instance = std::move(instance);
    x.incarnation = incarnation;
    x.at = static_cast<std::int64_t>(incarnation);
    x.cause = "exited with code 1";
    x.status = {1, 0, false};
    x.output = "last words";
    return x;
  }

  /// A query with some fields set by `change`.
  static event_query ask(void (*change)(event_query&)) {
    event_query query;
    change(query);
    return query;
  }

  std::int64_t count(const std::string& table) {
    SQLite::Database db{path, SQLite::OPEN_READONLY, 1000};
    return db.execAndGet("SELECT count(*) FROM " + table).getInt64();
  }

  std::string directory;
  std::string path;
};

inline config_version version_of(std::string tree) {
  config_version result;
  result.tree = std::move(tree);
  return result;
}

} // namespace troupe::test
