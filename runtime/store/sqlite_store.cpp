#include "runtime/store/sqlite_store.hpp"

#include "runtime/store/database.hpp"
#include "runtime/store/reserve.hpp"
#include "runtime/store/tables.hpp"

#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Transaction.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <ctime>
#include <set>
#include <sqlite3.h>
#include <utility>

namespace troupe::store {

namespace {

// Deleted at a time, so that no transaction becomes long; also how far a table may
// pass its bound before that is worth a statement.
constexpr std::uint64_t slice = 1000;

// What the store must be able to write again when the file under it is gone.
struct memory {
  std::map<std::string, instance_record> records;
  std::map<std::string, bool> intents;
  config::override_map overrides;
  std::optional<config_version> applied;
  std::uint64_t run = 0;
  std::uint64_t applied_run = 0;
  std::uint64_t version = 0;
  std::uint64_t last_seq = 0;
  std::uint64_t last_incarnation = 0;
  std::uint64_t last_audit = 0;
};

class sqlite_store final : public journal_store {
public:
  sqlite_store(std::string path, const options& bounds)
      : bounds_(bounds)
      , reserve_(path.substr(0, path.rfind('/') + 1) + "reserve", bounds.reserve)
      , db_(std::move(path), state_layout, bounds.busy, [this](bool anew) { on_open(anew); }) {
    // nop
  }

  journal_contents load(std::uint64_t run) override {
    journal_contents result;
    if (run != 0)
      run_ = run;
    reserve_.ensure();
    std::string problem = "unreadable";
    // Twice, because damage may be found only when the rows are read.
    for (int attempt = 0; attempt < 2; ++attempt) {
      try {
        problem = db_.ensure_open();
        if (!problem.empty())
          break;
        result.fresh = begin_run();
        read(result);
        loaded_ = true;
        break;
      } catch (const std::exception& error) {
        problem = "read " + db_.failed(error);
      }
      give_back_reserve();
    }
    db_.note(problem);
    result.unreadable = std::move(problem);
    result.notice = db_.take_notice();
    return result;
  }

  std::string write(journal_batch& batch, bool durable) override {
    std::vector<std::size_t> unnumbered;
    for (std::size_t i = 0; i < batch.audits.size(); ++i)
      if (batch.audits[i].id == 0)
        unnumbered.push_back(i);
    auto problem = attempt(batch, durable, unnumbered.empty());
    if (!problem.empty() && give_back_reserve())
      problem = attempt(batch, durable, unnumbered.empty());
    if (!problem.empty())
      for (auto i : unnumbered)
        batch.audits[i].id = 0;
    batch.notice = db_.take_notice();
    batch.alarm = low_ ? disk_full() : std::string{};
    return problem;
  }

