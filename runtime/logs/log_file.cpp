#include "runtime/logs/log_file.hpp"

#include "runtime/logs/index.hpp"
#include "runtime/logs/names.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace troupe::logs {

namespace {

// A FIFO in its place must not block us, and a link must not lead us elsewhere.
constexpr int open_flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

// Renames, and what is not there stays away: an old file of that number would be in its place.
int move(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0)
    return 0;
  if (errno != ENOENT)
    return errno;
  ::unlink(to.c_str());
  return 0;
}

} // namespace

int make_directories(const std::string& base, const std::string& file) {
  for (auto slash = base.size(); slash != std::string::npos; slash = file.find('/', slash + 1))
    if (::mkdir(file.substr(0, slash).c_str(), 0700) != 0 && errno != EEXIST)
      return errno;
  return 0;
}

int log_file::open_one(const std::string& name, os::unique_fd& fd) {
  const auto file = path(name);
  fd.reset(::open(file.c_str(), open_flags, 0600));
  if (!fd && errno == ENOENT) {
    if (const int error = make_directories(folder_, file))
      return error;
    fd.reset(::open(file.c_str(), open_flags, 0600));
  }
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0)
    return errno;
  if (!S_ISREG(info.st_mode))
    return EINVAL;
  if ((info.st_mode & 0777) != 0600)
    static_cast<void>(::fchmod(fd.get(), 0600) == 0);
  device_ = info.st_dev;
  if (&fd == &log_)
    inode_ = info.st_ino;
  (&fd == &log_ ? size_ : index_size_) = static_cast<std::uint64_t>(info.st_size);
  return 0;
}

int log_file::open() {
  close();
  int error = open_one(log_name(stem_, 0), log_);
  if (error == 0)
    error = open_one(index_name(stem_, 0), index_);
  if (error == 0)
    error = trim_index();
  last_ = '\n';
  if (error == 0 && size_ > 0 && ::pread(log_.get(), &last_, 1, static_cast<off_t>(size_ - 1)) < 0)
    error = errno;
  if (error != 0)
    close();
  return error;
}

// A record goes to the disk before what it is about, and either file may have been changed by
// somebody else.
int log_file::trim_index() {
  const auto last_record = [&]() -> std::optional<index_record> {
    std::array<char, index_record_size> bytes;
    if (index_size_ < index_record_size)
      return std::nullopt;
    const auto count = ::pread(index_.get(), bytes.data(), bytes.size(),
                               static_cast<off_t>(index_size_ - index_record_size));
    return decode_index_record(
        {bytes.data(), static_cast<std::size_t>(std::max(count, ssize_t{0}))});
  };
  auto whole = index_size_ / index_record_size * index_record_size;
  std::swap(whole, index_size_);
  auto last = last_record();
  if (last && last->offset >= size_) {
    const auto records = read_index(index_.get());
    if (!records)
      return errno;
    const auto end = std::partition_point(records->begin(), records->end(),
                                          [&](const auto& x) { return x.offset < size_; });
    index_size_ = static_cast<std::uint64_t>(end - records->begin()) * index_record_size;
    last = last_record();
  }
  noted_time = last ? last->time : 0;
  incarnation = last ? last->incarnation : 0;
  if (whole != index_size_ && ::ftruncate(index_.get(), static_cast<off_t>(index_size_)) != 0)
    return errno;
  return 0;
}

bool log_file::in_place() {
  struct stat log {};
  struct stat index {};
  if (::lstat(path(log_name(stem_, 0)).c_str(), &log) != 0 || log.st_ino != inode_
      || log.st_dev != device_ || static_cast<std::uint64_t>(log.st_size) < size_)
    return false;
  // Nobody moves only the index.
  if (::fstat(index_.get(), &index) != 0 || index.st_nlink == 0
      || static_cast<std::uint64_t>(index.st_size) != index_size_)
    return false;
  size_ = static_cast<std::uint64_t>(log.st_size);
  return true;
}

void log_file::close() {
  log_.reset();
  index_.reset();
  source = 0;
}

int log_file::append(std::string_view bytes, const write_call& write, std::size_t& done) {
  for (done = 0; done < bytes.size();) {
    const auto count = write(log_.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return count < 0 ? errno : EIO;
    done += static_cast<std::size_t>(count);
    size_ += static_cast<std::size_t>(count);
    last_ = bytes[done - 1];
  }
  return 0;
}

int log_file::note(std::int64_t time, std::uint64_t of, const write_call& write) {
  const auto bytes = encode({size_, time, of});
  const auto count = write(index_.get(), bytes.data(), bytes.size());
  const int error = count < 0 ? errno : ENOSPC;
  if (count != static_cast<ssize_t>(bytes.size())) {
    // Half a record would shift all that follow.
    if (count > 0 && ::ftruncate(index_.get(), static_cast<off_t>(index_size_)) != 0)
      close();
    return error;
  }
  index_size_ += bytes.size();
  noted_time = time;
  incarnation = of;
  return 0;
}

int log_file::rotate(std::uint32_t keep, std::uint32_t known) {
  for (auto number = known; number > 0 && number >= keep; --number)
    remove(number);
  if (keep == 0) {
    const bool done = ::ftruncate(index_.get(), 0) == 0 && ::ftruncate(log_.get(), 0) == 0;
    const int error = done ? 0 : errno;
    close();
    return error;
  }
  close();
  for (auto number = std::min(known, keep - 1) + 1; number-- > 0;)
    for (const auto name : {log_name, index_name})
      if (const int error = move(path(name(stem_, number)), path(name(stem_, number + 1))))
        return error;
  return 0;
}

bool log_file::has(std::uint32_t number) const {
  return ::access(path(log_name(stem_, number)).c_str(), F_OK) == 0
         || ::access(path(index_name(stem_, number)).c_str(), F_OK) == 0;
}

void log_file::remove(std::uint32_t number) {
  if (number == 0)
    close();
  ::unlink(path(log_name(stem_, number)).c_str());
  ::unlink(path(index_name(stem_, number)).c_str());
}

} // namespace troupe::logs
