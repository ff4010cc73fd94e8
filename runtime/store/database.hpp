#pragma once

#include "runtime/store/connection.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace troupe::store {

/// A database that outlives what happens to its file. Damaged: moved aside and begun anew.
/// Deleted or replaced underneath: noticed by `look_again`; what was deleted is still open and can
/// be put back. Locked, full, unreadable: the call says so, and the next one tries again.
class database {
public:
  /// `on_open` is called after each opening, with whether the file is new and empty; what it throws
  /// counts as a failed opening.
  database(std::string path, const layout& kind, std::chrono::milliseconds busy,
           std::function<void(bool anew)> on_open);

  /// Opens it unless it is open. Returns why it cannot be now, or an empty string. Throws
  /// SQLite::Exception, which is for `failed`.
  std::string ensure_open();

  /// Closes it if the file is no longer the one at its path. `put_back`: if there is none any more,
  /// all that was in it is written there again first.
  void look_again(bool put_back = false);

  /// Decides what a failure means for the connection; returns it as a sentence.
  std::string failed(const std::exception& error);

  bool is_open() const { return db_ != nullptr; }
  connection& operator*() { return *db_; }
  connection* operator->() { return db_.get(); }
  const std::string& path() const { return path_; }

  /// Something to be said about the file; bounded, nobody may be there to fetch it.
  void note(const std::string& text);
  std::string take_notice();

private:
  void close(checking next);

  std::string path_;
  const layout& kind_;
  std::chrono::milliseconds busy_;
  std::function<void(bool)> on_open_;
  std::unique_ptr<connection> db_;
  checking checking_ = checking::full;
  bool after_io_error_ = false;
  std::string notice_;
};

} // namespace troupe::store
