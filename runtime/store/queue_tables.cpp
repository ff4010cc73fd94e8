#include "runtime/store/queue_tables.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace troupe::store {

using namespace messaging;

namespace {

template <class Number>
void take(std::uint64_t& from, Number amount) {
  from -= std::min(from, static_cast<std::uint64_t>(amount));
}

} // namespace

queue_totals read_totals(connection& db) {
  queue_totals x;
  use query{db,
            "SELECT last_row, last_state_version, messages, message_bytes, letters, letter_bytes,"
            " entries, entry_bytes FROM totals WHERE id = 1"};
  if (!query.next())
    return x;
  row columns{*query};
  for (auto* field : {&x.last_row, &x.last_state_version, &x.messages, &x.message_bytes, &x.letters,
                      &x.letter_bytes, &x.entries, &x.entry_bytes})
    columns.into(*field);
  return x;
}

void queue_writer::given(std::uint64_t row) {
  totals_.last_row = std::max(totals_.last_row, row);
}

void queue_writer::apply(const queue_batch& batch) {
  for (const auto& x : batch.accepted) {
    // A dead letter may come back under its old number.
    if (x.row <= highest_finished_)
      erase_finished();
    accept(x);
  }
  for (const auto& x : batch.changed)
    run(db_, R"(UPDATE messages SET target = ?, deliveries = ? WHERE "row" = ?)", x.target,
        x.deliveries, x.row);
  for (auto x : batch.finished) {
    finished_.push_back(x);
    highest_finished_ = std::max(highest_finished_, x);
  }
  for (const auto& x : batch.dead)
    bury(x);
  for (auto x : batch.purged) {
    const auto size = number(db_, R"(SELECT length(body) FROM dead_letters WHERE "row" = ?)", x);
    use statement{db_, R"(DELETE FROM dead_letters WHERE "row" = ?)", x};
    if ((*statement).exec() > 0) {
      take(totals_.letters, 1);
      take(totals_.letter_bytes, size);
    }
  }
  for (const auto& x : batch.subscribed)
    run(db_, "INSERT OR IGNORE INTO subscriptions VALUES (?, ?)", x.instance, x.pattern);
  for (const auto& x : batch.unsubscribed)
    run(db_, "DELETE FROM subscriptions WHERE instance = ? AND pattern = ?", x.instance, x.pattern);
  for (const auto& x : batch.entries)
    set(x);
}

void queue_writer::accept(const stored_message& x) {
  use statement{db_,          "INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?)",
                x.row,        x.target,
                x.deliveries, x.expires,
                bytes{x.body}};
  if ((*statement).exec() > 0) {
    ++totals_.messages;
    totals_.message_bytes += x.body.size();
    given(x.row);
  } else if (number(db_, R"(SELECT body = ? FROM messages WHERE "row" = ?)", bytes{x.body}, x.row)
             == 0) {
    throw std::logic_error{"number " + std::to_string(x.row) + " belongs to another message"};
  }
}

void queue_writer::bury(const dead_letter& x) {
  use statement{db_,
                R"(INSERT OR IGNORE INTO dead_letters ("row", at, target, reason, detail,)"
                " deliveries, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
                x.row,
                x.at,
                x.target,
                x.reason,
                x.detail,
                x.deliveries,
                bytes{x.body}};
  if ((*statement).exec() == 0)
    return;
  ++totals_.letters;
  totals_.letter_bytes += x.body.size();
  buried_ = true;
  given(x.row);
}

void queue_writer::set(const state_entry& x) {
  totals_.last_state_version = std::max(totals_.last_state_version, x.version);
  const auto size =
      number(db_, R"(SELECT 1 + length(value) FROM entries WHERE "group" = ? AND "key" = ?)",
             x.group, x.key);
  if (size > 0) {
    take(totals_.entries, 1);
    take(totals_.entry_bytes, size - 1);
  }
  if (x.erased) {
    run(db_, R"(DELETE FROM entries WHERE "group" = ? AND "key" = ?)", x.group, x.key);
    return;
  }
  run(db_, "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", x.group, x.key, bytes{x.value},
      x.version, x.expires);
  ++totals_.entries;
  totals_.entry_bytes += x.value.size();
}

