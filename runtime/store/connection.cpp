#include "runtime/store/connection.hpp"

#include "runtime/store/schema.hpp"

#include <SQLiteCpp/Exception.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace troupe::store {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kept_aside = 3;

std::string timestamp() {
  const auto now = ::time(nullptr);
  tm parts{};
  gmtime_r(&now, &parts);
  char buffer[32];
  strftime(buffer, sizeof(buffer), "%Y%m%dT%H%M%SZ", &parts);
  return buffer;
}

// What the first 100 bytes tell without opening the database, which would already
// change a file that is not for us.
enum class first_look { absent, empty, garbage, newer, plausible, unreadable };

struct header {
  first_look what = first_look::absent;
  int version = 0;
  int error = 0;
};

std::uint32_t big_endian(const unsigned char* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16
         | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

header look_at(const std::string& path, const layout& kind) {
  // The audit and the bots' last words are nobody else's business; SQLite gives the
  // files beside it the same mode.
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
  if (fd < 0)
    return {first_look::unreadable, 0, errno};
  struct stat info {};
  unsigned char bytes[100];
  header result;
  if (::fstat(fd, &info) != 0) {
    result = {first_look::unreadable, 0, errno};
  } else if (!S_ISREG(info.st_mode)) {
    result = {first_look::unreadable, 0, EISDIR};
  } else {
    if ((info.st_mode & 077) != 0)
      ::fchmod(fd, 0600);
    const auto count = ::pread(fd, bytes, sizeof(bytes), 0);
    if (count < 0) {
      result = {first_look::unreadable, 0, errno};
    } else if (count == 0) {
      result.what = first_look::empty;
    } else if (count < 100 || std::memcmp(bytes, "SQLite format 3", 16) != 0) {
      result.what = first_look::garbage;
    } else {
      result.what = first_look::plausible;
      result.version = static_cast<int>(big_endian(bytes + 60));
      if (big_endian(bytes + 68) == static_cast<std::uint32_t>(kind.application_id)
          && result.version > kind.version() && result.version < plausible_schema_version)
        result.what = first_look::newer;
    }
  }
  ::close(fd);
  return result;
}

std::string move_aside(const std::string& path) {
  const auto target = path + ".corrupt-" + timestamp();
  std::error_code error;
  fs::rename(path, target, error);
  if (error) {
    fs::remove(path, error);
    return error ? "" : "it was removed";
  }
  fs::rename(path + "-wal", target + "-wal", error);
  fs::remove(path + "-shm", error);
  std::vector<std::string> aside;
  const auto prefix = fs::path{path}.filename().string() + ".corrupt-";
  for (fs::directory_iterator entry{fs::path{path}.parent_path(), error}, end;
       !error && entry != end; entry.increment(error)) {
    const auto name = entry->path().filename().string();
    if (name.starts_with(prefix) && !name.ends_with("-wal"))
      aside.push_back(entry->path().string());
  }
  std::sort(aside.begin(), aside.end());
  for (std::size_t i = 0; i + kept_aside < aside.size(); ++i) {
    fs::remove(aside[i], error);
    fs::remove(aside[i] + "-wal", error);
  }
  return "it was moved to " + target;
}

std::string newer_schema(const std::string& path, const layout& kind, int version) {
  return path + " was written by a newer Troupe (schema " + std::to_string(version)
         + ", this one knows " + std::to_string(kind.version())
         + "); it is left untouched: install that version, or move the file away";
}

int pragma(SQLite::Database& db, const char* sql) {
  return db.execAndGet(sql).getInt();
}

// The check reports a page that could not be read like one that is wrong; only the number
// in its sentence tells a failing disk from a damaged file.
bool could_not_read(const std::string& verdict) {
  constexpr std::string_view mark{"error code="};
  const auto at = verdict.find(mark);
  if (at == std::string::npos)
    return false;
  const int code = std::atoi(verdict.c_str() + at + mark.size());
  return code != 0 && !means_damage(code);
}

// Reads all of it, past SQLite. Returns the errno of what fails.
int reading_fails(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno;
  std::vector<char> buffer(1 << 20);
  ssize_t count = 1;
  for (off_t at = 0; count > 0; at += count)
    count = ::pread(fd, buffer.data(), buffer.size(), at);
  const int error = count < 0 ? errno : 0;
  ::close(fd);
  return error;
}

struct damaged {
  std::string text;
};

// Some of its sentences do not even hold that number, so a second look decides: a call that failed
// once does not fail again, and a bad sector fails for everybody. Returns why the file cannot be
// read now, or nothing when it is as it should be.
std::string looked_over(SQLite::Database& db, const std::string& path) {
  std::string verdict;
  for (int look = 0; look < 2; ++look) {
    verdict = db.execAndGet("PRAGMA quick_check(1)").getString();
    if (verdict == "ok")
      return {};
    if (could_not_read(verdict))
      return "read " + path + ": " + verdict;
  }
  if (const int error = reading_fails(path))
    return "read " + path + ": " + std::strerror(error);
  throw damaged{verdict};
}

// Throws `damaged`, or SQLite::Exception when the file cannot be used now.
opened attempt(const std::string& path, const layout& kind, std::chrono::milliseconds busy,
               bool check) {
  const auto seen = look_at(path, kind);
  if (seen.what == first_look::unreadable)
    return {nullptr, "open " + path + ": " + std::strerror(seen.error), "", false};
  if (seen.what == first_look::newer)
    return {nullptr, newer_schema(path, kind, seen.version), "", false};
  if (seen.what == first_look::garbage)
    throw damaged{"it is not a database"};
  opened result;
  try {
    result.db = std::make_unique<connection>(path, busy);
    auto& db = result.db->database();
    const int version = pragma(db, "PRAGMA user_version");
    const int id = pragma(db, "PRAGMA application_id");
    const bool blank =
        version == 0 && id == 0 && pragma(db, "SELECT count(*) FROM sqlite_schema") == 0;
    if (!blank && (id != kind.application_id || version < 1 || version >= plausible_schema_version))
      throw damaged{"its header is wrong"};
    if (version > kind.version())
      return {nullptr, newer_schema(path, kind, version), "", false};
    if (check && !blank)
      if (auto problem = looked_over(db, path); !problem.empty())
        return {nullptr, problem, "", false};
    if (!blank && version < kind.version()) {
      const auto copy = path + ".schema-" + std::to_string(version);
      if (auto problem = write_copy(db, copy); !problem.empty())
        return {nullptr,
                path + " was written by an older Troupe and has to be copied to " + copy
                    + " before it is brought forward: " + problem,
                "", false};
      result.notice = path + " was written by an older Troupe (schema " + std::to_string(version)
                      + ") and is brought forward; as it was it is kept in " + copy;
    }
    if (blank)
      db.exec(kind.first);
    db.exec("PRAGMA journal_mode = WAL");
    db.exec("PRAGMA journal_size_limit = 16777216");
    if (version < kind.version())
      migrate(db, kind, version);
    verify(db, kind);
    result.anew = blank;
  } catch (const SQLite::Exception& error) {
    // A missing table is a plain SQLITE_ERROR: our own SQL is right, the file is not.
    if (means_damage(error.getErrorCode()) || error.getErrorCode() == SQLITE_ERROR)
      throw damaged{error.what()};
    throw;
  }
  if (!result.db->still_there())
    return {nullptr, "open " + path + ": it was replaced meanwhile", "", false};
  return result;
}

} // namespace

