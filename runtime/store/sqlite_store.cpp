#include "runtime/store/sqlite_store.hpp"

#include "runtime/store/audit.hpp"
#include "runtime/store/database.hpp"
#include "runtime/store/lookups.hpp"
#include "runtime/store/reserve.hpp"
#include "runtime/store/tables.hpp"
#include "runtime/store/versions.hpp"

#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Transaction.h>

#include <algorithm>
#include <chrono>
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
  std::optional<config_version> applied; // in this run
  std::optional<config_version> healthy; // the last one before it
  std::uint64_t run = 0;
  std::uint64_t version = 0;
  chain_end chain;
  std::uint64_t last_seq = 0;
  std::uint64_t last_incarnation = 0;
};

std::int64_t microseconds_now() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

// What an entry says of the version that it made, when it is written together with that.
std::uint64_t version_of(const audit_entry& x, const std::optional<config_version>& applied) {
  return x.version == 0 && applied ? applied->number : x.version;
}

class sqlite_store final : public journal_store {
public:
  sqlite_store(std::string path, const options& bounds)
      : bounds_(bounds)
      , reserve_(path.substr(0, path.rfind('/') + 1) + "reserve", bounds.reserve)
      , db_(std::move(path), state_layout, bounds.busy, [this](bool) { on_open(); }) {
    // nop
  }

  journal_contents load(std::uint64_t run) override {
    journal_contents result;
    if (run != 0)
      run_ = run;
    reserve_.ensure();
    std::string problem = "unreadable";
    // Twice, because damage may be found only when the rows are read, and a file that cannot even
    // be opened may only want room.
    for (int attempt = 0; attempt < 2; ++attempt) {
      bool again = true;
      try {
        problem = db_.ensure_open();
        if (problem.empty()) {
          result.fresh = begin_run();
          read(result);
          break;
        }
        again = false;
      } catch (const std::exception& error) {
        problem = "read " + db_.failed(error);
      }
      if (!give_back_reserve() && !again)
        break;
    }
    db_.note(problem);
    result.unreadable = std::move(problem);
    result.notice = db_.take_notice();
    return result;
  }

  std::string write(journal_batch& batch, bool durable) override {
    // What an operator orders has to wait; what keeps the fleet going has not, and that a healthy
    // version comes back is of that.
    const bool by_itself = std::ranges::none_of(
        batch.audits, [](const auto& each) { return each.id == 0 && each.origin != "update"; });
    auto problem = attempt(batch, durable, by_itself);
    if (!problem.empty() && give_back_reserve())
      problem = attempt(batch, durable, by_itself);
    batch.notice = db_.take_notice();
    batch.alarm = low_ ? disk_full() : std::string{};
    return problem;
  }

  std::vector<transition> events(const event_query& query) override {
    return look<std::vector<transition>>([&] { return find_events(*db_, query); });
  }

  std::vector<death> deaths(const std::string& name, std::uint32_t last) override {
    return look<std::vector<death>>([&] { return find_deaths(*db_, name, last); });
  }

  std::vector<config_version> versions(std::uint32_t last) override {
    return look<std::vector<config_version>>([&] { return last_versions(*db_, last); });
  }

  std::optional<config_version> version(std::uint64_t number) override {
    return look<std::optional<config_version>>([&] { return read_version(*db_, number); });
  }

  std::vector<audit_entry> audits(const audit_query& query) override {
    return look<std::vector<audit_entry>>([&] { return find_audits(db_->database(), query); });
  }

  audit_check verify_audit(std::uint64_t most) override {
    auto result = look<audit_check>([&] {
      return verify_chain(db_->database(), loaded_ && !restore_ ? &memory_.chain : nullptr, most);
    });
    if (!trouble_.empty())
      result.problem = trouble_;
    return result;
  }

  figures counts() override {
    return look<figures>([&] {
      figures result;
      result.set("events", number(*db_, "SELECT count(*) FROM events"));
      result.set("deaths", number(*db_, "SELECT count(*) FROM deaths"));
      result.set("audits", number(*db_, "SELECT count(*) FROM audit"));
      result.set("versions", number(*db_, "SELECT count(*) FROM versions"));
      result.set("events_limit", bounds_.events);
      result.set("deaths_limit", bounds_.deaths);
      result.set("audits_limit", bounds_.audits);
      result.set("versions_limit", bounds_.versions);
      return result;
    });
  }

