#include "runtime/store/database.hpp"

#include <SQLiteCpp/Exception.h>

#include <cerrno>
#include <sqlite3.h>
#include <unistd.h>
#include <utility>

namespace troupe::store {

database::database(std::string path, const layout& kind, std::chrono::milliseconds busy,
                   std::function<void(bool)> on_open)
    : path_{std::move(path)}
    , kind_{kind}
    , busy_{busy}
    , on_open_{std::move(on_open)} {
  // nop
}

std::string database::ensure_open() {
  if (db_)
    return {};
  auto result = open_database(path_, kind_, busy_, checking_);
  note(result.notice);
  if (!result.db)
    return result.error;
  db_ = std::move(result.db);
  checking_ = checking::quick;
  if (after_io_error_) {
    // What the log holds may be in the page cache only, and marked clean there.
    db_->durable(true);
    db_->database().exec("PRAGMA wal_checkpoint(TRUNCATE)");
    after_io_error_ = false;
  }
  on_open_(result.anew);
  return {};
}

void database::look_again(bool put_back) {
  if (!db_ || db_->still_there())
    return;
  std::string text = path_ + " was deleted or replaced while it was open: ";
  if (put_back && ::access(path_.c_str(), F_OK) != 0 && errno == ENOENT) {
    const auto problem = write_copy(db_->database(), path_);
    text += problem.empty() ? "all that was in it is put back"
                            : "it is begun anew, and what was in it is lost: " + problem;
  } else {
    text += "it is written anew";
  }
  note(text);
  close(checking::full);
}

std::string database::failed(const std::exception& error) {
  std::string text = path_ + ": " + error.what();
  const auto* sql = dynamic_cast<const SQLite::Exception*>(&error);
  const int code = sql ? sql->getErrorCode() & 0xff : SQLITE_ERROR;
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
    return text + "; another process holds its lock (a sqlite3 shell?): end it";
  if (code == SQLITE_FULL)
    text += "; make room on its disk, and it goes on by itself";
  after_io_error_ = after_io_error_ || code == SQLITE_IOERR;
  close(means_damage(code) ? checking::replace : checking::quick);
  return text;
}

void database::note(const std::string& text) {
  if (text.empty() || notice_.size() > 4096)
    return;
  if (!notice_.empty())
    notice_ += "; ";
  notice_ += text;
}

std::string database::take_notice() {
  return std::exchange(notice_, {});
}

void database::close(checking next) {
  db_.reset();
  checking_ = next;
}

} // namespace troupe::store
