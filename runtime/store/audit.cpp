#include "runtime/store/audit.hpp"

#include "config/difference.hpp"
#include "messages/digest.hpp"

#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <array>

namespace troupe::store {

namespace {

std::int64_t number(SQLite::Database& db, const char* sql) {
  return db.execAndGet(sql).getInt64();
}

// All columns of a row in their order but the last, as text; each with its length, so that
// nothing can move from one to the next.
using fields = std::array<std::string, 10>;

std::string hash_of(const std::string& before, const fields& row) {
  auto text = before;
  for (const auto& field : row)
    text += '\n' + std::to_string(field.size()) + ' ' + field;
  return sha256_hex(text);
}

// A row's texts, and what else it takes with its index.
const std::string link_bytes =
    "(length(CAST(origin AS BLOB)) + length(CAST(command AS BLOB)) + length(CAST(outcome AS BLOB))"
    " + length(CAST(patch AS BLOB)) + 128)";

constexpr const char* all_columns =
    "SELECT seq, entry, time, uid, pid, origin, command, outcome, patch, version, hash FROM audit";

struct stored_link {
  std::uint64_t seq = 0;
  fields row;
  std::string hash;

  bool anchor() const { return row[1] == "0"; }
  std::string what() const {
    if (anchor())
      return "the anchor after " + row[9];
    return row[0] == row[1] ? "an entry" : "the outcome of " + row[1];
  }
};

stored_link read(SQLite::Statement& statement) {
  stored_link result;
  result.seq = static_cast<std::uint64_t>(statement.getColumn(0).getInt64());
  for (std::size_t i = 0; i < result.row.size(); ++i)
    result.row[i] = statement.getColumn(static_cast<int>(i)).getString();
  result.hash = statement.getColumn(10).getString();
  return result;
}

std::optional<stored_link> link_at(SQLite::Database& db, std::uint64_t seq) {
  SQLite::Statement statement{db, std::string{all_columns} + " WHERE seq = ?"};
  statement.bind(1, static_cast<std::int64_t>(seq));
  return statement.executeStep() ? std::optional{read(statement)} : std::nullopt;
}

/// Beyond this a number is nobody's; it could not be counted on from there either.
constexpr std::int64_t last_plausible = std::int64_t{1} << 60;

chain_end noted_end(SQLite::Database& db) {
  SQLite::Statement noted{db, "SELECT seq, hash FROM audit_end WHERE one = 1"};
  if (!noted.executeStep())
    return {};
  return {static_cast<std::uint64_t>(noted.getColumn(0).getInt64()),
          noted.getColumn(1).getString()};
}

void set_end(SQLite::Database& db, const chain_end& at) {
  SQLite::Statement statement{db, "INSERT OR REPLACE INTO audit_end VALUES (1, ?, ?)"};
  statement.bind(1, static_cast<std::int64_t>(at.seq));
  statement.bind(2, at.hash);
  statement.exec();
}

void append_anchor(SQLite::Database& db, chain_end& at, const chain_end& dropped,
                   std::string_view why, std::int64_t now) {
  audit_link anchor;
  anchor.time = now;
  anchor.origin = "store";
  anchor.command = why;
  anchor.outcome = dropped.hash;
  anchor.version = dropped.seq;
  append(db, at, anchor);
}

std::vector<audit_entry> read_entries(SQLite::Statement& rows) {
  std::vector<audit_entry> result;
  while (rows.executeStep()) {
    audit_entry x;
    x.id = static_cast<std::uint64_t>(rows.getColumn(0).getInt64());
    x.time = rows.getColumn(1).getInt64();
    x.uid = static_cast<std::uint32_t>(rows.getColumn(2).getInt64());
    x.pid = static_cast<std::int32_t>(rows.getColumn(3).getInt64());
    x.origin = rows.getColumn(4).getString();
    x.command = rows.getColumn(5).getString();
    x.outcome = rows.getColumn(6).getString();
    x.patch = rows.getColumn(7).getString();
    x.version = static_cast<std::uint64_t>(rows.getColumn(8).getInt64());
    result.push_back(std::move(x));
  }
  return result;
}

void remove_up_to(SQLite::Database& db, std::uint64_t until) {
  SQLite::Statement statement{db, "DELETE FROM audit WHERE seq <= ?"};
  statement.bind(1, static_cast<std::int64_t>(until));
  statement.exec();
}

} // namespace

void append(SQLite::Database& db, chain_end& at, const audit_link& link) {
  const auto seq = at.seq + 1;
  const fields row{std::to_string(seq),       std::to_string(link.entry),
                   std::to_string(link.time), std::to_string(link.uid),
                   std::to_string(link.pid),  std::string{link.origin},
                   std::string{link.command}, std::string{link.outcome},
                   std::string{link.patch},   std::to_string(link.version)};
  auto hash = hash_of(at.hash, row);
  // REPLACE: what somebody else has put there must not keep the fleet from writing.
  SQLite::Statement statement{
      db, "INSERT OR REPLACE INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
  int index = 0;
  for (const auto value : {static_cast<std::int64_t>(seq), static_cast<std::int64_t>(link.entry),
                           link.time, std::int64_t{link.uid}, std::int64_t{link.pid}})
    statement.bind(++index, value);
  for (std::size_t i = 5; i < 9; ++i)
    statement.bindNoCopy(++index, row[i]);
  statement.bind(++index, static_cast<std::int64_t>(link.version));
  statement.bindNoCopy(++index, hash);
  statement.exec();
  at = {seq, std::move(hash)};
  set_end(db, at);
}

std::uint64_t enter(SQLite::Database& db, chain_end& at, const audit_entry& x,
                    std::uint64_t version, std::int64_t now) {
  audit_link link;
  link.entry = x.id == 0 ? at.seq + 1 : x.id;
  link.time = x.id == 0 ? x.time : now;
  if (x.id == 0) {
    link.uid = x.uid;
    link.pid = x.pid;
    link.origin = x.origin;
    link.command = x.command;
  }
  auto outcome = x.outcome;
  if (x.patch.size() <= config::max_patch_bytes)
    link.patch = x.patch;
  else
    outcome += (outcome.empty() ? "" : "; ") + std::string{"its patch of "}
               + std::to_string(x.patch.size()) + " bytes is too large to be kept here";
  link.outcome = outcome;
  link.version = version;
  const auto id = link.entry;
  append(db, at, link);
  return id;
}

void drop_links(SQLite::Database& db, chain_end& at, std::uint64_t until, std::int64_t now) {
  const auto last = link_at(db, until);
  if (!last) // somebody was there before us: verify says so, and nothing hides it
    return remove_up_to(db, until);
  append_anchor(db, at, {until, last->hash}, "earlier entries dropped", now);
  remove_up_to(db, until);
}

std::uint64_t bytes_of_links(SQLite::Database& db, std::uint64_t from, std::uint64_t to) {
  SQLite::Statement sum{db, "SELECT coalesce(sum(" + link_bytes
                                + "), 0) FROM audit WHERE seq > ? AND seq <= ?"};
  sum.bind(1, static_cast<std::int64_t>(from));
  sum.bind(2, static_cast<std::int64_t>(to));
  sum.executeStep();
  return static_cast<std::uint64_t>(sum.getColumn(0).getInt64());
}

std::uint64_t links_beyond(SQLite::Database& db, std::uint64_t bytes, std::uint64_t bound,
                           std::uint64_t most, std::uint64_t last) {
  if (bytes <= bound)
    return 0;
  const auto wanted = bound - bound / 16;
  SQLite::Statement oldest{db, "SELECT seq, " + link_bytes
                                   + " FROM audit WHERE seq < ? ORDER BY seq LIMIT ?"};
  oldest.bind(1, static_cast<std::int64_t>(last));
  oldest.bind(2, static_cast<std::int64_t>(most));
  std::uint64_t until = 0;
  while (bytes > wanted && oldest.executeStep()) {
    until = static_cast<std::uint64_t>(oldest.getColumn(0).getInt64());
    bytes -= std::min(bytes, static_cast<std::uint64_t>(oldest.getColumn(1).getInt64()));
  }
  return until;
}

chain_end end_of_chain(SQLite::Database& db) {
  chain_end result;
  SQLite::Statement last{db, "SELECT seq, hash FROM audit WHERE seq BETWEEN 1 AND ? ORDER BY seq"
                             " DESC LIMIT 1"};
  last.bind(1, last_plausible);
  if (last.executeStep())
    result = {static_cast<std::uint64_t>(last.getColumn(0).getInt64()),
              last.getColumn(1).getString()};
  // Where the tail was cut off, what comes next must not close the gap.
  const auto noted = noted_end(db);
  return noted.seq > result.seq && noted.seq <= std::uint64_t{last_plausible} ? noted : result;
}

chain_end go_on_from(SQLite::Database& db, const chain_end& known, std::int64_t now) {
  if (known.seq == 0)
    return end_of_chain(db);
  if (const auto same = link_at(db, known.seq); same && same->hash == known.hash)
    return end_of_chain(db); // a commit whose failure was reported may have succeeded
  auto at = known;
  if (number(db, "SELECT count(*) FROM audit") == 0)
    append_anchor(db, at, known, "the database was lost, and earlier entries with it", now);
  // Else it is an older copy, or somebody has been at it. Verifying will say so: nothing of it
  // is taken away, and nothing closes the gap.
  return at;
}

std::vector<audit_entry> find_audits(SQLite::Database& db, const audit_query& what) {
  if (!what.hash.empty()) {
    SQLite::Statement rows{db,
                           "SELECT seq, time, uid, pid, origin, command, outcome, patch, version"
                           " FROM audit WHERE hash = ?"};
    rows.bind(1, what.hash);
    return read_entries(rows);
  }
  const std::string columns =
      "SELECT seq, time, uid, pid, origin, command,"
      " coalesce((SELECT outcome FROM audit WHERE entry = e.seq AND outcome <> '' ORDER BY seq DESC"
      " LIMIT 1), '') AS result,"
      " coalesce((SELECT patch FROM audit WHERE entry = e.seq AND patch <> '' ORDER BY seq DESC"
      " LIMIT 1), ''),"
      " (SELECT max(version) FROM audit WHERE entry = e.seq) FROM audit e"
      " WHERE entry = seq AND seq > ?1 AND time >= ?2 AND (?3 = '' OR instr(command, ?3) > 0"
      " OR instr(origin, ?3) > 0 OR instr(result, ?3) > 0) ORDER BY seq";
  const bool last = what.last.has_value();
  SQLite::Statement rows{db, last ? "SELECT * FROM (" + columns
                                        + " DESC LIMIT ?5) ORDER BY seq LIMIT ?4"
                                  : columns + " LIMIT ?4"};
  rows.bind(1, static_cast<std::int64_t>(what.after));
  rows.bind(2, what.since);
  rows.bind(3, what.text);
  rows.bind(4, std::int64_t{what.limit});
  if (last)
    rows.bind(5, std::int64_t{*what.last});
  return read_entries(rows);
}

audit_check verify_chain(SQLite::Database& db, const chain_end* known, std::uint64_t most) {
  audit_check result;
  const auto wrong = [&](std::uint64_t seq, std::string what) {
    result.bad = seq;
    result.problem = std::move(what);
    return result;
  };
  const auto first = static_cast<std::uint64_t>(number(db, "SELECT min(seq) FROM audit"));
  const auto last = static_cast<std::uint64_t>(number(db, "SELECT max(seq) FROM audit"));
  auto from = first;
  std::string before;
  if (last - first >= most && most > 0) {
    from = last - most + 1;
    if (auto link = link_at(db, from - 1))
      before = link->hash;
    else
      return wrong(from - 1, "it is missing");
  } else {
    // The first that is kept: of all, or after what the last anchor says.
    std::uint64_t expected = 1;
    SQLite::Statement anchors{db, std::string{all_columns}
                                      + " WHERE entry = 0 ORDER BY seq DESC LIMIT 1"};
    if (anchors.executeStep()) {
      const auto anchor = read(anchors);
      const auto previous = link_at(db, anchor.seq - 1);
      if (anchor.hash != hash_of(previous ? previous->hash : anchor.row[7], anchor.row))
        return wrong(anchor.seq, "it is an anchor and is not as it was written, or what stood"
                                 " before it is not");
      expected = std::strtoull(anchor.row[9].c_str(), nullptr, 10) + 1;
      before = anchor.row[7];
    }
    if (first != 0 && first < expected)
      return wrong(first, "it was dropped as too old, and is there again");
    if (first > expected)
      return wrong(expected, "it is missing: the first that is there is " + std::to_string(first));
  }
  auto end = chain_end{from == 0 ? 0 : from - 1, before};
  result.first = from;
  SQLite::Statement rows{db, std::string{all_columns} + " WHERE seq >= ? ORDER BY seq"};
  rows.bind(1, static_cast<std::int64_t>(from));
  while (rows.executeStep()) {
    const auto link = read(rows);
    if (link.seq != end.seq + 1)
      return wrong(end.seq + 1, "it is missing: after " + std::to_string(end.seq) + " comes "
                                    + std::to_string(link.seq));
    if (link.hash != hash_of(end.hash, link.row))
      return wrong(link.seq, "it is " + link.what()
                                 + " and is not as it was written, or does not follow the one"
                                   " before it");
    end = {link.seq, link.hash};
    ++result.entries;
    result.last = end.seq;
    result.hash = end.hash;
  }
  const auto written = noted_end(db);
  for (const auto* each : {known, static_cast<const chain_end*>(&written)}) {
    if (!each || *each == end)
      continue;
    if (each->seq > end.seq)
      return wrong(end.seq + 1,
                   "it is missing: entries were written up to " + std::to_string(each->seq));
    if (each->seq < end.seq)
      return wrong(each->seq + 1,
                   "it was not written by Troupe, whose last one is " + std::to_string(each->seq));
    return wrong(end.seq, "it is not the last one that was written");
  }
  return result;
}

void chain_old_audit(SQLite::Database& db) {
  // Entries kept their numbers; where there is a gap, the ones before it move up to it.
  const auto last = number(db, "SELECT max(id) FROM unchained_audit");
  const auto count = number(db, "SELECT count(*) FROM unchained_audit");
  chain_end at;
  if (last > count) {
    // What was dropped before there was a chain: an anchor with nothing to hold on to.
    at.seq = static_cast<std::uint64_t>(last - count);
  }
  const auto dropped = at;
  SQLite::Statement rows{db, "SELECT time, uid, pid, origin, command, outcome FROM unchained_audit"
                             " ORDER BY id"};
  std::int64_t time = 0;
  while (rows.executeStep()) {
    const auto origin = rows.getColumn(3).getString();
    const auto command = rows.getColumn(4).getString();
    const auto outcome = rows.getColumn(5).getString();
    audit_link link;
    link.entry = at.seq + 1;
    link.time = time = rows.getColumn(0).getInt64();
    link.uid = static_cast<std::uint32_t>(rows.getColumn(1).getInt64());
    link.pid = static_cast<std::int32_t>(rows.getColumn(2).getInt64());
    link.origin = origin;
    link.command = command;
    link.outcome = outcome;
    append(db, at, link);
  }
  if (dropped.seq > 0)
    append_anchor(db, at, dropped, "earlier entries dropped", time);
  db.exec("DROP TABLE unchained_audit");
}

} // namespace troupe::store
