#include "runtime/store/tables.hpp"

#include <nlohmann/json.hpp>

namespace troupe::store {

void write(connection& db, const transition& x) {
  // REPLACE: a batch is written again after a commit of unknown outcome.
  run(db, "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", x.seq, x.time, x.instance,
      x.incarnation, to_string(x.from), to_string(x.to), x.cause);
}

transition read_transition(SQLite::Statement& statement) {
  row columns{statement};
  transition x;
  columns.into(x.seq);
  columns.into(x.time);
  columns.into(x.instance);
  columns.into(x.incarnation);
  columns.into(x.from);
  columns.into(x.to);
  columns.into(x.cause);
  return x;
}

void write(connection& db, const death& x) {
  run(db,
      "INSERT OR IGNORE INTO deaths (instance, incarnation, at, cause, code, signal, core, uptime,"
      " cpu_time, max_memory, output) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      x.instance, x.incarnation, x.at, x.cause, x.status.code, x.status.signal, x.status.core,
      x.uptime, x.cpu_time, x.max_memory, bytes{x.output});
}

death read_death(SQLite::Statement& statement) {
  row columns{statement};
  death x;
  columns.into(x.instance);
  columns.into(x.incarnation);
  columns.into(x.at);
  columns.into(x.cause);
  columns.into(x.status.code);
  columns.into(x.status.signal);
  columns.into(x.status.core);
  columns.into(x.uptime);
  columns.into(x.cpu_time);
  columns.into(x.max_memory);
  columns.into(x.output);
  return x;
}

void write(connection& db, const instance_record& x) {
  const auto restarts =
      x.policy.restarts.empty() ? std::string{"[]"} : nlohmann::json(x.policy.restarts).dump();
  // What a bot prints may be no UTF-8; a pattern is of the config and always is.
  const auto printed = x.printed.empty() ? std::string{"[]"} : nlohmann::json(x.printed).dump();
  const auto step = x.next.value_or(next_step{});
  const auto end = x.last_exit.value_or(exit_status{});
  use statement{db,
                "INSERT OR REPLACE INTO instances VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                x.name,
                x.bot,
                x.group,
                x.index,
                x.incarnation,
                to_string(x.now),
                x.wanted,
                x.why,
                nullptr,
                step.at,
                step.attempt,
                step.of,
                x.pid,
                x.since,
                x.started,
                x.restarts,
                nullptr,
                nullptr,
                nullptr,
                x.last_exit_at,
                x.policy.attempt,
                x.policy.failed_starts,
                x.policy.probes,
                restarts,
                printed};
  if (x.next)
    put(*statement, 9, step.what);
  if (x.last_exit) {
    put(*statement, 17, end.code);
    put(*statement, 18, end.signal);
    put(*statement, 19, end.core);
  }
  statement.run();
}

instance_record read_record(SQLite::Statement& statement) {
  row columns{statement};
  instance_record x;
  columns.into(x.name);
  columns.into(x.bot);
  columns.into(x.group);
  columns.into(x.index);
  columns.into(x.incarnation);
  columns.into(x.now);
  columns.into(x.wanted);
  columns.into(x.why);
  if (columns.null()) {
    columns.skip(4);
  } else {
    auto& step = x.next.emplace();
    columns.into(step.what);
    columns.into(step.at);
    columns.into(step.attempt);
    columns.into(step.of);
  }
  columns.into(x.pid);
  columns.into(x.since);
  columns.into(x.started);
  columns.into(x.restarts);
  if (columns.null()) {
    columns.skip(3);
  } else {
    auto& end = x.last_exit.emplace();
    columns.into(end.code);
    columns.into(end.signal);
    columns.into(end.core);
  }
  columns.into(x.last_exit_at);
  columns.into(x.policy.attempt);
  columns.into(x.policy.failed_starts);
  columns.into(x.policy.probes);
  const auto times = nlohmann::json::parse(columns.text(), nullptr, false);
  if (times.is_array())
    for (const auto& time : times)
      if (time.is_number_integer())
        x.policy.restarts.push_back(time.get<std::int64_t>());
  const auto patterns = nlohmann::json::parse(columns.text(), nullptr, false);
  if (patterns.is_array())
    for (const auto& pattern : patterns)
      if (pattern.is_string())
        x.printed.push_back(pattern.get<std::string>());
  return x;
}

} // namespace troupe::store
