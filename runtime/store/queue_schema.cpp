#include "runtime/store/queue_schema.hpp"

namespace troupe::store {

namespace {

// An entry never changes once it has been released: a newer schema gets a new one.
//
// Messages have no index but their row: it only grows, so that they are appended at one end,
// mostly deleted at the other, and read in their order. `totals` is one row that changes in each
// transaction, so that neither opening nor a bound has to count.
constexpr step steps[] = {
    {R"(
    CREATE TABLE messages (
      "row" INTEGER PRIMARY KEY, target TEXT NOT NULL, deliveries INTEGER NOT NULL,
      expires INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE TABLE dead_letters (
      id INTEGER PRIMARY KEY AUTOINCREMENT, "row" INTEGER NOT NULL UNIQUE, at INTEGER NOT NULL,
      target TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, deliveries INTEGER NOT NULL,
      body BLOB NOT NULL);
    CREATE TABLE subscriptions (
      instance TEXT NOT NULL, pattern TEXT NOT NULL, PRIMARY KEY (instance, pattern)) WITHOUT ROWID;
    CREATE TABLE entries (
      "group" TEXT NOT NULL, "key" TEXT NOT NULL, value BLOB NOT NULL, version INTEGER NOT NULL,
      expires INTEGER NOT NULL, PRIMARY KEY ("group", "key"));
    CREATE TABLE totals (
      id INTEGER PRIMARY KEY, last_row INTEGER NOT NULL, last_state_version INTEGER NOT NULL,
      messages INTEGER NOT NULL, message_bytes INTEGER NOT NULL, letters INTEGER NOT NULL,
      letter_bytes INTEGER NOT NULL, entries INTEGER NOT NULL, entry_bytes INTEGER NOT NULL);
    INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0, 0, 0, 0);
  )"},
};

constexpr const char* needs[] = {
    R"(SELECT "row", target, deliveries, expires, body FROM messages LIMIT 1)",
    R"(SELECT id, "row", at, target, reason, detail, deliveries, body FROM dead_letters LIMIT 1)",
    "SELECT instance, pattern FROM subscriptions LIMIT 1",
    R"(SELECT "group", "key", value, version, expires FROM entries LIMIT 1)",
    "SELECT last_row, last_state_version, messages, message_bytes, letters, letter_bytes, entries,"
    " entry_bytes FROM totals LIMIT 1",
};

} // namespace

const layout queue_layout{0x54727551, // «TruQ»
                                      // A flood's room goes back to the disk after it.
                          "PRAGMA auto_vacuum = INCREMENTAL", steps, needs,
                          "durable messages, dead letters, durable subscriptions and shared state"
                          " that were in it are lost"};

} // namespace troupe::store
