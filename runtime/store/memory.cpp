#include "runtime/store/memory.hpp"

#include "runtime/store/statement.hpp"
#include "runtime/store/tables.hpp"
#include "runtime/store/versions.hpp"

#include <string_view>
#include <utility>

namespace troupe::store {

namespace {

void write_intent(connection& db, const std::string& instance, bool stopped) {
  run(db, "INSERT OR REPLACE INTO intents VALUES (?, ?)", instance, stopped);
}

void write_override(connection& db, const std::string& bot, const std::string& patch) {
  run(db, "INSERT OR REPLACE INTO overrides VALUES (?, ?)", bot, patch);
}

} // namespace

void memory::take(const journal_batch& batch) {
  const bool keep_stops = keeps_stops();
  for (const auto& x : batch.records)
    records.insert_or_assign(x.name, x);
  for (const auto& [name, stopped] : batch.intents)
    intents[name] = stopped;
  for (const auto& [bot, patch] : batch.overrides)
    if (patch.empty())
      overrides.erase(bot);
    else
      overrides[bot] = patch;
  for (const auto& name : batch.forgotten) {
    records.erase(name);
    if (const auto at = intents.find(name); at != intents.end() && !(at->second && keep_stops))
      intents.erase(at);
  }
}

memory recall(connection& db) {
  memory found;
  for (use rows{db, "SELECT * FROM instances"}; rows.next();) {
    auto x = read_record(*rows);
    found.records.emplace(x.name, std::move(x));
  }
  for (use rows{db, "SELECT instance, stopped FROM intents"}; rows.next();) {
    row columns{*rows};
    auto name = columns.text();
    found.intents.emplace(std::move(name), columns.integer() != 0);
  }
  for (use rows{db, "SELECT bot, patch FROM overrides"}; rows.next();) {
    row columns{*rows};
    auto name = columns.text();
    found.overrides.emplace(std::move(name), columns.text());
  }
  found.version = static_cast<std::uint64_t>(number(db, "SELECT max(number) FROM versions"));
  found.run = meta(db, "run");
  found.ends.last_seq = static_cast<std::uint64_t>(number(db, "SELECT max(seq) FROM events"));
  found.ends.last_incarnation = meta(db, "last_incarnation");
  found.ends.chain = end_of_chain(db.database());
  return found;
}

void write_again(connection& db, const memory& known) {
  run(db, "DELETE FROM instances");
  run(db, "DELETE FROM intents");
  run(db, "DELETE FROM overrides");
  // Those were never acknowledged, or are another file's.
  run(db, "DELETE FROM versions WHERE number > ?", known.version);
  for (const auto& [name, record] : known.records)
    write(db, record);
  for (const auto& [name, stopped] : known.intents)
    write_intent(db, name, stopped);
  for (const auto& [bot, patch] : known.overrides)
    write_override(db, bot, patch);
  for (const auto* each : {&known.healthy, &known.applied})
    if (*each)
      write(db, **each, known.run);
  set_meta(db, "last_incarnation", known.ends.last_incarnation);
  set_meta(db, "run", known.run);
}

void write_present(connection& db, const journal_batch& batch, bool keep_stops) {
  for (const auto& x : batch.records)
    write(db, x);
  for (const auto& [name, stopped] : batch.intents)
    write_intent(db, name, stopped);
  for (const auto& [bot, patch] : batch.overrides)
    if (patch.empty())
      run(db, "DELETE FROM overrides WHERE bot = ?", bot);
    else
      write_override(db, bot, patch);
  for (const auto& name : batch.forgotten) {
    run(db, "DELETE FROM instances WHERE name = ?", name);
    if (keep_stops)
      run(db, "DELETE FROM intents WHERE instance = ? AND NOT stopped", name);
    else
      run(db, "DELETE FROM intents WHERE instance = ?", name);
  }
}

std::uint64_t meta(connection& db, const char* key) {
  return static_cast<std::uint64_t>(
      number(db, "SELECT value FROM meta WHERE key = ?", std::string_view{key}));
}

void set_meta(connection& db, const char* key, std::uint64_t value) {
  run(db, "INSERT OR REPLACE INTO meta VALUES (?, ?)", std::string_view{key}, value);
}

} // namespace troupe::store
