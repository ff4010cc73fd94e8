#include "runtime/store/queue_store.hpp"

#include "runtime/store/database.hpp"
#include "runtime/store/queue_schema.hpp"
#include "runtime/store/queue_tables.hpp"
#include "runtime/store/spill_file.hpp"

#include <SQLiteCpp/Transaction.h>

#include <algorithm>
#include <atomic>
#include <utility>

namespace troupe::store {

using namespace messaging;

namespace {

using clock = std::chrono::steady_clock;

// How many free pages are kept for the next flood.
constexpr std::int64_t spare_pages = 4096;

std::string beside(const std::string& path, const char* name) {
  return path.substr(0, path.rfind('/') + 1) + name;
}

class queue_store final : public message_store {
public:
  queue_store(const std::string& path, queue_bounds bounds, std::chrono::milliseconds busy)
      : bounds_{bounds}
      , db_{path, queue_layout, busy, [this](bool) { on_open(); }}
      , spill_{beside(path, "spill.db"), bounds.bytes, use_} {
    // nop
  }

  queue_contents load() override {
    queue_contents result;
    // Twice, because damage may be found only when the rows are read.
    for (int attempt = 0; attempt < 2; ++attempt) {
      result = {};
      result.unreadable = true;
      try {
        db_.look_again(true);
        result.trouble = db_.ensure_open();
        if (!result.trouble.empty())
          break;
        queue_totals counted;
        read_contents(*db_, result, counted);
        adopt(counted);
        result.unreadable = false;
        break;
      } catch (const std::exception& error) {
        result.trouble = "read " + db_.failed(error);
      }
    }
    if (const auto notice = db_.take_notice(); !notice.empty())
      result.trouble += (result.trouble.empty() ? "" : "; ") + notice;
    return result;
  }

  std::string write(const std::vector<const queue_batch*>& batches) override {
    const auto begin = clock::now();
    auto problem = attempt(batches);
    const auto took = clock::now() - begin;
    if (problem.empty()) {
      ++commits_;
      longest_ = std::max(longest_, took);
    }
    return problem;
  }

  dead_letter_list dead_letters(const dead_letter_query& query) override {
    dead_letter_list result;
    try {
      if (result.trouble = db_.ensure_open(); result.trouble.empty()) {
        result.items = read_letters(*db_, query);
        result.kept = totals_.letters;
      }
    } catch (const std::exception& error) {
      result = {};
      result.trouble = "read " + db_.failed(error);
    }
    return result;
  }

  std::string spill(const std::vector<spilled>& items) override { return spill_.append(items); }

  spill_list unspill(const std::string& mailbox, std::uint8_t lane, std::uint32_t count,
                     std::uint64_t bytes) override {
    return spill_.take(mailbox, lane, count, bytes);
  }

  void drop_spilled(const std::string& mailbox) override { spill_.drop(mailbox); }

  figures counts() override {
    figures result;
    try {
      result.trouble = db_.ensure_open();
    } catch (const std::exception& error) {
      result.trouble = "read " + db_.failed(error);
    }
    result.set("durable", totals_.messages);
    result.set("durable_bytes", totals_.message_bytes);
    result.set("dead_letters", totals_.letters);
    result.set("dead_letters_bytes", totals_.letter_bytes);
    result.set("state_entries", totals_.entries);
    result.set("state_entries_bytes", totals_.entry_bytes);
    result.set("spilled", use_.spilled_messages.load());
    result.set("spilled_bytes", use_.spilled.load());
    result.set("bytes_limit", bounds_.bytes);
    result.set("dead_letters_limit", bounds_.dead_letters);
    result.set("commits", commits_);
    result.set("commit_longest_s", std::chrono::duration<double>{longest_}.count());
    return result;
  }

  std::string notice() override { return db_.take_notice(); }

private:
  void on_open() {
    // The log may take a second of traffic, so that what comes and goes in it is never copied; its
    // cache holds as much.
    db_->database().exec("PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16384");
    db_->durable(true);
    adopt(read_totals(*db_));
  }

  void adopt(const queue_totals& now) {
    totals_ = now;
    use_.durable = now.message_bytes;
  }

  // What frees as much as it takes is never refused.
  std::string refused(const queue_totals& after) const {
    const auto spilled_now = use_.spilled.load();
    if (after.message_bytes <= totals_.message_bytes
        || after.message_bytes + spilled_now <= bounds_.bytes)
      return {};
    return "write " + db_.path() + ": " + std::to_string(totals_.message_bytes + spilled_now)
           + " bytes wait on disk and " + std::to_string(bounds_.bytes) + " may, these would be "
           + std::to_string(after.message_bytes - totals_.message_bytes) + " more";
  }

  std::string attempt(const std::vector<const queue_batch*>& batches) {
    try {
      db_.look_again(true);
      if (auto problem = db_.ensure_open(); !problem.empty())
        return problem;
      SQLite::Transaction transaction{db_->database(), SQLite::TransactionBehavior::IMMEDIATE};
      queue_writer writer{*db_, totals_};
      for (const auto* batch : batches)
        writer.apply(*batch);
      const auto after = writer.finish(bounds_);
      if (auto problem = refused(after); !problem.empty())
        return problem;
      return_pages(after);
      transaction.commit();
      adopt(after);
      return {};
    } catch (const std::logic_error& error) {
      return "write " + db_.path() + ": " + error.what();
    } catch (const std::exception& error) {
      return "write " + db_.failed(error);
    }
  }

  // Once in a hundred commits, when there is little to be kept: a slice of the free pages.
  void return_pages(const queue_totals& now) {
    if (++since_look_ < 100 || now.message_bytes > bounds_.bytes / 8)
      return;
    if (number(*db_, "PRAGMA freelist_count") <= spare_pages) {
      since_look_ = 0;
      return;
    }
    for (use step{*db_, "PRAGMA incremental_vacuum(256)"}; step.next();)
      continue;
  }

  queue_bounds bounds_;
  disk_use use_;
  queue_totals totals_; // of what is committed
  database db_;
  spill_file spill_;
  std::uint64_t commits_ = 0;
  clock::duration longest_{};
  int since_look_ = 0;
};

} // namespace

std::shared_ptr<message_store> open_queue(const std::string& path, queue_bounds bounds,
                                          std::chrono::milliseconds busy) {
  return std::make_shared<queue_store>(path, bounds, busy);
}

} // namespace troupe::store
