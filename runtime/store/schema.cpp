#include "runtime/store/schema.hpp"

#include "runtime/store/audit.hpp"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

#include <string>

namespace troupe::store {

namespace {

// An entry never changes once it has been released: a newer schema gets a new one.
constexpr step steps[] = {
    {R"(
    CREATE TABLE events (
      seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, instance TEXT NOT NULL,
      incarnation INTEGER NOT NULL, "from" TEXT NOT NULL, "to" TEXT NOT NULL, cause TEXT NOT NULL);
    CREATE TABLE deaths (
      id INTEGER PRIMARY KEY, instance TEXT NOT NULL, incarnation INTEGER NOT NULL,
      at INTEGER NOT NULL, cause TEXT NOT NULL, code INTEGER NOT NULL, signal INTEGER NOT NULL,
      core INTEGER NOT NULL, uptime INTEGER NOT NULL, cpu_time INTEGER NOT NULL,
      max_memory INTEGER NOT NULL, output BLOB NOT NULL, UNIQUE (instance, incarnation));
    CREATE TABLE instances (
      name TEXT PRIMARY KEY, bot TEXT NOT NULL, "group" TEXT NOT NULL, "index" INTEGER NOT NULL,
      incarnation INTEGER NOT NULL, now TEXT NOT NULL, wanted INTEGER NOT NULL, why TEXT NOT NULL,
      next TEXT, next_at INTEGER NOT NULL, next_attempt INTEGER NOT NULL, next_of INTEGER NOT NULL,
      pid INTEGER NOT NULL, since INTEGER NOT NULL, started INTEGER NOT NULL,
      restarts INTEGER NOT NULL, exit_code INTEGER, exit_signal INTEGER, exit_core INTEGER,
      exit_at INTEGER NOT NULL, attempt INTEGER NOT NULL, failed_starts INTEGER NOT NULL,
      probes INTEGER NOT NULL, restart_times TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE audit (
      id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, uid INTEGER NOT NULL,
      pid INTEGER NOT NULL, origin TEXT NOT NULL, command TEXT NOT NULL, outcome TEXT NOT NULL);
    CREATE TABLE intents (instance TEXT PRIMARY KEY, stopped INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE overrides (bot TEXT PRIMARY KEY, replicas INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE versions (number INTEGER PRIMARY KEY, time INTEGER NOT NULL, tree BLOB NOT NULL);
    CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  )"},
    {R"(ALTER TABLE instances ADD COLUMN printed TEXT NOT NULL DEFAULT '[]')"},
    {R"(
    ALTER TABLE overrides RENAME TO counts;
    CREATE TABLE overrides (bot TEXT PRIMARY KEY, patch TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO overrides SELECT bot, json_object('replicas', replicas) FROM counts;
    DROP TABLE counts;
  )"},
    // See audit.hpp for what a link is. STRICT: a value of another type that reads the same would
    // not show in a hash.
    {R"(
    ALTER TABLE audit RENAME TO unchained_audit;
    CREATE TABLE audit (
      seq INTEGER PRIMARY KEY, entry INTEGER NOT NULL, time INTEGER NOT NULL, uid INTEGER NOT NULL,
      pid INTEGER NOT NULL, origin TEXT NOT NULL, command TEXT NOT NULL, outcome TEXT NOT NULL,
      patch TEXT NOT NULL, version INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
    CREATE INDEX audit_entry ON audit (entry);
    CREATE TABLE audit_end (
      one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
    ALTER TABLE versions RENAME TO plain_versions;
    CREATE TABLE versions (
      number INTEGER PRIMARY KEY, time INTEGER NOT NULL, author TEXT NOT NULL,
      reason TEXT NOT NULL, hash TEXT NOT NULL, state TEXT NOT NULL, tree BLOB NOT NULL,
      overrides TEXT NOT NULL, run INTEGER NOT NULL, excused TEXT NOT NULL);
    INSERT INTO versions SELECT number, time, 'runtime', 'applied by an earlier Troupe', '',
      'healthy', tree, '{}', coalesce((SELECT value FROM meta WHERE key = 'applied_run'), 0), '[]'
      FROM plain_versions;
    UPDATE versions SET overrides = (SELECT json_group_object(bot, patch) FROM overrides)
      WHERE number = (SELECT max(number) FROM versions);
    DROP TABLE plain_versions;
    DELETE FROM meta WHERE key = 'applied_run';
    ALTER TABLE instances ADD COLUMN settings INTEGER NOT NULL DEFAULT 0;
  )",
     chain_old_audit},
};

constexpr const char* needs[] = {
    R"(SELECT seq, time, instance, incarnation, "from", "to", cause FROM events LIMIT 1)",
    "SELECT id, instance, incarnation, at, cause, code, signal, core, uptime, cpu_time,"
    " max_memory, output FROM deaths LIMIT 1",
    R"(SELECT name, bot, "group", "index", restart_times, printed, settings FROM instances LIMIT 1)",
    "SELECT seq, entry, time, uid, pid, origin, command, outcome, patch, version, hash FROM audit"
    " LIMIT 1",
    "SELECT one, seq, hash FROM audit_end LIMIT 1",
    "SELECT instance, stopped FROM intents LIMIT 1",
    "SELECT bot, patch FROM overrides LIMIT 1",
    "SELECT number, time, author, reason, hash, state, tree, overrides, run, excused FROM versions "
    "LIMIT 1",
    "SELECT key, value FROM meta LIMIT 1",
};

} // namespace

const layout state_layout{
    0x54727570, // «Trup»
    "", steps, needs, "earlier events, deaths, counters, intents, versions and the audit are lost"};

void migrate(SQLite::Database& db, const layout& kind, int from) {
  SQLite::Transaction transaction{db, SQLite::TransactionBehavior::IMMEDIATE};
  for (int version = from; version < kind.version(); ++version) {
    const auto& next = kind.steps[static_cast<std::size_t>(version)];
    db.exec(next.sql);
    if (next.also)
      next.also(db);
  }
  db.exec("PRAGMA application_id = " + std::to_string(kind.application_id));
  db.exec("PRAGMA user_version = " + std::to_string(kind.version()));
  transaction.commit();
}

void verify(SQLite::Database& db, const layout& kind) {
  for (const char* sql : kind.needs)
    SQLite::Statement{db, sql}.executeStep();
}

} // namespace troupe::store