  std::string trouble() const override { return trouble_; }

private:
  // What `find` finds, or nothing, and `trouble` says why.
  template <class Result, class Find>
  Result look(Find find) {
    try {
      if (trouble_ = db_.ensure_open(); trouble_.empty())
        return find();
    } catch (const std::exception& error) {
      trouble_ = "read " + db_.failed(error);
      db_.note(trouble_);
    }
    return {};
  }

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
      db_.look_again(true);
      if (auto problem = db_.ensure_open(); !problem.empty())
        return problem;
      begin_run(); // it may not have been possible when it was loaded
      if (!loaded_) {
        memory_ = recall();
        loaded_ = true;
      }
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

  void on_open() {
    restore_ = loaded_;
    keep_log_short();
    first_event_ = static_cast<std::uint64_t>(number(*db_, "SELECT min(seq) FROM events"));
    first_audit_ = static_cast<std::uint64_t>(number(*db_, "SELECT min(seq) FROM audit"));
    audit_bytes_ = meta("audit_bytes");
    if (audit_bytes_ == 0) // of an earlier Troupe
      audit_bytes_ = bytes_of_links(db_->database(), 0, std::uint64_t{1} << 62);
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
    memory_ = recall();
    loaded_ = true;
    result.last_seq = memory_.last_seq;
    result.last_incarnation = memory_.last_incarnation;
    result.version = memory_.version;
    result.applied = memory_.applied;
    if (memory_.applied && memory_.applied->now != version_state::healthy)
      result.healthy = memory_.healthy;
    result.intents = memory_.intents;
    result.overrides = memory_.overrides;
    for (const auto& [name, record] : memory_.records)
      result.records.push_back(record);
  }

  // All that the file holds of it.
  memory recall() {
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
    found.version = static_cast<std::uint64_t>(number(db, "SELECT max(number) FROM versions"));
    found.last_seq = static_cast<std::uint64_t>(number(db, "SELECT max(seq) FROM events"));
    found.last_incarnation = meta("last_incarnation");
    found.run = meta("run");
    found.chain = end_of_chain(db.database());
    found.applied = whole([&] { return applied_in(db, found.run); });
    if (found.applied)
      found.healthy = whole([&] { return healthy_before(db, found.run, found.applied->number); });
    return found;
  }

