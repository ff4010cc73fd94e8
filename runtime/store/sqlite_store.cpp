#include "runtime/store/sqlite_store.hpp"

#include "runtime/store/audit.hpp"
#include "runtime/store/database.hpp"
#include "runtime/store/lookups.hpp"
#include "runtime/store/memory.hpp"
#include "runtime/store/reserve.hpp"
#include "runtime/store/retention.hpp"
#include "runtime/store/tables.hpp"
#include "runtime/store/versions.hpp"

#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Transaction.h>

#include <algorithm>
#include <chrono>
#include <sqlite3.h>
#include <utility>

namespace troupe::store {

namespace {

std::int64_t microseconds_now() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

// What an entry says of the version that it made, when it is written together with `made`; 0: none.
std::uint64_t version_of(const audit_entry& x, std::uint64_t made) {
  return x.version == 0 ? made : x.version;
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
      return verify_chain(db_->database(), loaded_ && !restore_ ? &memory_.ends.chain : nullptr,
                          most);
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
        memory_ = recall_all();
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
    extent_ = measure(*db_);
  }

  // Whether this run is new to the store. What an earlier one left is dropped then.
  bool begin_run() {
    if (run_ == 0 || run_ == begun_)
      return false;
    const bool fresh = meta(*db_, "run") != run_;
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
    set_meta(*db_, "run", run_);
    transaction.commit();
  }

  void read(journal_contents& result) {
    memory_ = recall_all();
    loaded_ = true;
    result.last_seq = memory_.ends.last_seq;
    result.last_incarnation = memory_.ends.last_incarnation;
    result.version = memory_.version;
    result.applied = memory_.applied;
    if (memory_.applied && memory_.applied->now != version_state::healthy)
      result.healthy = memory_.healthy;
    result.intents = memory_.intents;
    result.overrides = memory_.overrides;
    for (const auto& [name, record] : memory_.records)
      result.records.push_back(record);
  }

  memory recall_all() {
    auto& db = *db_;
    auto found = recall(db);
    found.applied = whole([&] { return applied_in(db, found.run); });
    if (found.applied)
      found.healthy = whole([&] { return healthy_before(db, found.run, found.applied->number); });
    return found;
  }

  void commit(journal_batch& batch) {
    auto& db = *db_;
    const auto now = microseconds_now();
    auto ends = memory_.ends;
    auto extent = extent_;
    SQLite::Transaction transaction{db.database(), SQLite::TransactionBehavior::IMMEDIATE};
    if (restore_) {
      write_again(db, memory_);
      ends.chain = go_on_from(db.database(), ends.chain, now);
    }
    write_past(batch, ends);
    write_present(db, batch, memory_.keeps_stops());
    auto config = write_config(batch, now);
    const auto made = batch.applied ? config->applied->number : 0;
    const auto audit_ids = write_audits(batch, made, ends, now);
    if (ends.last_incarnation != memory_.ends.last_incarnation)
      set_meta(db, "last_incarnation", ends.last_incarnation);
    drop_old(db, bounds_, batch, memory_.ends, ends, extent, now);
    transaction.commit();

    // From here on nothing fails: what is remembered is what is in the file.
    restore_ = false;
    extent_ = extent;
    memory_.ends = std::move(ends);
    memory_.take(batch);
    memory_.run = run_number();
    if (batch.applied) {
      batch.applied->number = memory_.version = config->applied->number;
      batch.applied->time = config->applied->time;
    }
    for (std::size_t i = 0; i < audit_ids.size(); ++i) {
      batch.audits[i].id = audit_ids[i];
      batch.audits[i].version = version_of(batch.audits[i], made);
    }
    if (config) {
      memory_.applied = std::move(config->applied);
      memory_.healthy = std::move(config->healthy);
    }
  }

  // What happened. Records are of the present, but their incarnations count too.
  void write_past(const journal_batch& batch, ends& to) {
    for (const auto& x : batch.transitions) {
      store::write(*db_, x);
      to.last_seq = std::max(to.last_seq, x.seq);
      to.last_incarnation = std::max(to.last_incarnation, x.incarnation);
    }
    for (const auto& x : batch.deaths) {
      store::write(*db_, x);
      to.last_incarnation = std::max(to.last_incarnation, x.incarnation);
    }
    for (const auto& x : batch.records)
      to.last_incarnation = std::max(to.last_incarnation, x.incarnation);
  }

  // What is in force, and what comes back if it fails.
  struct config_standing {
    std::optional<config_version> applied;
    std::optional<config_version> healthy;
  };

  // Nothing when the batch is not about it.
  std::optional<config_standing> write_config(const journal_batch& batch, std::int64_t now) {
    if (!batch.applied && batch.settled.empty())
      return std::nullopt;
    auto& db = *db_;
    const auto of_run = run_number();
    for (const auto& [number, state] : batch.settled)
      run(db, "UPDATE versions SET state = ?, run = ? WHERE number = ?", to_string(state), of_run,
          number);
    config_standing result;
    auto& applied = result.applied;
    if (batch.applied) {
      applied = batch.applied;
      applied->number = memory_.version + 1;
      if (applied->time == 0)
        applied->time = now;
      store::write(db, *applied, of_run);
    } else if (applied = memory_.applied; !applied) {
      // An earlier run's is this one's once it is settled here.
      applied = whole([&] { return applied_in(db, of_run); });
    } else if (const auto at = batch.settled.find(applied->number); at != batch.settled.end()) {
      applied->now = at->second;
    }
    if (applied)
      result.healthy = whole([&] { return healthy_before(db, of_run, applied->number); });
    if (batch.applied)
      drop_versions(db, bounds_.versions);
    return result;
  }

  // Returns their ids.
  std::vector<std::uint64_t> write_audits(const journal_batch& batch, std::uint64_t made, ends& to,
                                          std::int64_t now) {
    std::vector<std::uint64_t> result;
    for (const auto& x : batch.audits)
      result.push_back(enter(db_->database(), to.chain, x, version_of(x, made), now));
    return result;
  }

  std::uint64_t run_number() const { return run_ != 0 ? run_ : memory_.run; }

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

  options bounds_;
  disk_reserve reserve_;
  bool low_ = false; // the reserve is missing, for the disk is full
  database db_;
  memory memory_;
  bool loaded_ = false;  // memory_ is what the file holds or held
  bool restore_ = false; // the next commit writes memory_ too
  extent extent_;
  std::uint64_t run_ = 0;   // this run of the fleet
  std::uint64_t begun_ = 0; // the run that the file is known to be about
  std::string trouble_;
};

} // namespace

std::unique_ptr<journal_store> open_store(std::string path, const options& bounds) {
  return std::make_unique<sqlite_store>(std::move(path), bounds);
}

} // namespace troupe::store