// Messages mostly end in the order in which they came: a run of numbers is one statement.
void queue_writer::erase_finished() {
  std::sort(finished_.begin(), finished_.end());
  for (std::size_t i = 0; i < finished_.size();) {
    const auto first = finished_[i];
    auto last = first;
    for (; i < finished_.size() && finished_[i] - last <= 1; ++i)
      last = finished_[i];
    {
      use gone{db_,
               R"(SELECT count(*), total(length(body)) FROM messages WHERE "row" BETWEEN ? AND ?)",
               first, last};
      gone.next();
      row columns{*gone};
      take(totals_.messages, columns.integer());
      take(totals_.message_bytes, columns.integer());
    }
    run(db_, R"(DELETE FROM messages WHERE "row" BETWEEN ? AND ?)", first, last);
  }
  finished_.clear();
  highest_finished_ = 0;
}

void queue_writer::trim_letters(const queue_bounds& bounds) {
  std::int64_t until = 0;
  {
    use oldest{db_, "SELECT id, length(body) FROM dead_letters ORDER BY id"};
    while (
        (totals_.letters > bounds.dead_letters || totals_.letter_bytes > bounds.dead_letter_bytes)
        && oldest.next()) {
      row columns{*oldest};
      until = columns.integer();
      take(totals_.letters, 1);
      take(totals_.letter_bytes, columns.integer());
    }
  }
  if (until > 0)
    run(db_, "DELETE FROM dead_letters WHERE id <= ?", until);
}

queue_totals queue_writer::finish(const queue_bounds& bounds) {
  erase_finished();
  if (buried_)
    trim_letters(bounds);
  const auto& x = totals_;
  run(db_, "INSERT OR REPLACE INTO totals VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)", x.last_row,
      x.last_state_version, x.messages, x.message_bytes, x.letters, x.letter_bytes, x.entries,
      x.entry_bytes);
  return totals_;
}

void read_contents(connection& db, queue_contents& result, queue_totals& counted) {
  counted = read_totals(db);
  counted.messages = counted.message_bytes = counted.entries = counted.entry_bytes = 0;
  for (use rows{db, R"(SELECT * FROM messages ORDER BY "row")"}; rows.next();) {
    row columns{*rows};
    auto& x = result.messages.emplace_back();
    columns.into(x.row);
    columns.into(x.target);
    columns.into(x.deliveries);
    columns.into(x.expires);
    columns.into(x.body);
    ++counted.messages;
    counted.message_bytes += x.body.size();
    counted.last_row = std::max(counted.last_row, x.row);
  }
  counted.last_row =
      std::max(counted.last_row,
               static_cast<std::uint64_t>(number(db, R"(SELECT max("row") FROM dead_letters)")));
  for (use rows{db, "SELECT instance, pattern FROM subscriptions"}; rows.next();) {
    row columns{*rows};
    auto& x = result.subscriptions.emplace_back();
    columns.into(x.instance);
    columns.into(x.pattern);
  }
  for (use rows{db, R"(SELECT * FROM entries ORDER BY version)"}; rows.next();) {
    row columns{*rows};
    auto& x = result.entries.emplace_back();
    columns.into(x.group);
    columns.into(x.key);
    columns.into(x.value);
    columns.into(x.version);
    columns.into(x.expires);
    ++counted.entries;
    counted.entry_bytes += x.value.size();
    counted.last_state_version = std::max(counted.last_state_version, x.version);
  }
  result.last_row = counted.last_row;
  result.last_state_version = counted.last_state_version;
}

std::vector<dead_letter> read_letters(connection& db, const dead_letter_query& query) {
  std::vector<dead_letter> result;
  use rows{db,
           R"(SELECT "row", at, target, reason, detail, deliveries, body FROM dead_letters)"
           R"( WHERE (?1 = 0 OR "row" = ?1) AND (?2 = '' OR target = ?2)"
           " OR substr(target, 1, length(?2) + 1) = ?2 || '#'"
           " OR (substr(?2, -1) = '/' AND substr(target, 1, length(?2)) = ?2))"
           " ORDER BY id DESC LIMIT ?3",
           query.row, query.target, query.limit};
  while (rows.next()) {
    row columns{*rows};
    auto& x = result.emplace_back();
    columns.into(x.row);
    columns.into(x.at);
    columns.into(x.target);
    columns.into(x.reason);
    columns.into(x.detail);
    columns.into(x.deliveries);
    columns.into(x.body);
  }
  return result;
}

} // namespace troupe::store
