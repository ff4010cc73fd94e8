#include "test/unit/store/failing_disk.hpp"

namespace troupe::test {

namespace {

// Counts down with each call; at 0 that call fails.
int calls_left = -1;
bool has_failed = false;
bool is_full = false;

bool fails_now() {
  if (calls_left < 0 || calls_left-- > 0)
    return false;
  has_failed = true;
  return true;
}

// SQLite's own file with a step in between. The real one lies behind this struct.
struct wrapped_file {
  sqlite3_file base;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

wrapped_file* self(sqlite3_file* file) {
  return reinterpret_cast<wrapped_file*>(file);
}
const sqlite3_io_methods* methods(sqlite3_file* file) {
  return self(file)->real()->pMethods;
}

const sqlite3_io_methods wrapped_methods = {
    .iVersion = 2,
    .xClose = [](sqlite3_file* f) { return methods(f)->xClose(self(f)->real()); },
    .xRead =
        [](sqlite3_file* f, void* data, int size, sqlite3_int64 at) {
          return fails_now() ? SQLITE_IOERR_READ
                             : methods(f)->xRead(self(f)->real(), data, size, at);
        },
    .xWrite =
        [](sqlite3_file* f, const void* data, int size, sqlite3_int64 at) {
          sqlite3_int64 end = 0;
          if (is_full && methods(f)->xFileSize(self(f)->real(), &end) == SQLITE_OK
              && at + size > end)
            return SQLITE_FULL;
          return fails_now() ? SQLITE_IOERR_WRITE
                             : methods(f)->xWrite(self(f)->real(), data, size, at);
        },
    .xTruncate =
        [](sqlite3_file* f, sqlite3_int64 size) {
          return fails_now() ? SQLITE_IOERR_TRUNCATE : methods(f)->xTruncate(self(f)->real(), size);
        },
    .xSync =
        [](sqlite3_file* f, int flags) {
          return fails_now() ? SQLITE_IOERR_FSYNC : methods(f)->xSync(self(f)->real(), flags);
        },
    .xFileSize =
        [](sqlite3_file* f, sqlite3_int64* size) {
          return fails_now() ? SQLITE_IOERR_FSTAT : methods(f)->xFileSize(self(f)->real(), size);
        },
    .xLock = [](sqlite3_file* f, int x) { return methods(f)->xLock(self(f)->real(), x); },
    .xUnlock = [](sqlite3_file* f, int x) { return methods(f)->xUnlock(self(f)->real(), x); },
    .xCheckReservedLock = [](sqlite3_file* f,
                             int* x) { return methods(f)->xCheckReservedLock(self(f)->real(), x); },
    .xFileControl = [](sqlite3_file* f, int op,
                       void* x) { return methods(f)->xFileControl(self(f)->real(), op, x); },
    .xSectorSize = [](sqlite3_file* f) { return methods(f)->xSectorSize(self(f)->real()); },
    .xDeviceCharacteristics =
        [](sqlite3_file* f) { return methods(f)->xDeviceCharacteristics(self(f)->real()); },
    .xShmMap =
        [](sqlite3_file* f, int page, int size, int extend, void volatile** where) {
          return fails_now() ? SQLITE_IOERR_SHMMAP
                             : methods(f)->xShmMap(self(f)->real(), page, size, extend, where);
        },
    .xShmLock = [](sqlite3_file* f, int offset, int n,
                   int flags) { return methods(f)->xShmLock(self(f)->real(), offset, n, flags); },
    .xShmBarrier = [](sqlite3_file* f) { methods(f)->xShmBarrier(self(f)->real()); },
    .xShmUnmap = [](sqlite3_file* f, int x) { return methods(f)->xShmUnmap(self(f)->real(), x); },
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

sqlite3_vfs* real_vfs() {
  return sqlite3_vfs_find("unix");
}

int wrapped_open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
  file->pMethods = nullptr;
  if (fails_now())
    return SQLITE_CANTOPEN;
  const int result = real_vfs()->xOpen(real_vfs(), name, self(file)->real(), flags, out);
  if (result == SQLITE_OK)
    file->pMethods = &wrapped_methods;
  return result;
}

} // namespace

failing_disk::failing_disk()
    : vfs_(*real_vfs()) {
  vfs_.zName = "failing";
  vfs_.szOsFile = static_cast<int>(sizeof(wrapped_file)) + real_vfs()->szOsFile;
  vfs_.pNext = nullptr;
  vfs_.xOpen = wrapped_open;
  sqlite3_vfs_register(&vfs_, 1);
}

failing_disk::~failing_disk() {
  calls_left = -1;
  is_full = false;
  sqlite3_vfs_unregister(&vfs_);
  sqlite3_vfs_register(real_vfs(), 1);
}

void failing_disk::fail_after(int calls) {
  has_failed = false;
  calls_left = calls;
}

void failing_disk::fill(bool full) {
  is_full = full;
}

bool failing_disk::failed() const {
  return has_failed;
}

} // namespace troupe::test
