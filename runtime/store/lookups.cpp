#include "runtime/store/lookups.hpp"

#include "runtime/store/tables.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace troupe::store {

std::vector<transition> find_events(connection& db, const event_query& query) {
  std::vector<transition> result;
  const auto names = nlohmann::json(query.instances)
                         .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  constexpr std::int64_t all = -1;
  use rows{db,
           "SELECT * FROM (SELECT * FROM events WHERE seq > ?1 AND time >= ?2 AND (?3 OR"
           " instance IN (SELECT value FROM json_each(?4)) OR substr(instance, 1,"
           " instr(instance, '#') - 1) IN (SELECT value FROM json_each(?4)))"
           " ORDER BY seq DESC LIMIT ?5)"
           " ORDER BY seq LIMIT ?6",
           query.after,
           query.since,
           query.instances.empty(),
           names,
           query.last ? std::int64_t{*query.last} : all,
           query.limit};
  // Without `last` the inner order must not make SQLite read and sort everything.
  use ascending{db,
                "SELECT * FROM events WHERE seq > ?1 AND time >= ?2 AND (?3 OR instance IN"
                " (SELECT value FROM json_each(?4)) OR substr(instance, 1, instr(instance, '#')"
                " - 1) IN (SELECT value FROM json_each(?4))) ORDER BY seq LIMIT ?5",
                query.after,
                query.since,
                query.instances.empty(),
                names,
                query.limit};
  auto& chosen = query.last ? rows : ascending;
  while (chosen.next())
    result.push_back(read_transition(*chosen));
  return result;
}

std::vector<death> find_deaths(connection& db, const std::string& name, std::uint32_t last) {
  std::vector<death> result;
  // All instances of a bot lie between `bot#` and `bot$`, which follows it in ASCII.
  const bool one = name.find('#') != std::string::npos;
  const auto low = one ? name : name + '#';
  const auto high = one ? name : name + '$';
  use rows{db,
           "SELECT instance, incarnation, at, cause, code, signal, core, uptime, cpu_time,"
           " max_memory, output FROM deaths WHERE instance >= ? AND instance <= ?"
           " ORDER BY id DESC LIMIT ?",
           low, high, last};
  while (rows.next())
    result.push_back(read_death(*rows));
  std::reverse(result.begin(), result.end());
  return result;
}

} // namespace troupe::store
