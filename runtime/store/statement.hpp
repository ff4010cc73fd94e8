#pragma once

// Short words for SQLite: a prepared statement for one use, and the columns of a row.

#include "messages/lifecycle.hpp"
#include "runtime/store/connection.hpp"

#include <SQLiteCpp/Statement.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace troupe::store {

inline void put(SQLite::Statement& statement, int index, const std::string& value) {
  statement.bindNoCopy(index, value);
}

inline void put(SQLite::Statement& statement, int index, std::string_view value) {
  statement.bind(index, std::string{value});
}

// Output is whatever bytes a bot wrote.
struct bytes {
  const std::string& value;
};

inline void put(SQLite::Statement& statement, int index, const bytes& x) {
  statement.bindNoCopy(index, x.value.data(), static_cast<int>(x.value.size()));
}

template <class T>
requires std::is_integral_v<T>
void put(SQLite::Statement& statement, int index, T value) {
  statement.bind(index, static_cast<std::int64_t>(value));
}

inline void put(SQLite::Statement&, int, std::nullptr_t) {
  // nop: unbound parameters are NULL
}

// A prepared statement for one use; it must not stay open, or the log cannot be
// checkpointed.
class use {
public:
  template <class... Ts>
  use(connection& db, const char* sql, const Ts&... values)
      : statement_(db.prepared(sql)) {
    statement_.tryReset();
    statement_.clearBindings();
    [[maybe_unused]] int index = 0;
    (put(statement_, ++index, values), ...);
  }
  use(const use&) = delete;
  use& operator=(const use&) = delete;
  ~use() { statement_.tryReset(); }

  void run() { statement_.exec(); }
  bool next() { return statement_.executeStep(); }
  SQLite::Statement& operator*() { return statement_; }

private:
  SQLite::Statement& statement_;
};

template <class... Ts>
void run(connection& db, const char* sql, const Ts&... values) {
  use{db, sql, values...}.run();
}

template <class... Ts>
std::int64_t number(connection& db, const char* sql, const Ts&... values) {
  use query{db, sql, values...};
  return query.next() ? (*query).getColumn(0).getInt64() : 0;
}

// Reads the columns of a row in their order.
class row {
public:
  explicit row(SQLite::Statement& statement)
      : statement_(statement) {}

  std::string text() { return column().getString(); }
  std::int64_t integer() { return column().getInt64(); }
  bool null() { return statement_.isColumnNull(index_); }
  template <class T>
  void into(T& x) {
    if constexpr (std::is_same_v<T, std::string>)
      x = text();
    else
      x = static_cast<T>(integer());
  }
  void into(state& x) { x = state_from(text()).value_or(state::defined); }
  void skip(int count) { index_ += count; }

private:
  SQLite::Column column() { return statement_.getColumn(index_++); }

  SQLite::Statement& statement_;
  int index_ = 0;
};

} // namespace troupe::store
