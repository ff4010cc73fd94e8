#include "runtime/store/spill_file.hpp"

#include "runtime/store/connection.hpp"

#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdexcept>
#include <unistd.h>

namespace troupe::store {

using namespace messaging;

namespace {

constexpr int place_bits = 40; // 10^12 messages a box, and 8 million boxes

// A file that has been larger is begun anew when nothing is in it.
constexpr std::uint64_t worth_keeping = 16ull << 20;

std::int64_t first_row(std::uint32_t box) {
  return static_cast<std::int64_t>(std::uint64_t{box} << place_bits);
}

std::int64_t row_of(std::uint32_t box, std::uint64_t place) {
  return first_row(box) + static_cast<std::int64_t>(place);
}

// It must not stay open: that would keep the file locked in the middle of a step.
struct reset_after {
  SQLite::Statement& statement;
  ~reset_after() { statement.tryReset(); }
};

} // namespace

spill_file::spill_file(std::string path, std::uint64_t bytes, disk_use& use)
    : path_{std::move(path)}
    , bytes_{bytes}
    , use_{use} {
  ::unlink(path_.c_str()); // of an earlier runtime
}

spill_file::~spill_file() {
  forget_file();
}

std::string spill_file::append(const std::vector<spilled>& items) {
  std::uint64_t size = 0;
  for (const auto& x : items)
    size += x.body.size();
  const auto spilled_now = use_.spilled.load();
  if (spilled_now + size > bytes_ / 2 || use_.durable.load() + spilled_now + size > bytes_)
    return "spill to " + path_ + ": the bound of what waits on disk is reached ("
           + std::to_string(bytes_ / 2) + " bytes of full mailboxes, " + std::to_string(bytes_)
           + " in all)";
  boxes touched;
  try {
    ensure_open();
    SQLite::Transaction transaction{*db_, SQLite::TransactionBehavior::IMMEDIATE};
    for (const auto& x : items) {
      const auto key = std::pair{x.mailbox, x.lane};
      auto at = touched.find(key);
      if (at == touched.end()) {
        const auto known = boxes_.find(key);
        at = touched.emplace(key, known == boxes_.end() ? box{free_number()} : known->second).first;
      }
      auto& into = at->second;
      reset_after done{*insert_};
      insert_->bind(1, row_of(into.number, into.next));
      insert_->bind(2, static_cast<std::int64_t>(x.deliveries));
      insert_->bind(3, static_cast<std::int64_t>(x.expires));
      insert_->bindNoCopy(4, x.body.data(), static_cast<int>(x.body.size()));
      insert_->exec();
      ++into.next;
      ++into.count;
      into.bytes += x.body.size();
    }
    transaction.commit();
  } catch (const std::exception& error) {
    for (const auto& [key, each] : touched)
      if (!boxes_.contains(key))
        free_.push_back(each.number);
    return failed("spill to ", error);
  }
  for (auto& [key, each] : touched)
    boxes_.insert_or_assign(key, each);
  use_.spilled += size;
  use_.spilled_messages += items.size();
  return {};
}

spill_list spill_file::take(const std::string& mailbox, std::uint8_t lane, std::uint32_t count,
                            std::uint64_t bytes) {
  spill_list result;
  if (const auto lost = lost_.extract({mailbox, lane}))
    return {{}, lost.mapped()};
  const auto at = boxes_.find({mailbox, lane});
  if (at == boxes_.end() || count == 0)
    return result;
  auto& from = at->second;
  std::uint64_t size = 0;
  try {
    SQLite::Transaction transaction{*db_, SQLite::TransactionBehavior::IMMEDIATE};
    const auto first = first_row(from.number);
    auto last = first;
    {
      reset_after done{*select_};
      select_->bind(1, first);
      select_->bind(2, row_of(from.number, from.next));
      while (result.items.size() < count && select_->executeStep()) {
        const auto body = select_->getColumn(3);
        const auto length = static_cast<std::uint64_t>(body.getBytes());
        if (!result.items.empty() && size + length > bytes)
          break;
        size += length;
        last = select_->getColumn(0).getInt64();
        result.items.push_back({mailbox, lane,
                                static_cast<std::uint32_t>(select_->getColumn(1).getInt64()),
                                select_->getColumn(2).getInt64(), body.getString()});
      }
    }
    if (result.items.empty())
      throw std::runtime_error{"what was written is not there"};
    reset_after done{*erase_};
    erase_->bind(1, first);
    erase_->bind(2, last);
    erase_->exec();
    transaction.commit();
  } catch (const std::exception& error) {
    const auto text = failed("take back from ", error);
    lost_.erase({mailbox, lane});
    return {{}, text};
  }
  count_out(from, result.items.size(), size);
  if (from.count == 0)
    give_back(at, true);
  return result;
}

void spill_file::drop(const std::string& mailbox) {
  for (;;) {
    const auto at = boxes_.lower_bound({mailbox, 0});
    if (at == boxes_.end() || at->first.first != mailbox)
      break;
    auto& from = at->second;
    bool erased = true;
    try {
      reset_after done{*erase_};
      erase_->bind(1, first_row(from.number));
      erase_->bind(2, row_of(from.number, from.next));
      erase_->exec();
    } catch (const std::exception& error) {
      failed("drop from ", error);
      if (!db_)
        break;
      erased = false; // its rows are nobody's: the number is not given again
    }
    count_out(from, from.count, from.bytes);
    give_back(at, erased);
  }
  lost_.erase(lost_.lower_bound({mailbox, 0}), lost_.upper_bound({mailbox, 255}));
}

void spill_file::count_out(box& from, std::uint64_t count, std::uint64_t bytes) {
  from.count -= count;
  from.bytes -= bytes;
  use_.spilled_messages -= count;
  use_.spilled -= bytes;
}

void spill_file::give_back(boxes::iterator empty, bool erased) {
  if (erased)
    free_.push_back(empty->second.number);
  boxes_.erase(empty);
  if (!boxes_.empty() || !db_)
    return;
  const auto pages = static_cast<std::uint64_t>(db_->execAndGet("PRAGMA page_count").getInt64());
  if (pages * 4096 > worth_keeping)
    forget_file();
}

std::uint32_t spill_file::free_number() {
  if (free_.empty())
    return numbers_++;
  const auto result = free_.back();
  free_.pop_back();
  return result;
}

void spill_file::ensure_open() {
  if (db_)
    return;
  ::unlink(path_.c_str());
  const int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    throw std::runtime_error{std::strerror(errno)};
  ::close(fd);
  auto db = std::make_unique<SQLite::Database>(path_, SQLite::OPEN_READWRITE);
  db->exec("PRAGMA page_size = 4096; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY;"
           " PRAGMA synchronous = OFF");
  db->exec("CREATE TABLE spilled (id INTEGER PRIMARY KEY, deliveries INTEGER NOT NULL,"
           " expires INTEGER NOT NULL, body BLOB NOT NULL)");
  insert_ = std::make_unique<SQLite::Statement>(*db, "INSERT INTO spilled VALUES (?, ?, ?, ?)");
  select_ = std::make_unique<SQLite::Statement>(
      *db, "SELECT * FROM spilled WHERE id BETWEEN ? AND ? ORDER BY id");
  erase_ = std::make_unique<SQLite::Statement>(*db, "DELETE FROM spilled WHERE id BETWEEN ? AND ?");
  db_ = std::move(db);
}

void spill_file::forget_file() {
  insert_.reset();
  select_.reset();
  erase_.reset();
  db_.reset();
  ::unlink(path_.c_str());
  boxes_.clear();
  free_.clear();
  numbers_ = 0;
  use_.spilled = 0;
  use_.spilled_messages = 0;
}

std::string spill_file::failed(const char* what, const std::exception& error) {
  const auto text = what + path_ + ": " + error.what();
  if (const auto* sql = dynamic_cast<const SQLite::Exception*>(&error)) {
    const int code = sql->getErrorCode();
    if (code == SQLITE_FULL)
      return text + "; make room on its disk";
    if (!means_damage(code))
      return text; // what was written is as it was
  }
  std::map<std::pair<std::string, std::uint8_t>, std::string> lost;
  for (const auto& [key, each] : boxes_)
    lost.emplace(key, std::to_string(each.count) + " messages that were spilled are lost: " + text);
  forget_file();
  lost_.merge(lost);
  return text;
}

} // namespace troupe::store