  std::vector<transition> events(const event_query& query) override {
    std::vector<transition> result;
    try {
      if (trouble_ = db_.ensure_open(); !trouble_.empty())
        return result;
      const auto names = nlohmann::json(query.instances)
                             .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
      constexpr std::int64_t all = -1;
      use rows{*db_,
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
      use ascending{*db_,
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
    } catch (const std::exception& error) {
      trouble_ = "read " + db_.failed(error);
      db_.note(trouble_);
    }
    return result;
  }

  figures counts() override {
    figures result;
    try {
      if (trouble_ = db_.ensure_open(); !trouble_.empty())
        return result;
      result.set("events", number(*db_, "SELECT count(*) FROM events"));
      result.set("deaths", number(*db_, "SELECT count(*) FROM deaths"));
      result.set("audits", number(*db_, "SELECT count(*) FROM audit"));
      result.set("versions", number(*db_, "SELECT count(*) FROM versions"));
      result.set("events_limit", bounds_.events);
      result.set("deaths_limit", bounds_.deaths);
      result.set("audits_limit", bounds_.audits);
      result.set("versions_limit", bounds_.versions);
    } catch (const std::exception& error) {
      trouble_ = "read " + db_.failed(error);
      db_.note(trouble_);
    }
    return result;
  }

  std::vector<death> deaths(const std::string& name, std::uint32_t last) override {
    std::vector<death> result;
    try {
      if (trouble_ = db_.ensure_open(); !trouble_.empty())
        return result;
      // All instances of a bot lie between `bot#` and `bot$`, which follows it in ASCII.
      const bool one = name.find('#') != std::string::npos;
      const auto low = one ? name : name + '#';
      const auto high = one ? name : name + '$';
      use rows{*db_,
               "SELECT instance, incarnation, at, cause, code, signal, core, uptime, cpu_time,"
               " max_memory, output FROM deaths WHERE instance >= ? AND instance <= ?"
               " ORDER BY id DESC LIMIT ?",
               low, high, last};
      while (rows.next())
        result.push_back(read_death(*rows));
      std::reverse(result.begin(), result.end());
    } catch (const std::exception& error) {
      trouble_ = "read " + db_.failed(error);
      db_.note(trouble_);
    }
    return result;
  }

  std::vector<config_version> versions(std::uint32_t) override { return {}; }
  std::optional<config_version> version(std::uint64_t) override { return {}; }
  std::vector<audit_entry> audits(const audit_query&) override { return {}; }
  audit_check verify_audit(std::uint64_t) override { return {}; }

  std::string trouble() const override { return trouble_; }

private:
  // One try to write the batch; on a full disk only what the fleet does `by_itself`.
  std::string attempt(journal_batch& batch, bool durable, bool by_itself) {
    if (const bool low = !reserve_.ensure(); low != low_) {
      low_ = low;
      db_.note(low ? disk_full() : "there is room on the disk again");
      keep_log_short();
    }
    if (low_ && !by_itself)
      return disk_full();
    try {
      db_.look_again();
      if (auto problem = db_.ensure_open(); !problem.empty())
        return problem;
      begin_run(); // it may not have been possible when it was loaded
      db_->durable(durable || restore_);
      commit(batch);
      return {};
    } catch (const std::exception& error) {
      return "write " + db_.failed(error);
    }
  }

  bool give_back_reserve() { return reserve_.release_if_full(); }

  std::string disk_full() const {
    return "the disk of " + db_.path() + " is full: " + std::to_string(reserve_.room() / 1024)
           + " KiB are left, and are kept for what the fleet does by itself; make room for "
           + std::to_string(2 * bounds_.reserve / 1024) + " KiB, and it goes on by itself";
  }

  // On a full disk the log may not grow to its usual size.
  void keep_log_short() {
    if (db_.is_open())
      db_->database().tryExec(low_ ? "PRAGMA wal_autocheckpoint = 32"
                                   : "PRAGMA wal_autocheckpoint = 1000");
  }

  void on_open(bool anew) {
    restore_ = loaded_;
    keep_log_short();
    first_event_ = static_cast<std::uint64_t>(number(*db_, "SELECT min(seq) FROM events"));
    first_audit_ = static_cast<std::uint64_t>(number(*db_, "SELECT min(id) FROM audit"));
    if (anew && memory_.last_audit > 0)
      run(*db_, "INSERT INTO sqlite_sequence VALUES ('audit', ?)", memory_.last_audit);
  }

  // Whether this run is new to the store. What an earlier one left is dropped then.
  bool begin_run() {
    if (run_ == 0 || run_ == begun_)
      return false;
    const bool fresh = meta("run") != run_;
    if (fresh)
      forget_run();
    begun_ = run_;
    return fresh;
  }

  void forget_run() {
    db_->durable(false);
    SQLite::Transaction transaction{db_->database(), SQLite::TransactionBehavior::IMMEDIATE};
    run(*db_, "DELETE FROM intents");
    run(*db_,
        "UPDATE instances SET now = 'defined', wanted = 0, why = '', next = NULL, next_at = 0,"
        " next_attempt = 0, next_of = 0, pid = 0, since = 0, started = 0, restarts = 0,"
        " exit_code = NULL, exit_signal = NULL, exit_core = NULL, exit_at = 0, attempt = 0,"
        " failed_starts = 0, probes = 0, restart_times = '[]', printed = '[]', settings = 0");
    set_meta("run", run_);
    transaction.commit();
  }

  std::uint64_t meta(const char* key) {
    return static_cast<std::uint64_t>(
        number(*db_, "SELECT value FROM meta WHERE key = ?", std::string_view{key}));
  }

  void set_meta(const char* key, std::uint64_t value) {
    run(*db_, "INSERT OR REPLACE INTO meta VALUES (?, ?)", std::string_view{key}, value);
  }

  void read(journal_contents& result) {
    auto& db = *db_;
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
    for (use rows{db, "SELECT number, tree FROM versions ORDER BY number DESC LIMIT 1"};
         rows.next();) {
      row columns{*rows};
      columns.into(found.version);
      found.applied = config_version{};
      found.applied->number = found.version;
      found.applied->tree = columns.text();
    }
    const auto unsigned_number = [&](const char* sql) {
      return static_cast<std::uint64_t>(number(db, sql));
    };
    found.last_seq = unsigned_number("SELECT max(seq) FROM events");
    found.last_audit = unsigned_number("SELECT max(id) FROM audit");
    found.last_incarnation = meta("last_incarnation");
    found.run = meta("run");
    found.applied_run = meta("applied_run");
    memory_ = std::move(found);
    result.last_seq = memory_.last_seq;
    result.last_incarnation = memory_.last_incarnation;
    result.version = memory_.version;
    if (memory_.applied_run == memory_.run)
      result.applied = memory_.applied;
    result.intents = memory_.intents;
    result.overrides = memory_.overrides;
    for (const auto& [name, record] : memory_.records)
      result.records.push_back(record);
  }

  void commit(journal_batch& batch) {
    auto& db = *db_;
    const auto now = static_cast<std::int64_t>(::time(nullptr)) * 1'000'000;
    auto last_seq = memory_.last_seq;
    auto last_incarnation = memory_.last_incarnation;
    auto last_audit = memory_.last_audit;
    auto version = memory_.version;
    auto first_event = first_event_;
    auto first_audit = first_audit_;
    SQLite::Transaction transaction{db.database(), SQLite::TransactionBehavior::IMMEDIATE};
    if (restore_)
      restore(now);
    for (const auto& x : batch.transitions) {
      store::write(db, x);
      last_seq = std::max(last_seq, x.seq);
      last_incarnation = std::max(last_incarnation, x.incarnation);
      if (first_event == 0)
        first_event = x.seq;
    }
    std::set<std::string_view> died;
    for (const auto& x : batch.deaths) {
      store::write(db, x);
      last_incarnation = std::max(last_incarnation, x.incarnation);
      died.insert(x.instance);
    }
    for (const auto& x : batch.records) {
      store::write(db, x);
      last_incarnation = std::max(last_incarnation, x.incarnation);
    }
    for (auto& x : batch.audits) {
      if (x.id != 0) {
        run(db, "UPDATE audit SET outcome = ? WHERE id = ?", x.outcome, x.id);
        continue;
      }
      run(db,
          "INSERT INTO audit (time, uid, pid, origin, command, outcome) VALUES (?, ?, ?, ?, ?, ?)",
          x.time, x.uid, x.pid, x.origin, x.command, x.outcome);
      x.id = last_audit = static_cast<std::uint64_t>(db.database().getLastInsertRowid());
      if (first_audit == 0)
        first_audit = x.id;
    }
    for (const auto& [name, stopped] : batch.intents)
      run(db, "INSERT OR REPLACE INTO intents VALUES (?, ?)", name, stopped);
    for (const auto& [name, patch] : batch.overrides)
      if (patch.empty())
        run(db, "DELETE FROM overrides WHERE bot = ?", name);
      else
        run(db, "INSERT OR REPLACE INTO overrides VALUES (?, ?)", name, patch);
    for (const auto& name : batch.forgotten) {
      run(db, "DELETE FROM instances WHERE name = ?", name);
      run(db, "DELETE FROM intents WHERE instance = ?", name);
    }
    if (batch.applied) {
      version =
          1
          + std::max(version,
                     static_cast<std::uint64_t>(number(db, "SELECT max(number) FROM versions")));
      run(db, "INSERT INTO versions VALUES (?, ?, ?)", version, now, bytes{batch.applied->tree});
      set_meta("applied_run", run_);
      if (version > bounds_.versions)
        run(db, "DELETE FROM versions WHERE number <= ?", version - bounds_.versions);
    }
    if (last_incarnation != memory_.last_incarnation)
      set_meta("last_incarnation", last_incarnation);
    for (auto name : died)
      run(db,
          "DELETE FROM deaths WHERE instance = ?1 AND incarnation <= (SELECT incarnation FROM"
          " deaths WHERE instance = ?1 ORDER BY incarnation DESC LIMIT 1 OFFSET ?2)",
          name, bounds_.deaths_each);
    prune("DELETE FROM events WHERE seq <= ?", first_event, last_seq, bounds_.events,
          batch.transitions.size());
    prune("DELETE FROM audit WHERE id <= ?", first_audit, last_audit, bounds_.audits,
          batch.audits.size());
    const bool count_deaths = deaths_since_count_ + batch.deaths.size() > slice;
    if (count_deaths) {
      const auto count = static_cast<std::uint64_t>(number(db, "SELECT count(*) FROM deaths"));
      if (count > bounds_.deaths)
        run(db, "DELETE FROM deaths WHERE id IN (SELECT id FROM deaths ORDER BY id LIMIT ?)",
            std::min(count - bounds_.deaths, slice + batch.deaths.size()));
    }
    transaction.commit();

    // From here on nothing fails: what is remembered is what is in the file.
    restore_ = false;
    loaded_ = true;
    first_event_ = first_event;
    first_audit_ = first_audit;
    deaths_since_count_ = count_deaths ? 0 : deaths_since_count_ + batch.deaths.size();
    memory_.last_seq = last_seq;
    memory_.last_incarnation = last_incarnation;
    memory_.last_audit = last_audit;
    memory_.version = version;
    for (const auto& x : batch.records)
      memory_.records.insert_or_assign(x.name, x);
    for (const auto& [name, stopped] : batch.intents)
      memory_.intents[name] = stopped;
    for (const auto& [name, patch] : batch.overrides)
      if (patch.empty())
        memory_.overrides.erase(name);
      else
        memory_.overrides[name] = patch;
    for (const auto& name : batch.forgotten) {
      memory_.records.erase(name);
      memory_.intents.erase(name);
    }
    memory_.run = run_;
    if (batch.applied) {
      memory_.applied = batch.applied;
      memory_.applied_run = run_;
    }
  }

  void prune(const char* sql, std::uint64_t& first, std::uint64_t last, std::uint64_t keep,
             std::uint64_t added) {
    if (first == 0 || last < first || last - first < keep + slice)
      return;
    const auto until = std::min(last - keep, first + slice + added);
    run(*db_, sql, until);
    first = until + 1;
  }

  // The file below is another one than that which knew all this.
  void restore(std::int64_t now) {
    auto& db = *db_;
    run(db, "DELETE FROM instances");
    run(db, "DELETE FROM intents");
    run(db, "DELETE FROM overrides");
    for (const auto& [name, record] : memory_.records)
      store::write(db, record);
    for (const auto& [name, stopped] : memory_.intents)
      run(db, "INSERT INTO intents VALUES (?, ?)", name, stopped);
    for (const auto& [name, patch] : memory_.overrides)
      run(db, "INSERT INTO overrides VALUES (?, ?)", name, patch);
    if (memory_.applied)
      run(db, "INSERT OR REPLACE INTO versions VALUES (?, ?, ?)", memory_.version, now,
          bytes{memory_.applied->tree});
    set_meta("last_incarnation", memory_.last_incarnation);
    set_meta("run", memory_.run);
    set_meta("applied_run", memory_.applied_run);
  }

  options bounds_;
  disk_reserve reserve_;
  bool low_ = false; // the reserve is missing, for the disk is full
  database db_;
  memory memory_;
  bool loaded_ = false;  // memory_ is what the file holds or held
  bool restore_ = false; // the next commit writes memory_ too
  std::uint64_t first_event_ = 0;
  std::uint64_t first_audit_ = 0;
  std::uint64_t deaths_since_count_ = 0;
  std::uint64_t run_ = 0;   // this run of the fleet
  std::uint64_t begun_ = 0; // the run that the file is known to be about
  std::string trouble_;
};

} // namespace

std::unique_ptr<journal_store> open_store(std::string path, const options& bounds) {
  return std::make_unique<sqlite_store>(std::move(path), bounds);
}

} // namespace troupe::store
