// Every call to the disk fails once: what was acknowledged before and after is there,
// and no good file is taken for a damaged one.

#include "test/unit/store/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <cstring>
#include <memory>
#include <sqlite3.h>

using namespace troupe;
using troupe::test::store_fixture;
namespace fs = std::filesystem;

namespace {

// Counts down with each call; at 0 that call fails.
int calls_left = -1;
bool failed = false;

bool fails_now() {
  if (calls_left < 0 || calls_left-- > 0)
    return false;
  failed = true;
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

// Stands in for the machine's disk while it lives.
struct failing_disk {
  failing_disk()
      : vfs(*real_vfs()) {
    vfs.zName = "failing";
    vfs.szOsFile = static_cast<int>(sizeof(wrapped_file)) + real_vfs()->szOsFile;
    vfs.pNext = nullptr;
    vfs.xOpen = wrapped_open;
    sqlite3_vfs_register(&vfs, 1);
  }
  ~failing_disk() {
    calls_left = -1;
    sqlite3_vfs_unregister(&vfs);
    sqlite3_vfs_register(real_vfs(), 1);
  }
  failing_disk(const failing_disk&) = delete;
  failing_disk& operator=(const failing_disk&) = delete;

  sqlite3_vfs vfs;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(io_error_suite, store_fixture)

BOOST_AUTO_TEST_CASE(a_call_that_fails_costs_no_acknowledged_write) {
  const failing_disk disk;
  {
    auto store = store::open_store(path);
    journal_batch batch;
    for (std::uint64_t i = 1; i <= 100; ++i) {
      batch.transitions.push_back(make_transition(i));
      batch.records.push_back(make_record("bot#" + std::to_string(i), i));
    }
    BOOST_REQUIRE(store->write(batch, true) == "");
  }
  fs::rename(path, path + ".good");
  int injected = 0;
  for (int n = 0; n < 500; ++n) {
    BOOST_TEST_CONTEXT("call " << n) {
      for (const auto* suffix : {"", "-wal", "-shm"})
        fs::remove(path + suffix);
      fs::copy_file(path + ".good", path);
      failed = false;
      calls_left = n;
      {
        auto store = store::open_store(path, {.busy = std::chrono::milliseconds{10}});
        store->load(0);
        for (std::uint64_t i = 101; i <= 104; ++i) {
          journal_batch batch;
          batch.transitions = {make_transition(i)};
          batch.records = {make_record("late#0", i)};
          std::string problem;
          for (int attempt = 0; attempt < 3; ++attempt)
            if (problem = store->write(batch, true); problem.empty())
              break;
          BOOST_REQUIRE(problem == "");
        }
      }
      calls_left = -1;
      injected += failed;
      for (const auto& entry : fs::directory_iterator(directory))
        BOOST_TEST(entry.path().string().find(".corrupt") == std::string::npos);
      const auto found = store::open_store(path)->load(0);
      BOOST_TEST(found.notice == "");
      BOOST_TEST(found.last_seq == 104u);
      BOOST_TEST(found.records.size() == 101u);
      BOOST_TEST(count("events") == 104);
    }
    if (!failed)
      break; // there are no more calls than that
  }
  BOOST_TEST(injected >= 30);
}

BOOST_AUTO_TEST_SUITE_END()