  void commit(journal_batch& batch) {
    auto& db = *db_;
    const auto now = microseconds_now();
    auto last_seq = memory_.last_seq;
    auto last_incarnation = memory_.last_incarnation;
    auto chain = memory_.chain;
    auto applied = batch.applied;
    std::optional<config_version> healthy;
    const bool config = applied || !batch.settled.empty();
    const auto run_number = run_ != 0 ? run_ : memory_.run;
    auto first_event = first_event_;
    auto first_audit = first_audit_;
    SQLite::Transaction transaction{db.database(), SQLite::TransactionBehavior::IMMEDIATE};
    if (restore_) {
      restore();
      chain = go_on_from(db.database(), chain, now);
    }
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
    if (applied) {
      applied->number = memory_.version + 1;
      if (applied->time == 0)
        applied->time = now;
    }
    std::vector<std::uint64_t> audit_ids;
    for (const auto& x : batch.audits)
      audit_ids.push_back(enter(db.database(), chain, x, version_of(x, applied), now));
    for (const auto& [name, stopped] : batch.intents)
      run(db, "INSERT OR REPLACE INTO intents VALUES (?, ?)", name, stopped);
    for (const auto& [name, patch] : batch.overrides)
      if (patch.empty())
        run(db, "DELETE FROM overrides WHERE bot = ?", name);
      else
        run(db, "INSERT OR REPLACE INTO overrides VALUES (?, ?)", name, patch);
    // Whether an instance that is no more keeps its stop.
    const bool keep_stops = memory_.intents.size() < memory_.records.size() + max_gone_stops;
    for (const auto& name : batch.forgotten) {
      run(db, "DELETE FROM instances WHERE name = ?", name);
      if (!keep_stops)
        run(db, "DELETE FROM intents WHERE instance = ?", name);
      else
        run(db, "DELETE FROM intents WHERE instance = ? AND NOT stopped", name);
    }
    for (const auto& [number, state] : batch.settled)
      run(db, "UPDATE versions SET state = ?, run = ? WHERE number = ?", to_string(state),
          run_number, number);
    if (applied)
      store::write(db, *applied, run_number);
    else if (config) {
      applied = memory_.applied;
      if (!applied) // an earlier run's is this one's once it is settled here
        applied = whole([&] { return applied_in(db, run_number); });
      else if (const auto at = batch.settled.find(applied->number); at != batch.settled.end())
        applied->now = at->second;
    }
    if (config && applied)
      healthy = whole([&] { return healthy_before(db, run_number, applied->number); });
    if (batch.applied)
      drop_versions(db, bounds_.versions);
    if (last_incarnation != memory_.last_incarnation)
      set_meta("last_incarnation", last_incarnation);
    for (auto name : died)
      run(db,
          "DELETE FROM deaths WHERE instance = ?1 AND incarnation <= (SELECT incarnation FROM"
          " deaths WHERE instance = ?1 ORDER BY incarnation DESC LIMIT 1 OFFSET ?2)",
          name, bounds_.deaths_each);
    if (const auto until =
            beyond(first_event, last_seq, bounds_.events, batch.transitions.size())) {
      run(db, "DELETE FROM events WHERE seq <= ?", until);
      first_event = until + 1;
    }
    if (first_audit == 0 && !batch.audits.empty())
      first_audit = memory_.chain.seq + 1;
    auto audit_bytes = audit_bytes_;
    if (!batch.audits.empty())
      audit_bytes += bytes_of_links(db.database(), chain.seq - batch.audits.size(), chain.seq);
    auto until = beyond(first_audit, chain.seq, bounds_.audits, batch.audits.size());
    if (audit_bytes > bounds_.audit_bytes) {
      audit_bytes = bytes_of_links(db.database(), 0, chain.seq); // rows may have gone without us
      until = std::max(until, links_beyond(db.database(), audit_bytes, bounds_.audit_bytes,
                                           slice + batch.audits.size(), chain.seq));
    }
    if (until != 0) {
      const auto dropped = bytes_of_links(db.database(), 0, until);
      audit_bytes -= std::min(audit_bytes, dropped);
      drop_links(db.database(), chain, until, now);
      first_audit = until + 1;
    }
    if (audit_bytes != audit_bytes_)
      set_meta("audit_bytes", audit_bytes);
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
    first_event_ = first_event;
    first_audit_ = first_audit;
    audit_bytes_ = audit_bytes;
    deaths_since_count_ = count_deaths ? 0 : deaths_since_count_ + batch.deaths.size();
    memory_.last_seq = last_seq;
    memory_.last_incarnation = last_incarnation;
    memory_.chain = std::move(chain);
    for (std::size_t i = 0; i < audit_ids.size(); ++i) {
      batch.audits[i].id = audit_ids[i];
      if (batch.applied)
        batch.audits[i].version = version_of(batch.audits[i], applied);
    }
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
      if (const auto at = memory_.intents.find(name);
          at != memory_.intents.end() && !(at->second && keep_stops))
        memory_.intents.erase(at);
    }
    memory_.run = run_number;
    if (batch.applied) {
      batch.applied->number = memory_.version = applied->number;
      batch.applied->time = applied->time;
    }
    if (config) {
      memory_.applied = std::move(applied);
      memory_.healthy = std::move(healthy);
    }
  }

  // A version that is damaged is as good as none: the fleet is not to stand still for it.
  template <class Read>
  std::optional<config_version> whole(Read read) {
    try {
      return read();
    } catch (const damaged_tree& problem) {
      db_.note(db_.path() + ": " + problem.what());
      return std::nullopt;
    }
  }

  // Up to where rows are to go from a table that has those from `first` to `last`; 0: none.
  static std::uint64_t beyond(std::uint64_t first, std::uint64_t last, std::uint64_t keep,
                              std::uint64_t added) {
    if (first == 0 || last < first || last - first < keep + slice)
      return 0;
    return std::min(last - keep, first + slice + added);
  }

  // The file below is another one than that which knew all this.
  void restore() {
    auto& db = *db_;
    run(db, "DELETE FROM instances");
    run(db, "DELETE FROM intents");
    run(db, "DELETE FROM overrides");
    // Those were never acknowledged, or are another file's.
    run(db, "DELETE FROM versions WHERE number > ?", memory_.version);
    for (const auto& [name, record] : memory_.records)
      store::write(db, record);
    for (const auto& [name, stopped] : memory_.intents)
      run(db, "INSERT INTO intents VALUES (?, ?)", name, stopped);
    for (const auto& [name, patch] : memory_.overrides)
      run(db, "INSERT INTO overrides VALUES (?, ?)", name, patch);
    for (const auto* each : {&memory_.healthy, &memory_.applied})
      if (*each)
        store::write(db, **each, memory_.run);
    set_meta("last_incarnation", memory_.last_incarnation);
    set_meta("run", memory_.run);
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
  std::uint64_t audit_bytes_ = 0;
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