connection::connection(const std::string& path, std::chrono::milliseconds busy)
    : db_(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, static_cast<int>(busy.count()))
    , path_(path)
    , file_(identify(path)) {
  // nop
}

SQLite::Statement& connection::prepared(const char* sql) {
  auto& slot = statements_[sql];
  if (!slot)
    slot = std::make_unique<SQLite::Statement>(db_, sql);
  return *slot;
}

void connection::durable(bool on) {
  const int wanted = on ? 2 : 1; // FULL, NORMAL
  if (synchronous_ == wanted)
    return;
  db_.exec(on ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  synchronous_ = wanted;
}

connection::identity connection::identify(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return {};
  return {info.st_dev, info.st_ino};
}

bool connection::still_there() {
  if (identify(path_) != file_)
    return false;
  const auto log = identify(path_ + "-wal");
  if (log_ == identity{})
    log_ = log; // it appears with the first access
  return log == log_;
}

namespace {

/// Waits until the disk knows the name of `path`.
bool sync_directory(const std::string& path) {
  const auto directory = fs::path{path}.parent_path();
  const int fd =
      ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = fd >= 0 && ::fsync(fd) == 0;
  const int why = errno;
  if (fd >= 0)
    ::close(fd);
  errno = why;
  return done;
}

} // namespace

std::string write_copy(SQLite::Database& db, const std::string& path) {
  const auto draft = path + ".new";
  ::unlink(draft.c_str());
  const int fd = ::open(draft.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return std::strerror(errno);
  std::string problem;
  try {
    SQLite::Statement statement{db, "VACUUM INTO ?"};
    statement.bind(1, draft);
    statement.exec();
    for (const auto* rest : {"-wal", "-shm"})
      ::unlink((path + rest).c_str()); // of the one that was there
    if (::fsync(fd) != 0 || ::rename(draft.c_str(), path.c_str()) != 0 || !sync_directory(path))
      problem = std::strerror(errno);
  } catch (const std::exception& error) {
    problem = error.what();
  }
  ::close(fd);
  if (!problem.empty())
    ::unlink(draft.c_str());
  return problem;
}

bool means_damage(int code) {
  return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

opened open_database(const std::string& path, const layout& kind, std::chrono::milliseconds busy,
                     checking how) {
  std::string notice;
  try {
    try {
      if (how == checking::replace)
        throw damaged{"a page of it is malformed"};
      return attempt(path, kind, busy, how == checking::full);
    } catch (const damaged& problem) {
      const auto done = move_aside(path);
      if (done.empty())
        return {nullptr,
                path + " is damaged (" + problem.text + ") and cannot be moved away; check the"
                    + " permissions of its directory",
                "", false};
      notice = path + " was damaged (" + problem.text + "): " + done + " and a new one begun; "
               + kind.lost;
    }
    auto result = attempt(path, kind, busy, false);
    if (result.notice.empty())
      result.notice = notice;
    return result;
  } catch (const damaged& problem) {
    return {nullptr, path + " cannot be begun anew: " + problem.text, notice, false};
  } catch (const std::exception& error) {
    return {nullptr, "open " + path + ": " + error.what(), notice, false};
  }
}

} // namespace troupe::store
