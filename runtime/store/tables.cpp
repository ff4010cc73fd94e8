#include "runtime/store/tables.hpp"

#include <nlohmann/json.hpp>

#include <type_traits>
#include <vector>

namespace troupe::store {

namespace {

// Nearly always there is nothing in it.
template <class T>
std::string list_text(const std::vector<T>& list) {
  return list.empty() ? std::string{"[]"} : nlohmann::json(list).dump();
}

// What is no such list, or no such item in it, is passed over.
template <class T>
std::vector<T> list_from(const std::string& text) {
  std::vector<T> result;
  const auto items = nlohmann::json::parse(text, nullptr, false);
  if (items.is_array())
    for (const auto& item : items)
      if (std::is_integral_v<T> ? item.is_number_integer() : item.is_string())
        result.push_back(item.template get<T>());
  return result;
}

} // namespace

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
  const auto restarts = list_text(x.policy.restarts);
  const auto printed = list_text(x.printed);
  const auto step = x.next.value_or(next_step{});
  const auto end = x.last_exit.value_or(exit_status{});
  use statement{db,
                "INSERT OR REPLACE INTO instances VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                printed,
                x.settings};
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
  x.policy.restarts = list_from<std::int64_t>(columns.text());
  x.printed = list_from<std::string>(columns.text());
  columns.into(x.settings);
  return x;
}

} // namespace troupe::store
